/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_reader.h - the mailbox of httpd's parent, and a child that asks at a
 * rendezvous, with somebody in between who shares both sockets.
 *
 * An input is steps: a byte that says which, and what it needs. Aborts when
 * anything but what the parent has put in is believed, when it is not there
 * after the parent has seen to it, or when a descriptor is left.
 */
#ifndef APPPOOL_FUZZ_MAILBOX_READER_H
#define APPPOOL_FUZZ_MAILBOX_READER_H

#include <stddef.h>
#include <stdint.h>

/* wire_seeds.py has the same numbers. */
enum mailbox_step {
    STEP_PUT,      /* the parent puts it in */
    STEP_KEEP,     /* the parent looks after it */
    STEP_LOOK,     /* a child looks */
    STEP_FOREIGN,  /* number of descriptors, bytes: into the mailbox */
    STEP_TAKE,     /* how many: out of it */
    STEP_OPTION,   /* which, value */
    STEP_ANSWER,   /* number of descriptors, bytes: to who asks next */
    STEP_ASK,      /* a child asks for a channel */
    STEP_COUNT
};

void mailbox_reader_try(const uint8_t *data, size_t size);

#endif
