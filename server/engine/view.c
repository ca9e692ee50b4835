/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view.c - looking at pool, applications and processes; changes nothing.
 */
#include "core_internal.h"

void core_view(const struct core *core, struct core_view *view_r)
{
    *view_r = (struct core_view){
        .processes = core->count[STAGE_STARTING] + core->count[STAGE_SERVING]
                     + core->count[STAGE_LEAVING]
                     + core->count[STAGE_RETIRING],
        .preloaders = core->n_preloaders,
        .active = core->n_active,
        .spawning = core->count[STAGE_STARTING] + core->n_reserved,
        .waiting = core->n_waiting,
        .apps = core->n_apps,
    };
}

static unsigned view_count_idle(const struct core_app *app)
{
    const struct core_process *process;
    unsigned n = 0;

    TAILQ_FOREACH(process, &app->all, all) {
        n += process->stage == STAGE_SERVING && !core_process_use(process);
    }
    return n;
}

void core_app_view(const struct core_app *app, struct core_app_view *view_r)
{
    const struct core_waiter *head = TAILQ_FIRST(&app->queue);

    *view_r = (struct core_app_view){
        .processes = core_app_all(app) - app->n_reserved,
        .serving = app->count[STAGE_SERVING],
        .idle = view_count_idle(app),
        .starting = app->count[STAGE_STARTING],
        .retiring = app->count[STAGE_RETIRING],
        .waiting = app->n_waiting,
        .requests = app->requests,
        .spawned = app->spawned,
        .failed_spawns = app->failed_spawns,
        .refused = app->refused,
        .died = app->died,
        .oldest_wait_us = head ? head->since_us : 0,
        .retry_at_us = app->retry_at_us,
        .last_error = app->last_error,
        .release = app->release,
    };
}

static enum core_process_state view_state(const struct core_process *process)
{
    if (process->stage == STAGE_STARTING) {
        return CORE_PROCESS_STARTING;
    }
    if (process->stage == STAGE_RETIRING) {
        return CORE_PROCESS_RETIRING;
    }
    return core_process_use(process) ? CORE_PROCESS_BUSY : CORE_PROCESS_IDLE;
}

void core_process_view(const struct core_process *process,
                       struct core_process_view *view_r)
{
    *view_r = (struct core_process_view){
        .number = process->number,
        .state = view_state(process),
        .preloader = process->preloader,
        .sessions = process->sessions,
        .unclean = process->unclean,
        .requests = process->requests,
        .started_us = process->started_us,
        .ready_us = process->ready_us,
        .idle_since_us = process->idle_since_us,
        .release = process->release,
    };
}

void core_each_app(struct core *core,
                   void (*each)(void *baton, struct core_app *app),
                   void *baton)
{
    struct core_app *app, *next;

    for (app = TAILQ_FIRST(&core->apps); app; app = next) {
        next = TAILQ_NEXT(app, link);
        each(baton, app);
    }
}

void core_each_process(struct core_app *app,
                       void (*each)(void *baton, struct core_process *process),
                       void *baton)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->preloaders, all) {
        each(baton, process);
    }
    TAILQ_FOREACH(process, &app->all, all) {
        each(baton, process);
    }
}

unsigned core_app_waits(const struct core_app *app, int64_t *since_us,
                        unsigned n)
{
    const struct core_waiter *waiter;
    unsigned i = 0;

    TAILQ_FOREACH(waiter, &app->queue, link) {
        if (i == n) {
            break;
        }
        since_us[i++] = waiter->since_us;
    }
    return i;
}

bool core_process_is_leaving(const struct core_process *process)
{
    return process->stage == STAGE_LEAVING || process->stage == STAGE_RETIRING;
}

uint32_t core_process_number(const struct core_process *process)
{
    return process->number;
}

struct core_app *core_process_app(const struct core_process *process)
{
    return process->app;
}

void *core_app_baton(const struct core_app *app)
{
    return app->baton;
}

void core_process_set_baton(struct core_process *process, void *baton)
{
    process->baton = baton;
}

void *core_process_baton(const struct core_process *process)
{
    return process->baton;
}
