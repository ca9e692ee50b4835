/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_reader.h - what clients and applications do to an engine.
 *
 * An input is steps: a byte that says which, and what it needs. Between two the
 * engine does all there is to be done and the core's books are checked. Aborts
 * when the engine would end, says what is against the tables, shows a status
 * that is no JSON, or loses count.
 */
#ifndef APPPOOL_FUZZ_ENGINE_READER_H
#define APPPOOL_FUZZ_ENGINE_READER_H

#include <stddef.h>
#include <stdint.h>

/* seeds.py has the same numbers. */
enum engine_step {
    STEP_START,   /* a byte: is it not the first engine? */
    STEP_CLIENT,  /* a byte: 1 admin, 2 known to the engine before */
    STEP_MESSAGE, /* client, channel, type, id, fields */
    STEP_PACKET,  /* client, channel, bytes */
    STEP_CLOSE,   /* client, channel */
    STEP_WORD,    /* client, slot, 8 bytes: the word as it is to be */
    STEP_SLOT,    /* client, slot, enum slot_event */
    STEP_NOTE,    /* client, slot, offset (2 bytes), bytes */
    STEP_REPORT,  /* process, long bytes */
    STEP_PRINT,   /* process, long bytes */
    STEP_GONE,    /* process, status (2 bytes) */
    STEP_KNOWN,   /* application, ready: a process from before */
    STEP_KEPT,    /* client, slot, process */
    STEP_TIME,    /* how long, as a power of two, ms */
    STEP_DEFINE,  /* fields */
    STEP_COMMIT,  /* fields of its CONFIGURE */
    STEP_SEEN,    /* application, what */
    STEP_REFUSES, /* from now on no process takes connections, or does */
    STEP_STOP,
    STEP_COUNT
};

void engine_reader_try(const uint8_t *data, size_t size);

#endif
