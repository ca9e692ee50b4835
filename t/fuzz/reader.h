/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.h - tries one input on one protocol's reader.
 */
#ifndef APPPOOL_FUZZ_READER_H
#define APPPOOL_FUZZ_READER_H

#include <stdint.h>

#include "protocol.h"

/* Aborts when the reader breaks a promise. */
void reader_try(const struct protocol *protocol, const uint8_t *data,
                size_t size);

#endif
