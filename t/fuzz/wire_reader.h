/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_reader.h - an input to the wire's decoder, and what it promises.
 */
#ifndef APPPOOL_TEST_WIRE_READER_H
#define APPPOOL_TEST_WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How an input begins: bits 0 to 4 are who may have sent it (FROM_*), bits 5
 * to 7 the number of descriptors. The rest is the packet. */
#define WIRE_READER_FDS 5

/* Abort unless every promise of message.h holds. True: it was accepted. */
bool wire_reader_try(const uint8_t *data, size_t size);

#endif
