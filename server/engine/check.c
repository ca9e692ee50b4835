/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.c - what is true whenever the core is at rest. Aborts if it is not.
 */
#include "core_internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK_LOCAL_DEPTH 8 /* of a queue, after each event */

#define HOLDS(condition) check_holds((condition), #condition, __LINE__)

static void check_holds(bool condition, const char *text, int line)
{
    if (!condition) {
        fprintf(stderr, "check.c:%d: does not hold: %s\n", line, text);
        abort();
    }
}

static unsigned check_sum(const unsigned *count)
{
    return count[STAGE_STARTING] + count[STAGE_SERVING] + count[STAGE_LEAVING]
           + count[STAGE_RETIRING];
}

static void check_limits(const struct core *core)
{
    unsigned all = check_sum(core->count) + core->n_reserved;
    unsigned most = core->limits.max + 1; /* one successor */

    HOLDS(all <= (most > core->grace ? most : core->grace));
    HOLDS(core->count[STAGE_STARTING] + core->n_reserved
              <= core->limits.max_spawning
          || core->grace);
    HOLDS(core->n_active <= check_sum(core->count));
}

static void check_process(const struct core_process *process)
{
    const struct core_app *app = process->app;
    unsigned use = core_process_use(process);

    HOLDS(core_process_has_place(process) == (process->level >= 0));
    HOLDS(process->stage != STAGE_LEAVING || use);
    HOLDS(!process->quota || process->requests <= process->quota
          || app->core->grace);
    HOLDS(process->stage == STAGE_RETIRING || !process->ending);
    HOLDS(process->stage != STAGE_RETIRING || process->ending);
    HOLDS(!process->preloader || !use);
    HOLDS(process->stage == STAGE_SERVING || TAILQ_EMPTY(&process->line));
    HOLDS(process->level < 0 || TAILQ_EMPTY(&process->line)
          || app->core->held);
}

/* In the order of age; returns how many. At most `depth` are looked at. */
static unsigned check_line(const struct core_queue *line, unsigned depth)
{
    const struct core_waiter *waiter;
    const struct core_waiter *before = NULL;
    unsigned n = 0;

    TAILQ_FOREACH(waiter, line, line) {
        if (n == depth) {
            break;
        }
        HOLDS(!before || before->since_us <= waiter->since_us);
        before = waiter;
        n++;
    }
    return n;
}

static void check_lines(const struct core_app *app, unsigned depth)
{
    const struct core_process *process;
    const struct core_waiter *head = TAILQ_FIRST(&app->line);
    unsigned any = check_line(&app->line, depth);
    unsigned own = 0;

    TAILQ_FOREACH(process, &app->all, all) {
        own += check_line(&process->line, depth);
    }
    HOLDS(any == (core_queue_any(app) < depth ? core_queue_any(app) : depth));
    HOLDS(own <= app->n_sticky);
    HOLDS(own == app->n_sticky || app->n_sticky > depth);
    HOLDS(!head || app->core->held || !core_shelf_best(app, head));
}

/* First come, first served. At most `depth` of those who wait are looked at. */
static void check_queue(const struct core_app *app, unsigned depth)
{
    const struct core_waiter *waiter;
    const struct core_waiter *before = NULL;
    unsigned n = 0;

    TAILQ_FOREACH(waiter, &app->queue, link) {
        if (n == depth) {
            break;
        }
        HOLDS(waiter->app == app);
        HOLDS(!before || before->since_us <= waiter->since_us);
        HOLDS(!before || before->counts_from_us <= waiter->counts_from_us);
        before = waiter;
        n++;
    }
    HOLDS(n == (app->n_waiting < depth ? app->n_waiting : depth));
    HOLDS(!n || (!app->removed && !app->core->stopping));
}

/* A fork has a listener of its own. */
static void check_listeners(const struct core_app *app)
{
    const struct core_process *preloader, *process;

    TAILQ_FOREACH(preloader, &app->preloaders, all) {
        uint64_t used = 0;

        TAILQ_FOREACH(process, &app->all, all) {
            if (process->parent == preloader) {
                HOLDS(!(used & (UINT64_C(1) << process->listener)));
                used |= UINT64_C(1) << process->listener;
            }
        }
        HOLDS(used == preloader->listeners_used);
    }
}

/* Whoever waits waits for something: a process it has or that comes, its turn
 * in the pool, or its own limit. */
static void check_hope(const struct core_app *app)
{
    HOLDS(!app->n_waiting || core_app_all(app) || app->hunger != HUNGER_NONE
          || app->core->held);
}

static void check_app(const struct core_app *app, unsigned depth)
{
    const struct core_process *process;
    unsigned count[STAGE_COUNT] = {0};
    unsigned stage;

    TAILQ_FOREACH(process, &app->all, all) {
        check_process(process);
        count[process->stage]++;
    }
    TAILQ_FOREACH(process, &app->preloaders, all) {
        check_process(process);
    }
    for (stage = 0; stage < STAGE_COUNT; stage++) {
        HOLDS(count[stage] == app->count[stage]);
    }
    HOLDS(app->n_held == core_app_alive(app));
    HOLDS(app->n_held <= app->core->most);
    HOLDS(app->n_stale <= app->count[STAGE_SERVING]);
    check_queue(app, depth);
    check_lines(app, depth);
    check_listeners(app);
    check_hope(app);
}

void core_check_local(const struct core *core)
{
    check_limits(core);
    if (core->touched) {
        check_app(core->touched, CHECK_LOCAL_DEPTH);
    }
}

void core_check(const struct core *core)
{
    const struct core_app *app;
    unsigned count[STAGE_COUNT] = {0};
    unsigned n_apps = 0, n_reserved = 0, n_waiting = 0, stage;

    check_limits(core);
    TAILQ_FOREACH(app, &core->apps, link) {
        check_app(app, UINT_MAX);
        for (stage = 0; stage < STAGE_COUNT; stage++) {
            count[stage] += app->count[stage];
        }
        n_apps++;
        n_reserved += app->n_reserved;
        n_waiting += app->n_waiting;
    }
    for (stage = 0; stage < STAGE_COUNT; stage++) {
        HOLDS(count[stage] == core->count[stage]);
    }
    HOLDS(n_apps == core->n_apps);
    HOLDS(n_reserved == core->n_reserved);
    HOLDS(n_waiting == core->n_waiting);
}
