/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restart.c - new code, and successors of processes that have to be replaced.
 *
 * A successor starts beside the process it replaces, which leaves when the
 * successor is up: so nobody waits, and code that does not start replaces
 * nothing. It may exceed PoolMax and PoolMaxPerApp by one, therefore there is
 * one at a time in the whole pool; applications take turns.
 */
#include "core_internal.h"

/* To be replaced by a successor; it goes on serving until then. */
void core_replace(struct core_process *process, enum core_reason why,
                  int64_t now_us)
{
    struct core_app *app = process->app;

    if (process->to_replace || process->stage != STAGE_SERVING) {
        return;
    }
    process->to_replace = true;
    process->reason = why;
    TAILQ_INSERT_TAIL(&app->to_replace, process, replace);
    core_succession_file(app, now_us);
}

void core_replace_forget(struct core_process *process)
{
    if (process->to_replace) {
        process->to_replace = false;
        TAILQ_REMOVE(&process->app->to_replace, process, replace);
    }
}

void core_succession_leave(struct core_app *app)
{
    if (app->wants_successor) {
        app->wants_successor = false;
        TAILQ_REMOVE(&app->core->successions, app, succession);
    }
}

static bool succession_is_wanted(const struct core_app *app, int64_t now_us)
{
    unsigned max = app->limits.max_per_app;

    return !app->core->stopping && !app->removed && !app->held_back
           && (!TAILQ_EMPTY(&app->to_replace)
               || (app->proving && !core_app_alive(app)))
           && !app->n_reserved
           && app->core->successor != app
           && !core_backoff_holds(app, now_us)
           && (!max || core_app_all(app) <= max);
}

/* On the list exactly while nothing of its own is in the way. */
void core_succession_file(struct core_app *app, int64_t now_us)
{
    bool wanted = succession_is_wanted(app, now_us);

    if (wanted && !app->wants_successor) {
        app->wants_successor = true;
        TAILQ_INSERT_TAIL(&app->core->successions, app, succession);
    } else if (!wanted) {
        core_succession_leave(app);
    }
}

static bool succession_has_place(const struct core *core)
{
    unsigned in_use = core->n_reserved;
    unsigned stage;

    for (stage = STAGE_STARTING; stage < STAGE_COUNT; stage++) {
        in_use += core->count[stage];
    }
    return !core->successor && in_use <= core->limits.max
           && core->count[STAGE_STARTING] + core->n_reserved
                  < core->limits.max_spawning;
}

void core_succession_settle(struct core *core, int64_t now_us)
{
    struct core_app *app = TAILQ_FIRST(&core->successions);

    if (app && succession_has_place(core)) {
        core_succession_leave(app);
        core_start(app, true, now_us);
        core_app_settle(app, now_us);
    }
}

/* Who leaves for the successor: an idle one if there is one. */
static struct core_process *restart_find_predecessor(struct core_app *app)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->to_replace, replace) {
        if (core_process_use(process) == 0) {
            return process;
        }
    }
    return TAILQ_FIRST(&app->to_replace);
}

/* A process of the newest release is up. */
void core_restart_proven(struct core_process *process, int64_t now_us)
{
    struct core_app *app = process->app;
    struct core_process *predecessor = restart_find_predecessor(app);

    core_backoff_end(app);
    app->proving = false;
    if (process->successor && predecessor) {
        core_leave(predecessor, predecessor->reason, now_us);
    }
    core_start_forget_successor(process);
}

/* The new code does not start: the old processes go on serving, and are not
 * replaced before there is a sign that it would work. */
void core_restart_failed(struct core_app *app, const char *text)
{
    struct core *core = app->core;

    app->held_back = true;
    if (app->restarting) {
        app->restarting = false;
        core->ops.restarted(core->baton, app, text);
    }
}

/* Has the restart come to its end: nothing old serves, nothing new starts? */
void core_restart_check(struct core_app *app, int64_t now_us)
{
    struct core *core = app->core;

    if (app->restarting && !app->n_stale && !app->count[STAGE_STARTING]
        && !app->n_reserved && !app->proving
        && core_app_hunger(app, now_us) == HUNGER_NONE) {
        app->restarting = false;
        core->ops.restarted(core->baton, app, NULL);
    }
}

/* Those that serve now are of an older release from here on. */
static void restart_age(struct core_app *app)
{
    core_shelf_age(app);
    app->release++;
    app->n_stale = app->count[STAGE_SERVING];
}

static void restart_retire_preloaders(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->preloaders, all) {
        core_retire(process, CORE_RESTART, now_us);
    }
}

/* Not rolling: the old ones end first. */
static void restart_retire_processes(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->all, all) {
        if (process->stage == STAGE_STARTING) {
            core_retire(process, CORE_RESTART, now_us);
        } else if (process->stage == STAGE_SERVING) {
            if (app->limits.not_rolling) {
                core_leave(process, CORE_RESTART, now_us);
            } else {
                core_replace(process, CORE_RESTART, now_us);
            }
        }
    }
}

void core_prove(struct core_app *app, int64_t now_us)
{
    app->proving = true;
    core_settle(app, now_us);
}

static struct core_process *restart_find_serving(struct core_app *app)
{
    struct core_process *process, *busy = NULL;

    TAILQ_FOREACH(process, &app->all, all) {
        if (process->stage == STAGE_SERVING && core_process_use(process) == 0) {
            return process;
        }
        busy = process->stage == STAGE_SERVING ? process : busy;
    }
    return busy;
}

void core_give_way(struct core_app *app, int64_t now_us)
{
    struct core_process *process = restart_find_serving(app);

    core_app_sleep(app, 0); /* it is not to come back */
    if (process) {
        core_leave(process, CORE_RESTART, now_us);
    }
    core_settle(app, now_us);
}

void core_restart(struct core_app *app, int64_t now_us)
{
    if (app->core->stopping || app->removed) {
        return;
    }
    /* One that did not start is to be tried, or nobody would learn. */
    if (app->failures > 0) {
        core_app_wake(app);
    }
    core_backoff_end(app);
    app->infants = 0;
    app->restarting = true;
    restart_age(app);
    restart_retire_preloaders(app, now_us);
    restart_retire_processes(app, now_us);
    core_settle(app, now_us);
}

void core_set_always_restart(struct core_app *app, bool on, int64_t now_us)
{
    struct core_process *process;

    app->always_restart = on;
    TAILQ_FOREACH(process, &app->all, all) {
        if (on) {
            core_queue_release(process); /* each gets a process of its own */
        }
    }
    core_settle(app, now_us);
}
