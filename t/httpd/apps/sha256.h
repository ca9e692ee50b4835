/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256.h - FIPS 180-4, for probe_body.c, so that it needs no further library.
 */
#ifndef APPPOOL_TEST_SHA256_H
#define APPPOOL_TEST_SHA256_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sha256 {
    uint32_t state[8], constants[64];
    uint64_t length;
    unsigned char block[64];
};

static inline bool sha256_is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++) {
        if (n % d == 0) {
            return false;
        }
    }
    return true;
}

/* The first 32 bits of a root's fraction. */
static inline uint32_t sha256_fraction(long double root)
{
    return (uint32_t)((root - floorl(root)) * 4294967296.0L);
}

static inline void sha256_begin(struct sha256 *hash)
{
    unsigned n = 0;

    hash->length = 0;
    for (unsigned prime = 2; n < 64; prime++) {
        if (sha256_is_prime(prime)) {
            hash->constants[n] = sha256_fraction(cbrtl(prime));
            if (n < 8) {
                hash->state[n] = sha256_fraction(sqrtl(prime));
            }
            n++;
        }
    }
}

static inline uint32_t sha256_turn(uint32_t word, unsigned by)
{
    return word >> by | word << (32 - by);
}

static inline void sha256_block(struct sha256 *hash)
{
    uint32_t w[64], s[8];

    for (int i = 0; i < 16; i++) {
        const unsigned char *b = hash->block + 4 * i;

        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
               (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] +
               (sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3) +
               (sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10);
    }
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t one = s[7] + hash->constants[i] + w[i] +
                       (sha256_turn(s[4], 6) ^ sha256_turn(s[4], 11) ^
                        sha256_turn(s[4], 25)) +
                       ((s[4] & s[5]) ^ (~s[4] & s[6]));
        uint32_t two = (sha256_turn(s[0], 2) ^ sha256_turn(s[0], 13) ^
                        sha256_turn(s[0], 22)) +
                       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

        memmove(s + 1, s, 7 * sizeof *s);
        s[0] = one + two;
        s[4] += one;
    }
    for (int i = 0; i < 8; i++) {
        hash->state[i] += s[i];
    }
}

static inline void sha256_add(struct sha256 *hash, const char *data, size_t len)
{
    for (; len > 0; len--) {
        hash->block[hash->length++ % 64] = (unsigned char)*data++;
        if (hash->length % 64 == 0) {
            sha256_block(hash);
        }
    }
}

/* hex: 65 bytes. */
static inline void sha256_end(struct sha256 *hash, char *hex)
{
    uint64_t bits = hash->length * 8;
    char length[8];

    for (int i = 0; i < 8; i++) {
        length[i] = (char)(bits >> (56 - 8 * i));
    }
    sha256_add(hash, "\x80", 1);
    while (hash->length % 64 != 56) {
        sha256_add(hash, "", 1);
    }
    sha256_add(hash, length, 8);
    for (int i = 0; i < 8; i++) {
        sprintf(hex + 8 * i, "%08x", hash->state[i]);
    }
}

#endif
