/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - how long the requests of each application waited and took, and
 * its processes to start; what its processes take of memory and processor.
 *
 * The times are counted by the clients in their boards' notes (slot_note.h) and
 * collected here once a second and whenever a connection ends. Nothing is
 * decided by them.
 */
#ifndef APPPOOL_ENGINE_METRICS_H
#define APPPOOL_ENGINE_METRICS_H

#include "engine.h"
#include "slot_note.h"

struct definition;
struct running;
struct slot;

/* Of an application, in its definition; since this engine began. */
struct metrics {
    struct times queue; /* from the request's arrival to its process */
    struct times work;  /* from there until the process was given back */
    struct times spawn; /* from the decision to start to ready */
};

/* Of a slot: up to where its note has been collected. */
struct metrics_seen {
    struct times_seen queue, work;
};

/* Of a process, as the watcher measured it last. */
struct usage {
    int64_t asked_us;     /* when it was asked for; 0: never */
    int64_t measured_us;  /* when it came; 0: never */
    uint32_t pss_kib;     /* proportional set; where refused RSS less shared */
    uint32_t private_kib; /* 0: refused */
    uint64_t cpu_us;      /* user and system, since its start */
    double cpu_percent;   /* between the last two measurements */
};

/* A new slot: what is in its line's note is another's. */
void metrics_begin(struct slot *slot);

/* What its note has counted since. */
void metrics_collect(struct slot *slot);
void metrics_collect_all(struct engine *engine);

/* A process has become ready. */
void metrics_spawned(struct running *running);

/*
 * Ask the watcher about every process that was not asked about for max_age_us;
 * those with a PoolMemoryLimit every second in any case.
 */
#define MEASURE_EVERY_US (10 * APR_USEC_PER_SEC)
#define MEASURE_FRESH_US APR_USEC_PER_SEC
void metrics_measure(struct engine *engine, int64_t max_age_us);

/* Link message. */
void metrics_on_measured(struct engine *engine, struct wire_message *m);

#endif
