/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_reader.h - what engine, applications, watcher, callers at the gates
 * and whoever had a ledger before say to a master.
 *
 * An input is steps: a byte that says which, and what it needs. Between two the
 * master does all there is to be done. Aborts when it says to the engine what
 * is against the tables, takes up more definitions than it may, would end, or
 * has not let go of all its descriptors.
 */
#ifndef APPPOOL_FUZZ_MASTER_READER_H
#define APPPOOL_FUZZ_MASTER_READER_H

#include <stddef.h>
#include <stdint.h>

/* wire_seeds.py has the same numbers. */
enum master_step {
    STEP_ENGINE,  /* type, id, fields: a message of the engine's */
    STEP_PACKET,  /* long bytes: from the engine, whatever they are */
    STEP_ANEW,    /* another engine */
    STEP_WATCHER, /* type, id, fields */
    STEP_PARENT,  /* type, id, fields: on the config channel */
    STEP_GATE,    /* gate, number of descriptors, bytes */
    STEP_REPORT,  /* process, speaker, number of descriptors, long bytes */
    STEP_DIES,    /* speaker, status: it is reaped */
    STEP_ENDS,    /* process: its pidfd says so */
    STEP_LEDGER,  /* sealed, times, long bytes: each time these again */
    STEP_COUNT
};

void master_reader_try(const uint8_t *data, size_t size);

#endif
