/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_note.h - what a client says about the requests in a slot, for people.
 *
 * Behind its words a board has one note a slot: the request that is in it now,
 * and how long its requests have waited and taken, counted. The client writes,
 * the engine reads when somebody wants to see it; nothing is decided by it. So
 * requests and their times reach the status without a message, at the cost of
 * two looks at the clock and a copy of the request line.
 *
 * A hostile client may write what it likes there: the engine takes bounded
 * copies, and the worst it gets is a wrong number in the status.
 */
#ifndef APPPOOL_SLOT_NOTE_H
#define APPPOOL_SLOT_NOTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NOTE_BYTES 512
#define NOTE_PEER  48  /* "2001:db8:...": an address, NUL included */
#define NOTE_LINE  304 /* the request line, cut where it is longer */

/* Upper bounds of the buckets of a histogram, microseconds; the last bucket,
 * TIMES_BUCKETS - 1, has none. */
#define TIMES_BUCKETS 14
extern const uint32_t times_bounds_us[TIMES_BUCKETS - 1];

/* Requests by how long something took. Only ever grows. */
struct note_times {
    _Atomic uint64_t sum_us;
    _Atomic uint32_t count[TIMES_BUCKETS];
};

struct slot_note {
    _Atomic uint32_t version;  /* odd while the text is being written */
    uint32_t unused;
    _Atomic int64_t began_us;  /* the request in it, monotonic; 0: none */
    _Atomic int64_t waited_us; /* it waited for the slot */
    struct note_times queue, work;
    char peer[NOTE_PEER];
    char line[NOTE_LINE];
};

_Static_assert(sizeof(struct slot_note) <= NOTE_BYTES, "a note has its room");

/* A request begins at now_us after it has waited; texts may be NULL. */
void note_begin(struct slot_note *note, int64_t now_us, int64_t waited_us,
                const char *peer, const char *line);

/* It is over: the slot is free of it. */
void note_end(struct slot_note *note, int64_t now_us);

/* What is read there at one moment. */
struct note_text {
    int64_t began_us, waited_us; /* began_us 0: no request */
    char peer[NOTE_PEER];
    char line[NOTE_LINE];
};

/* A copy; empty texts where the client writes just now. */
void note_read(const struct slot_note *note, struct note_text *text_r);

/* Times as they have been counted elsewhere, by the same bounds. */
struct times {
    uint64_t sum_us;
    uint64_t count[TIMES_BUCKETS];
};

void times_add(struct times *times, int64_t took_us);

/*
 * Add to `times` what has come since `seen`, and bring that up to date. What
 * no client of good faith would write (a step back, years) counts nothing.
 */
struct times_seen {
    uint64_t sum_us;
    uint32_t count[TIMES_BUCKETS];
};
void times_see(struct times_seen *seen, const struct note_times *note);
void times_collect(struct times *times, struct times_seen *seen,
                   const struct note_times *note);

#endif
