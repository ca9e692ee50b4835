/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wire_replay.c - a seed for each message, made from the table: it is
 * accepted, and what mutations make of it breaks no promise (make check).
 *
 * With a folder as argument the seeds are written there, for the fuzzer.
 */
#include "message.h"
#include "mutate.h"
#include "wire_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct seed {
    const char *name;
    enum wire_type type;
    unsigned senders;
    wire_field_set needs, takes;
    unsigned min_fds, max_fds;
} seeds[] = {
#define SEED(number, name, senders, needs, takes, fmin, fmax, says)           \
    { #name, MSG_##name, senders, needs, takes, fmin, fmax },
    WIRE_MESSAGES(SEED)
#undef SEED
};

/* Whatever its kind takes. */
static void put_something(struct wire_message *m, enum wire_field f)
{
    if (wire_put_u32(m, f, f) < 0 && wire_put_u64(m, f, f) < 0 &&
        wire_put_bytes(m, f, "/srv/a", 6) < 0 &&
        wire_put_bytes(m, f, "a=1\0b=\0", 7) < 0) {
        abort();
    }
}

/* The input, owned by the caller, with MUTATE_ROOM behind it. */
static uint8_t *make_input(const struct seed *seed, wire_field_set set,
                           unsigned n_fds, size_t *size_r)
{
    struct wire_message m;
    uint8_t *input;

    wire_message_init(&m);
    wire_message_begin(&m, seed->type, 7);
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        if ((set >> f & 1) != 0) {
            put_something(&m, (enum wire_field)f);
        }
    }
    input = malloc(m.len + 1 + MUTATE_ROOM);
    if (input == NULL) {
        abort();
    }
    input[0] = (uint8_t)(seed->senders | n_fds << WIRE_READER_FDS);
    memcpy(input + 1, m.data, m.len);
    *size_r = m.len + 1;
    wire_message_clear(&m);
    return input;
}

static void write_seed(const char *folder, const struct seed *seed,
                       const char *what, const uint8_t *input, size_t size)
{
    char path[4096];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s-%s", folder, seed->name, what);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(input, 1, size, file) != size) {
        perror(path);
        exit(2);
    }
    fclose(file);
}

static bool replay(const uint8_t *input, size_t size)
{
    uint8_t *data = malloc(size + MUTATE_ROOM);
    bool accepted = wire_reader_try(input, size);

    if (data == NULL) {
        abort();
    }
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(data, input, size);
        wire_reader_try(data, mutate(data, size));
    }
    free(data);
    return accepted;
}

static bool try_seed(const struct seed *seed, const char *folder, bool whole)
{
    size_t size;
    uint8_t *input = make_input(
        seed, whole ? seed->needs | seed->takes : seed->needs,
        whole ? seed->max_fds : seed->min_fds, &size);
    bool accepted;

    printf("%s %s\n", seed->name, whole ? "whole" : "least");
    fflush(stdout);
    if (folder != NULL) {
        write_seed(folder, seed, whole ? "whole" : "least", input, size);
    }
    accepted = replay(input, size);
    free(input);
    return accepted;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : NULL;
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        for (int whole = 0; whole < 2; whole++) {
            bool accepted = try_seed(&seeds[i], folder, whole != 0);

            passed += accepted;
            failed += !accepted;
        }
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
