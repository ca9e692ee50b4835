/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_note.c - see slot_note.h.
 */
#include "slot_note.h"

#include <string.h>

#define SECOND UINT64_C(1000000)
/* More at a time than any client could have had since the last look. */
#define STEP_MAX 100000000u
#define LONGEST_US (UINT64_C(7) * 86400 * SECOND)

const uint32_t times_bounds_us[TIMES_BUCKETS - 1] = {
    1000, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
    5000000, 10000000, 30000000
};

static unsigned bucket_of(int64_t took_us)
{
    unsigned i = 0;

    while (i < TIMES_BUCKETS - 1 && took_us > times_bounds_us[i]) {
        i++;
    }
    return i;
}

static void count(struct note_times *times, int64_t took_us)
{
    if (took_us < 0) {
        took_us = 0;
    }
    atomic_fetch_add_explicit(&times->count[bucket_of(took_us)], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&times->sum_us, (uint64_t)took_us,
                              memory_order_relaxed);
}

/* One thread of the client has the slot: nobody else writes. */
static void put_text(char *to, size_t size, const char *text)
{
    size_t len = text != NULL ? strnlen(text, size - 1) : 0;

    memcpy(to, text, len);
    to[len] = '\0';
}

void note_begin(struct slot_note *note, int64_t now_us, int64_t waited_us,
                const char *peer, const char *line)
{
    uint32_t version = atomic_load_explicit(&note->version,
                                            memory_order_relaxed);

    atomic_store_explicit(&note->version, version | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    put_text(note->peer, sizeof(note->peer), peer != NULL ? peer : "");
    put_text(note->line, sizeof(note->line), line != NULL ? line : "");
    atomic_store_explicit(&note->waited_us, waited_us, memory_order_relaxed);
    atomic_store_explicit(&note->began_us, now_us, memory_order_relaxed);
    atomic_store_explicit(&note->version, (version | 1) + 1,
                          memory_order_release);
}

void note_end(struct slot_note *note, int64_t now_us)
{
    int64_t began = atomic_load_explicit(&note->began_us,
                                         memory_order_relaxed);

    if (began != 0) {
        count(&note->queue, atomic_load_explicit(&note->waited_us,
                                                 memory_order_relaxed));
        count(&note->work, now_us - began);
        atomic_store_explicit(&note->began_us, 0, memory_order_relaxed);
    }
}

static bool read_once(const struct slot_note *note, struct note_text *text_r)
{
    uint32_t before = atomic_load_explicit(&note->version,
                                           memory_order_acquire);

    text_r->began_us = atomic_load_explicit(&note->began_us,
                                            memory_order_relaxed);
    text_r->waited_us = atomic_load_explicit(&note->waited_us,
                                             memory_order_relaxed);
    memcpy(text_r->peer, note->peer, sizeof(text_r->peer));
    memcpy(text_r->line, note->line, sizeof(text_r->line));
    text_r->peer[sizeof(text_r->peer) - 1] = '\0';
    text_r->line[sizeof(text_r->line) - 1] = '\0';
    atomic_thread_fence(memory_order_acquire);
    return (before & 1) == 0 &&
           before == atomic_load_explicit(&note->version,
                                          memory_order_relaxed);
}

void note_read(const struct slot_note *note, struct note_text *text_r)
{
    for (int i = 0; i < 3; i++) {
        if (read_once(note, text_r)) {
            return;
        }
    }
    text_r->peer[0] = text_r->line[0] = '\0';
}

void times_add(struct times *times, int64_t took_us)
{
    times->count[bucket_of(took_us)]++;
    times->sum_us += took_us > 0 ? (uint64_t)took_us : 0;
}

void times_see(struct times_seen *seen, const struct note_times *note)
{
    for (unsigned i = 0; i < TIMES_BUCKETS; i++) {
        seen->count[i] = atomic_load_explicit(&note->count[i],
                                              memory_order_relaxed);
    }
    seen->sum_us = atomic_load_explicit(&note->sum_us, memory_order_relaxed);
}

void times_collect(struct times *times, struct times_seen *seen,
                   const struct note_times *note)
{
    struct times_seen now;
    uint64_t more = 0;

    times_see(&now, note);
    for (unsigned i = 0; i < TIMES_BUCKETS; i++) {
        uint32_t step = now.count[i] - seen->count[i];

        if (step <= STEP_MAX) {
            times->count[i] += step;
            more += step;
        }
    }
    if (more > 0 && now.sum_us - seen->sum_us <= more * LONGEST_US) {
        times->sum_us += now.sum_us - seen->sum_us;
    }
    *seen = now;
}
