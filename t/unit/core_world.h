/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_world.h - a core in virtual time, and a diary of what it decides.
 *
 * Requests have letters, processes the numbers the core gives them. Every step
 * ends with core_check(). What was decided since the last expect() is text:
 *
 *   start 1            preload 1          fork 2 of 1.0 (listener 0)
 *   a=1                request a got process 1
 *   a!failed: text     a!full  a!late  a!stopping
 *   retire 1 idle      abort 1            kill 1
 *   restarted          unchanged: text
 *
 * joined by ", ".
 */
#ifndef APPPOOL_CORE_WORLD_H
#define APPPOOL_CORE_WORLD_H

#include "core.h"

#include <check.h>

#define SECOND INT64_C(1000000)
#define WORLD_PROCESSES 512

struct world {
    struct core *core;
    int64_t now;
    struct core_waiter waiters[128];        /* by letter */
    struct core_process *processes[WORLD_PROCESSES]; /* by number */
    char preferred;                         /* request that all processes suit
                                               best; 0: none */
    unsigned forgotten;                     /* processes */
    unsigned retry_after;                   /* of the last refusal */
    char diary[4096];
};

/* A pool with `max` processes, as many starts at once, no idle time-out. */
struct world *world_new(unsigned max);
void world_free(struct world *world);
void world_limit(struct world *world, unsigned max, unsigned max_spawning,
                 int64_t max_idle_s);

/* One request at a time, a minimum of 1, nothing else limited. */
struct core_app_limits world_limits(void);
struct core_app *world_app(struct world *world);
struct core_app *world_app_with(struct world *world,
                                struct core_app_limits limits);

/* Each letter is a request. Age: it has waited so long elsewhere. */
void get(struct world *world, struct core_app *app, const char *letters);
void get_aged(struct world *world, struct core_app *app, char letter,
              int64_t age_us);
void get_sticky(struct world *world, struct core_app *app, char letter,
                uint32_t process);
void cancel(struct world *world, char letter);
void closed(struct world *world, uint32_t process);
void closed_dirty(struct world *world, uint32_t process);
void cleaned(struct world *world, uint32_t process);
void lost(struct world *world, uint32_t process, char letter);
void ready(struct world *world, uint32_t process);
void failed(struct world *world, uint32_t process, const char *text);
void gone(struct world *world, uint32_t process);
/* ready, then each request's session closed: idle from now on. */
void pass(struct world *world, int64_t us); /* ticks at every due time */

/* What was decided since the last time. */
void expect(struct world *world, const char *diary);
void forget(struct world *world); /* whatever it was */

struct core_view world_view(struct world *world);
struct core_app_view app_view(struct core_app *app);
enum core_process_state state_of(struct world *world, uint32_t process);

/* main() of a test program. */
int world_run(const char *name, const TTest *const *tests);

#endif
