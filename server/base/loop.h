/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - one thread, many descriptors (apr_pollset), some timers
 * (apr_skiplist).
 *
 * Master and engine each run one loop and do all their work in its callbacks.
 * A callback may close its own watch or any other; the loop notices. Time is
 * CLOCK_MONOTONIC in microseconds, read once per turn: a changed wall clock
 * harms nothing.
 */
#ifndef APPPOOL_LOOP_H
#define APPPOOL_LOOP_H

#include <apr_pools.h>
#include <apr_time.h>
#include <stdbool.h>

struct loop;
struct loop_watch;
struct loop_timer;

enum loop_events {
    LOOP_READ = 1, /* readable, or at its end */
    LOOP_WRITE = 2
};

/*
 * events: what happened, of those asked for (a hang-up or error counts as all
 * of them, so that the next call on the descriptor tells).
 */
typedef void loop_ready_fn(void *baton, int fd, unsigned events);
typedef void loop_timer_fn(void *baton);

/* A loop in `p`, which owns it. NULL: the system refuses (errno). */
struct loop *loop_new(apr_pool_t *p);

/* Microseconds on the monotonic clock, as of this turn. */
apr_time_t loop_now(const struct loop *loop);

/*
 * Call `ready` whenever fd (borrowed; close the watch before closing fd) has
 * one of `events`. NULL: no memory or descriptor (errno).
 */
struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              loop_ready_fn *ready, void *baton);

/* Change the events; 0 keeps the watch but asks for nothing. */
void loop_watch_set(struct loop_watch *watch, unsigned events);

/* End a watch; NULL inside is fine, NULL afterwards. */
void loop_unwatch(struct loop_watch **watch);

/* Call `due` once, delay microseconds from now (>= 0). Never NULL. */
struct loop_timer *loop_timer_add(struct loop *loop, apr_interval_time_t delay,
                                  loop_timer_fn *due, void *baton);

/* Cancel; NULL inside is fine, NULL afterwards. A timer that has fired is gone:
 * its callback sets the owner's pointer to NULL first. */
void loop_timer_cancel(struct loop_timer **timer);

/* Turn until loop_stop(). */
void loop_run(struct loop *loop);

/* One turn that waits at most `wait` microseconds; for tests. */
void loop_turn(struct loop *loop, apr_interval_time_t wait);
void loop_stop(struct loop *loop);

#endif
