/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn_reader.h - apppool-spawn with a definition, up to the program it would
 * execute.
 *
 * All of it runs but what changes this process: user, namespaces, descriptors.
 * The first byte of an input is options (enum below); the rest is fields of
 * CONFIGURE and DEFINE, or with SPAWN_RAW what is read as they are.
 */
#ifndef APPPOOL_FUZZ_SPAWN_READER_H
#define APPPOOL_FUZZ_SPAWN_READER_H

#include <stddef.h>
#include <stdint.h>

enum { SPAWN_PRELOAD = 1, SPAWN_PORT = 2, SPAWN_KEEP = 4, SPAWN_PLAIN = 8,
       SPAWN_RAW = 16 };

/* Abort unless it executes something with an environment that is in order, or
 * ends with a report of what is wrong. */
void spawn_reader_try(const uint8_t *data, size_t size);

#endif
