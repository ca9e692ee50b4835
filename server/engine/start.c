/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start.c - processes are started, directly or by a preloader.
 *
 * A start has been granted when core_start() is called: the place in the pool
 * is reserved from then on. With a preloader that is not up yet the
 * reservation waits for it; one reservation is enough until then. A preloader
 * takes no place and no turn of its own: it works for a reservation.
 */
#include "core_internal.h"

#include <stdio.h>
#include <stdlib.h>

bool core_start_has_preloading(const struct core_app *app)
{
    const struct core_process *process;

    TAILQ_FOREACH(process, &app->preloaders, all) {
        if (process->stage == STAGE_STARTING) {
            return true;
        }
    }
    return false;
}

static uint64_t start_all_listeners(const struct core_process *preloader)
{
    return preloader->n_listeners == CORE_MAX_LISTENERS
               ? ~UINT64_C(0)
               : (UINT64_C(1) << preloader->n_listeners) - 1;
}

/* One that can fork once more, or NULL. There are few of them. */
static struct core_process *start_find_preloader(struct core_app *app)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->preloaders, all) {
        if (process->stage == STAGE_SERVING
            && (start_all_listeners(process) & ~process->listeners_used)) {
            return process;
        }
    }
    return NULL;
}

/* A successor needs one more than the limit. */
static unsigned start_count_listeners(const struct core_app *app)
{
    unsigned max = app->core->limits.max;

    if (app->limits.max_per_app && app->limits.max_per_app < max) {
        max = app->limits.max_per_app;
    }
    return max < CORE_MAX_LISTENERS ? max + 1 : CORE_MAX_LISTENERS;
}

static void start_preloader(struct core_app *app, int64_t now_us)
{
    struct core *core = app->core;
    struct core_process *process = core_process_new(app, true, now_us);

    process->n_listeners = start_count_listeners(app);
    core->ops.start(core->baton, process, CORE_START_PRELOADER, NULL,
                    process->n_listeners);
}

static void start_take_reserved(struct core_app *app)
{
    app->n_reserved--;
    app->core->n_reserved--;
    core_app_hold(app, -1);
}

static struct core_process *start_new(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    start_take_reserved(app);
    process = core_process_new(app, false, now_us);
    process->successor = app->has_successor;
    app->has_successor = false;
    app->spawned++;
    return process;
}

static void start_direct(struct core_app *app, int64_t now_us)
{
    struct core *core = app->core;
    struct core_process *process = start_new(app, now_us);

    core->ops.start(core->baton, process, CORE_START_DIRECT, NULL, 0);
}

static void start_fork(struct core_app *app, struct core_process *preloader,
                       int64_t now_us)
{
    struct core *core = app->core;
    struct core_process *process = start_new(app, now_us);
    uint64_t unused =
        start_all_listeners(preloader) & ~preloader->listeners_used;

    core_process_came_from(process, preloader,
                           (unsigned)__builtin_ctzll(unused));
    preloader->idle_since_us = now_us;
    core->ops.start(core->baton, process, CORE_START_FORK, preloader,
                    process->listener);
}

void core_start_reserved(struct core_app *app, int64_t now_us)
{
    struct core_process *preloader;

    while (app->n_reserved) {
        if (!app->limits.smart || app->always_restart) {
            start_direct(app, now_us);
            continue;
        }
        preloader = start_find_preloader(app);
        if (!preloader) {
            if (!core_start_has_preloading(app)) {
                start_preloader(app, now_us);
            }
            break;
        }
        start_fork(app, preloader, now_us);
    }
}

void core_start(struct core_app *app, bool successor, int64_t now_us)
{
    app->n_reserved++;
    app->core->n_reserved++;
    core_app_hold(app, 1);
    if (successor) {
        app->has_successor = true;
        app->core->successor = app;
    }
    core_start_reserved(app, now_us);
}

void core_start_forget_reserved(struct core_app *app)
{
    while (app->n_reserved) {
        start_take_reserved(app);
    }
    if (app->has_successor) {
        app->has_successor = false;
        app->core->successor = NULL;
    }
}

void core_start_forget_successor(struct core_process *process)
{
    if (process->successor) {
        process->successor = false;
        process->app->core->successor = NULL;
    }
}

/* Nobody needs what was reserved: they have all gone meanwhile. */
static bool start_is_wanted(const struct core_app *app)
{
    return app->has_successor || core_queue_any(app)
           || (app->awake
               && app->count[STAGE_SERVING] < app->limits.min_instances);
}

void core_process_ready(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    if (process->stage != STAGE_STARTING) {
        return; /* told to end meanwhile */
    }
    core_process_serve(process, now_us);
    if (!process->preloader) {
        core_restart_proven(process, now_us);
    } else if (start_is_wanted(app)) {
        core_start_reserved(app, now_us);
    } else {
        core_start_forget_reserved(app);
    }
    core_settle(app, now_us);
}

/* It will never be ready; its end is awaited. */
void core_start_fail(struct core_process *process, const char *text,
                     int64_t now_us)
{
    struct core_app *app = process->app;

    if (process->preloader) {
        core_start_forget_reserved(app);
    }
    core_start_forget_successor(process);
    core_process_enter(process, STAGE_RETIRING);
    core_end_await(process, now_us);
    core_backoff_failed(app, text, now_us);
    core_restart_failed(app, app->last_error);
    if (!core_app_alive(app)) {
        core_app_sleep(app, 0); /* tried again when somebody asks */
    }
}

void core_spawn_failed(struct core_process *process, const char *text,
                       int64_t now_us)
{
    struct core_app *app = process->app;

    if (process->stage == STAGE_STARTING) {
        core_start_fail(process, text, now_us);
        core_settle(app, now_us);
    }
}

void core_preloader_is_useless(struct core_process *preloader, int64_t now_us)
{
    struct core_app *app = preloader->app;

    if (preloader->stage == STAGE_STARTING) {
        core_process_enter(preloader, STAGE_RETIRING);
        core_end_await(preloader, now_us);
        core_start_reserved(app, now_us);
        core_settle(app, now_us);
    }
}

int64_t core_start_due(const struct core_app *app)
{
    const struct core_process *oldest = TAILQ_FIRST(&app->starting);

    return oldest && app->limits.start_timeout_us
               ? oldest->started_us + app->limits.start_timeout_us
               : INT64_MAX;
}

/* SIGABRT shows where it hangs. */
void core_start_tick(struct core_app *app, int64_t now_us)
{
    struct core_process *process;
    char text[80];

    while (core_start_due(app) <= now_us) {
        process = TAILQ_FIRST(&app->starting);
        snprintf(text, sizeof(text), "it was not ready after %lld s",
                 (long long)(app->limits.start_timeout_us / CORE_SECOND));
        core_start_fail(process, text, now_us);
        core_abort(process, now_us);
    }
}
