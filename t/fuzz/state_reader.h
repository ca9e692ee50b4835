/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_reader.h - the state that one master leaves to the next.
 *
 * What is taken is written again and taken again: nothing may have changed but
 * the order. The tables are not freed, since that would close and kill what the
 * input names; the fuzzer looks for no leaks.
 */
#ifndef APPPOOL_FUZZ_STATE_READER_H
#define APPPOOL_FUZZ_STATE_READER_H

#include <stddef.h>
#include <stdint.h>

/* Abort unless it is refused with a reason, or comes back as it was. */
void state_reader_try(const uint8_t *data, size_t size);

#endif
