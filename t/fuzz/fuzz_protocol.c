/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_protocol.c - what fuzz_try.c tries, for the protocol that FUZZED names.
 */
#include "reader.h"

void fuzz_protocol(const uint8_t *data, size_t size);

void fuzz_protocol(const uint8_t *data, size_t size)
{
    reader_try(&FUZZED, data, size);
}
