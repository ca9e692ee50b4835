/* SPDX-License-Identifier: Apache-2.0 */
/*
 * input.h - a fuzzer's bytes, taken from the front as they are needed.
 *
 * When they have come to their end, numbers are 0 and texts are empty.
 */
#ifndef APPPOOL_FUZZ_INPUT_H
#define APPPOOL_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct input {
    const uint8_t *at;
    size_t left;
};

uint8_t input_byte(struct input *in);
uint16_t input_word(struct input *in);
/* Small numbers take a byte, from 240 on four bytes follow. */
uint32_t input_number(struct input *in);

/* A byte, and as many bytes as it says; the long one two. Borrowed. */
const char *input_bytes(struct input *in, size_t *len_r);
const char *input_long_bytes(struct input *in, size_t *len_r);

/* A byte, and as many fields: number, value; those that m does not take are
 * left out. */
void input_fields(struct input *in, struct wire_message *m);

#endif
