/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ending.c - a process has to go: it finishes what it has, is told to end
 * (SIGTERM), and is killed when it does not.
 */
#include "core_internal.h"

#include <signal.h>

static void ending_enter(struct core_process *process,
                         struct core_process_list *list, int64_t now_us)
{
    if (process->ending) {
        TAILQ_REMOVE(process->ending, process, stage_link);
    }
    process->ending = list;
    process->ending_us = now_us;
    if (list) {
        TAILQ_INSERT_TAIL(list, process, stage_link);
    }
}

void core_end_await(struct core_process *process, int64_t now_us)
{
    ending_enter(process, &process->app->retiring, now_us);
}

void core_end_forget(struct core_process *process)
{
    ending_enter(process, NULL, 0);
}

void core_retire(struct core_process *process, enum core_reason why,
                 int64_t now_us)
{
    struct core *core = process->app->core;

    if (process->stage == STAGE_RETIRING) {
        return;
    }
    core_start_forget_successor(process);
    core_process_enter(process, STAGE_RETIRING);
    process->reason = why;
    ending_enter(process, &process->app->retiring, now_us);
    core->ops.retire(core->baton, process, why);
}

/* Nothing more for it; it ends when it has nothing left. */
void core_leave(struct core_process *process, enum core_reason why,
                int64_t now_us)
{
    bool serves = process->stage == STAGE_SERVING && !process->preloader;

    if (process->stage == STAGE_LEAVING) {
        return;
    }
    if (serves && core_process_use(process)) {
        core_process_enter(process, STAGE_LEAVING);
        process->reason = why;
    } else {
        core_retire(process, why, now_us);
    }
}

/* SIGABRT: its loader shows what every thread does. Then SIGKILL. */
void core_abort(struct core_process *process, int64_t now_us)
{
    struct core *core = process->app->core;

    if (process->ending == &process->app->aborted
        || process->ending == &process->app->killed) {
        return;
    }
    if (process->stage != STAGE_RETIRING) {
        core_process_enter(process, STAGE_RETIRING);
        process->reason = CORE_TOO_LONG;
    }
    ending_enter(process, &process->app->aborted, now_us);
    core->ops.kill(core->baton, process, SIGABRT);
}

void core_process_too_long(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;

    core_abort(process, now_us);
    core_settle(app, now_us);
}

static int64_t ending_list_due(const struct core_process_list *list,
                               int64_t patience_us)
{
    const struct core_process *first = TAILQ_FIRST(list);

    return first ? first->ending_us + patience_us : INT64_MAX;
}

static void ending_list_tick(struct core_process_list *list,
                             int64_t patience_us, int64_t now_us)
{
    struct core_process *process;
    struct core *core;

    while (ending_list_due(list, patience_us) <= now_us) {
        process = TAILQ_FIRST(list);
        core = process->app->core;
        ending_enter(process, &process->app->killed, now_us);
        core->ops.kill(core->baton, process, SIGKILL);
    }
}

/* The time of a request is known where a process has one at a time. */
static int64_t ending_running_due(const struct core_app *app)
{
    const struct core_process *first = TAILQ_FIRST(&app->running);
    int64_t max_us = app->limits.max_request_us;

    return first && max_us && app->limits.concurrency == 1
               ? first->lent_us + max_us
               : INT64_MAX;
}

static void ending_running_tick(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    while (ending_running_due(app) <= now_us) {
        process = TAILQ_FIRST(&app->running);
        core_abort(process, now_us);
    }
}

static int64_t ending_unclean_due(const struct core_app *app)
{
    const struct core_process *first = TAILQ_FIRST(&app->unclean);
    int64_t max_us = app->limits.max_request_us;

    return first ? first->unclean_us + (max_us ? max_us : CORE_UNCLEAN_US)
                 : INT64_MAX;
}

/* It does not come back from an abandoned request. Other requests that it has
 * may still finish. */
static void ending_unclean_tick(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    while (ending_unclean_due(app) <= now_us) {
        process = TAILQ_FIRST(&app->unclean);
        TAILQ_REMOVE(&app->unclean, process, unclean_link);
        process->is_unclean = false;
        process->unclean = 0;
        core_leave(process, CORE_UNRESPONSIVE, now_us);
        if (!process->sessions) {
            core_retire(process, CORE_UNRESPONSIVE, now_us);
        }
    }
}

static int64_t ending_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t core_ending_due(const struct core_app *app)
{
    int64_t due = ending_list_due(&app->retiring, CORE_PATIENCE_US);

    due = ending_min(due, ending_list_due(&app->aborted, CORE_ABORT_US));
    due = ending_min(due, ending_running_due(app));
    return ending_min(due, ending_unclean_due(app));
}

void core_ending_tick(struct core_app *app, int64_t now_us)
{
    ending_list_tick(&app->retiring, CORE_PATIENCE_US, now_us);
    ending_list_tick(&app->aborted, CORE_ABORT_US, now_us);
    ending_running_tick(app, now_us);
    ending_unclean_tick(app, now_us);
}
