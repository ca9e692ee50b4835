/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate.h - inputs a little wrong, the same ones each time.
 */
#ifndef APPPOOL_TEST_MUTATE_H
#define APPPOOL_TEST_MUTATE_H

#include <stddef.h>
#include <stdint.h>

#define MUTATIONS   300 /* of each seed */
#define MUTATE_ROOM 8   /* bytes that one may become longer */

/* Change data in place; its new size. */
size_t mutate(uint8_t *data, size_t size);

#endif
