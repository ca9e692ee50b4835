/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf.c - which process gets the next request.
 *
 * One shelf for processes of the newest release, one for older ones, which are
 * asked only when the first has nothing. On a shelf: least requests first, then
 * the warmest, that is who came to its level last. Everything is O(1).
 */
#include "core_internal.h"

#include <stdlib.h>

static struct core_shelf *shelf_of(const struct core_process *process)
{
    struct core_app *app = process->app;

    return process->release == app->release ? &app->fresh : &app->stale;
}

static void shelf_new_levels(struct core_app *app, struct core_shelf *shelf)
{
    unsigned i;

    shelf->mask = 0;
    shelf->levels = core_alloc(app->n_levels * sizeof(shelf->levels[0]));
    for (i = 0; i < app->n_levels; i++) {
        TAILQ_INIT(&shelf->levels[i]);
    }
}

void core_shelf_init(struct core_app *app)
{
    unsigned concurrency = app->limits.concurrency;

    app->n_levels = concurrency && concurrency < CORE_SHELF_LEVELS
                        ? concurrency
                        : CORE_SHELF_LEVELS;
    shelf_new_levels(app, &app->fresh);
    shelf_new_levels(app, &app->stale);
}

void core_shelf_clear(struct core_app *app)
{
    free(app->fresh.levels);
    free(app->stale.levels);
    app->fresh.levels = NULL;
    app->stale.levels = NULL;
}

/* Puts it where its use belongs; a process without a free place: nowhere. */
void core_shelf_put(struct core_process *process)
{
    const struct core_app *app = process->app;
    struct core_shelf *shelf = shelf_of(process);
    unsigned use = core_process_use(process);

    if (!core_process_has_place(process)) {
        return;
    }
    process->level = use < app->n_levels ? (int)use : (int)app->n_levels - 1;
    TAILQ_INSERT_TAIL(&shelf->levels[process->level], process, shelf);
    shelf->mask |= UINT64_C(1) << process->level;
    core_shelf_expect(process);
}

/* Does somebody wait for this very process, and has it a place for him? */
void core_shelf_expect(struct core_process *process)
{
    struct core_app *app = process->app;
    bool expected = process->level >= 0 && !TAILQ_EMPTY(&process->line);

    if (expected && !process->is_expected) {
        TAILQ_INSERT_TAIL(&app->expected, process, expected);
    } else if (!expected && process->is_expected) {
        TAILQ_REMOVE(&app->expected, process, expected);
    }
    process->is_expected = expected;
}

void core_shelf_remove(struct core_process *process)
{
    struct core_shelf *shelf = shelf_of(process);
    struct core_process_list *level;

    if (process->level < 0) {
        return;
    }
    level = &shelf->levels[process->level];
    TAILQ_REMOVE(level, process, shelf);
    if (TAILQ_EMPTY(level)) {
        shelf->mask &= ~(UINT64_C(1) << process->level);
    }
    process->level = -1;
    core_shelf_expect(process);
}

/* A new release: what was fresh is stale. The caller changes the release. */
void core_shelf_age(struct core_app *app)
{
    unsigned i;

    for (i = 0; i < app->n_levels; i++) {
        TAILQ_CONCAT(&app->stale.levels[i], &app->fresh.levels[i], shelf);
    }
    app->stale.mask |= app->fresh.mask;
    app->fresh.mask = 0;
}

static struct core_process *shelf_first(const struct core_shelf *shelf)
{
    unsigned level;

    if (!shelf->mask) {
        return NULL;
    }
    level = (unsigned)__builtin_ctzll(shelf->mask);
    /* The last of all levels mixes uses: take them in turn. */
    return level == CORE_SHELF_LEVELS - 1
               ? TAILQ_FIRST(&shelf->levels[level])
               : TAILQ_LAST(&shelf->levels[level], core_process_list);
}

/* With always_restart: was its code loaded for this request? */
static bool shelf_suits(const struct core_process *process,
                        const struct core_waiter *waiter)
{
    return !process->app->always_restart
           || (process->requests == 0
               && process->started_us >= waiter->since_us);
}

struct core_process *core_shelf_best(const struct core_app *app,
                                     const struct core_waiter *waiter)
{
    struct core_process *best = shelf_first(&app->fresh);

    if (!best) {
        best = shelf_first(&app->stale);
    }
    return best && shelf_suits(best, waiter) ? best : NULL;
}

struct core_process *core_shelf_longest_idle(const struct core_app *app)
{
    struct core_process *fresh = TAILQ_FIRST(&app->fresh.levels[0]);
    struct core_process *stale = TAILQ_FIRST(&app->stale.levels[0]);

    if (!fresh || !stale) {
        return fresh ? fresh : stale;
    }
    return fresh->idle_since_us < stale->idle_since_us ? fresh : stale;
}
