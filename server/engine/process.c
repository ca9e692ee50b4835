/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - one process: what it is doing, and the requests it has.
 *
 * Its stage only ever goes on in the order of enum core_stage. All counters of
 * processes change in core_process_enter() and nowhere else.
 */
#include "core_internal.h"

#include <assert.h>
#include <stdlib.h>

static struct core_process *process_new(struct core_app *app, bool preloader,
                                        uint32_t number, int64_t now_us)
{
    struct core_process *process = core_alloc(sizeof(*process));

    process->app = app;
    process->number = number;
    process->release = app->release;
    process->preloader = preloader;
    process->started_us = now_us;
    process->level = -1;
    TAILQ_INIT(&process->line);
    TAILQ_INSERT_TAIL(preloader ? &app->preloaders : &app->all, process, all);
    core_process_enter(process, STAGE_STARTING);
    TAILQ_INSERT_TAIL(&app->starting, process, stage_link);
    return process;
}

struct core_process *core_process_new(struct core_app *app, bool preloader,
                                      int64_t now_us)
{
    return process_new(app, preloader, ++app->core->last_number, now_us);
}

static void process_count(struct core_process *process, enum core_stage stage,
                          int by)
{
    struct core_app *app = process->app;

    if (stage == STAGE_NONE) {
        return;
    }
    app->count[stage] += (unsigned)by;
    app->core->count[stage] += (unsigned)by;
    if (stage == STAGE_STARTING || stage == STAGE_SERVING) {
        core_app_hold(app, by);
    }
    if (stage == STAGE_SERVING && process->release != app->release) {
        app->n_stale += (unsigned)by;
    }
}

static void process_quit_stage(struct core_process *process)
{
    if (process->stage == STAGE_STARTING) {
        TAILQ_REMOVE(&process->app->starting, process, stage_link);
    }
    if (process->stage == STAGE_SERVING) {
        core_shelf_remove(process);
        core_replace_forget(process);
        core_queue_release(process);
    }
}

static void process_end_unclean(struct core_process *process)
{
    if (process->is_unclean) {
        TAILQ_REMOVE(&process->app->unclean, process, unclean_link);
        process->is_unclean = false;
    }
}

static void process_end_running(struct core_process *process)
{
    if (process->is_running) {
        TAILQ_REMOVE(&process->app->running, process, running);
        process->is_running = false;
    }
}

void core_session_untimed(struct core_process *process)
{
    process_end_running(process);
}

void core_process_enter(struct core_process *process, enum core_stage stage)
{
    struct core *core = process->app->core;

    process_quit_stage(process);
    if (stage == STAGE_RETIRING || stage == STAGE_NONE) {
        process_end_running(process); /* its end has a time-out of its own */
        process_end_unclean(process);
    }
    if (process->preloader) {
        core->n_preloaders += (unsigned)((stage != STAGE_NONE)
                                         - (process->stage != STAGE_NONE));
    } else {
        process_count(process, process->stage, -1);
        process_count(process, stage, 1);
    }
    process->stage = stage;
}

/* A jitter that only shortens, so that not all end at once. */
static uint64_t process_quota(struct core_app *app)
{
    uint64_t max = app->limits.max_requests;

    return max ? max - core_random(app->core, max / 5 + 1) : 0;
}

/* It is up. */
void core_process_serve(struct core_process *process, int64_t now_us)
{
    core_process_enter(process, STAGE_SERVING);
    process->ready_us = now_us;
    process->idle_since_us = now_us;
    process->quota = process_quota(process->app);
    core_shelf_put(process);
}

unsigned core_process_use(const struct core_process *process)
{
    return process->sessions + process->unclean;
}

bool core_process_has_place(const struct core_process *process)
{
    unsigned concurrency = process->app->limits.concurrency;

    return process->stage == STAGE_SERVING && !process->preloader
           && !process->unclean
           && (!concurrency || process->sessions < concurrency);
}

static void process_begin_session(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    if (!process->sessions) {
        app->core->n_active++;
        process->lent_us = now_us;
        process->is_running = true;
        TAILQ_INSERT_TAIL(&app->running, process, running);
    }
    process->sessions++;
    process->idle_since_us = 0;
}

static void process_end_session(struct core_process *process)
{
    assert(process->sessions);
    process->sessions--;
    if (!process->sessions) {
        process->app->core->n_active--;
        process_end_running(process);
    }
}

static void process_begin_unclean(struct core_process *process, int64_t now_us)
{
    if (process->is_unclean || process->stage == STAGE_RETIRING) {
        return;
    }
    process->is_unclean = true;
    process->unclean_us = now_us;
    TAILQ_INSERT_TAIL(&process->app->unclean, process, unclean_link);
}

/* How many requests before its last one a successor is asked for. */
static uint64_t process_lead(const struct core_process *process)
{
    return process->quota / 10 + 1;
}

static void process_use_quota(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    if (app->always_restart) {
        core_leave(process, CORE_RESTART, now_us);
    } else if (process->quota && process->requests >= process->quota) {
        core_leave(process, CORE_MAX_REQUESTS, now_us);
    } else if (process->quota && !app->limits.not_rolling
               && process->requests + process_lead(process)
                      >= process->quota) {
        core_replace(process, CORE_MAX_REQUESTS, now_us);
    }
}

/* The waiter is in no queue any more. */
void core_process_lend(struct core_process *process, struct core_waiter *waiter,
                       int64_t now_us)
{
    struct core_app *app = process->app;
    struct core *core = app->core;

    core_shelf_remove(process);
    process_begin_session(process, now_us);
    process->requests++;
    app->requests++;
    core_shelf_put(process);
    process_use_quota(process, now_us);
    core->ops.hand_out(core->baton, waiter, process);
}

/* Why a process that has come free is not to be used again. */
static bool process_must_go(const struct core_process *process, int64_t now_us,
                            enum core_reason *why_r)
{
    const struct core_app *app = process->app;

    *why_r = CORE_LOWERED;
    if (core_room_is_over(app->core) || core_room_app_is_over(app)) {
        return true;
    }
    *why_r = CORE_MAKE_ROOM;
    return core_room_claims(app, now_us);
}

/* A place of it has come free. */
void core_process_idle(struct core_process *process, int64_t now_us)
{
    bool idle = core_process_use(process) == 0;
    enum core_reason why;

    if (idle) {
        process->idle_since_us = now_us;
    }
    if (process->stage == STAGE_LEAVING && idle) {
        core_retire(process, process->reason, now_us);
    } else if (process->stage == STAGE_SERVING) {
        if (process_must_go(process, now_us, &why)) {
            core_leave(process, why, now_us);
        } else {
            core_shelf_remove(process);
            core_shelf_put(process);
        }
    }
}

void core_session_closed(struct core_process *process, bool clean,
                         int64_t now_us)
{
    struct core_app *app = process->app;

    process_end_session(process);
    if (clean) {
        core_process_idle(process, now_us);
    } else {
        process->unclean++;
        process_begin_unclean(process, now_us);
        core_shelf_remove(process);
    }
    core_settle(app, now_us);
}

void core_process_clean(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    if (!process->unclean) {
        return; /* its time was up, nobody counts on it any more */
    }
    process->unclean--;
    process_end_unclean(process);
    if (process->unclean) {
        process_begin_unclean(process, now_us);
    }
    core_process_idle(process, now_us);
    core_settle(app, now_us);
}

void core_hand_out_failed(struct core_process *process,
                          struct core_waiter *waiter, int64_t now_us)
{
    struct core_app *app = process->app;

    process_end_session(process);
    process->requests--;
    app->requests--;
    core_leave(process, CORE_UNRESPONSIVE, now_us);
    core_process_idle(process, now_us);
    if (app->core->stopping || app->removed) {
        core_queue_refuse(app, waiter, CORE_STOPPING, NULL, 0);
    } else {
        core_queue_push(app, waiter, now_us);
    }
    core_settle(app, now_us);
}

void core_process_memory(struct core_process *process, unsigned mib,
                         int64_t now_us)
{
    struct core_app *app = process->app;
    unsigned limit = app->limits.memory_mib;

    if (!limit || mib <= limit || process->stage != STAGE_SERVING
        || process->preloader) {
        return;
    }
    if (app->limits.not_rolling) {
        core_leave(process, CORE_MEMORY, now_us);
    } else {
        app->held_back = app->held_back && core_backoff_holds(app, now_us);
        core_replace(process, CORE_MEMORY, now_us);
    }
    core_settle(app, now_us);
}

void core_detach(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    core_leave(process, CORE_DETACHED, now_us);
    core_settle(app, now_us);
}

/* Its children live on; who forks the next is another. */
static void process_orphan(struct core_process *preloader)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &preloader->app->all, all) {
        if (process->parent == preloader) {
            process->parent = NULL;
        }
    }
}

void core_process_free(struct core_process *process)
{
    struct core_app *app = process->app;
    struct core *core = app->core;

    if (process->sessions) {
        core->n_active--;
    }
    core_end_forget(process);
    core_process_enter(process, STAGE_NONE);
    if (process->preloader) {
        process_orphan(process);
    }
    if (process->parent) {
        process->parent->listeners_used &= ~(UINT64_C(1) << process->listener);
    }
    TAILQ_REMOVE(process->preloader ? &app->preloaders : &app->all, process,
                 all);
    core->ops.forget(core->baton, process);
    free(process);
}

/* It served and was not asked to go. */
static void process_died(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    app->died++;
    if (now_us - process->ready_us < CORE_INFANT_US) {
        core_backoff_infant(app, now_us);
    }
}

void core_process_gone(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    if (process->stage == STAGE_STARTING) {
        core_start_fail(process, "it ended before it was ready", now_us);
    } else if (process->stage != STAGE_RETIRING && !process->preloader) {
        process_died(process, now_us);
    }
    core_process_free(process);
    core_settle(app, now_us);
}

struct core_process *core_process_take_over(struct core_app *app,
                                            uint32_t number, bool ready,
                                            bool preloader, unsigned lent,
                                            int64_t now_us)
{
    struct core *core = app->core;
    struct core_process *process =
        process_new(app, preloader, number, now_us);

    if (core->last_number < number) {
        core->last_number = number;
    }
    core->grace++; /* an engine before this one saw to the limits */
    app->awake = true;
    if (ready) {
        core_process_serve(process, now_us);
        core_shelf_remove(process);
        while (process->sessions < lent) {
            process_begin_session(process, now_us);
            process->requests++;
        }
        core_shelf_put(process);
    }
    /* At rest with the next tick, when all have been told. */
    core_heap_lower(&core->timers, &app->timer, now_us);
    return process;
}

void core_process_doubt(struct core_process *process, int64_t now_us)
{
    core_shelf_remove(process);
    process->idle_since_us = 0;
    process->unclean++;
    process_begin_unclean(process, now_us);
    core_shelf_put(process);
}

void core_process_came_from(struct core_process *process,
                            struct core_process *preloader, unsigned listener)
{
    assert(listener < CORE_MAX_LISTENERS);
    process->parent = preloader;
    process->listener = listener;
    preloader->listeners_used |= UINT64_C(1) << listener;
}

void core_preloader_set_listeners(struct core_process *preloader, unsigned n)
{
    assert(n <= CORE_MAX_LISTENERS);
    preloader->n_listeners = n;
}
