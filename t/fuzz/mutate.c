/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutate.c - see mutate.h.
 */
#include "mutate.h"

#include <string.h>

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

/* Bytes that mean something to a parser are drawn more often than others. */
static uint8_t draw_byte(void)
{
    static const char some[] = "\r\n:; \t0159afHTTP/.\0,\"";

    return draw(2) ? (uint8_t)some[draw(sizeof(some))] : (uint8_t)draw(256);
}

size_t mutate(uint8_t *data, size_t size)
{
    uint32_t n = draw(4) + 1;

    while (n-- > 0 && size > 2) {
        uint32_t at = draw((uint32_t)size);

        switch (draw(3)) {
        case 0:
            data[at] = draw_byte();
            break;
        case 1: /* a byte less */
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        default: /* one more; there is MUTATE_ROOM */
            memmove(data + at + 1, data + at, size - at);
            data[at] = draw_byte();
            size++;
            break;
        }
    }
    return size;
}
