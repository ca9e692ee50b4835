/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_control.c - what administrators and disasters do, one thing at a time.
 */
#include "sim_internal.h"

#include <stdlib.h>

static struct sim_process *any_process(struct sim *sim)
{
    return sim->n_processes
               ? sim->processes[sim_random(sim, sim->n_processes)]
               : NULL;
}

static void control_pool_limits(struct sim *sim)
{
    sim->limits = sim_limits(sim);
    sim_note(sim, "limits max %u spawning %u", sim->limits.max,
             sim->limits.max_spawning);
    core_set_limits(sim->core, &sim->limits, sim->now);
}

static void control_app_limits(struct sim *sim, struct sim_app *app)
{
    sim_note(sim, "limits app %td", app - sim->apps);
    app->limits = sim_app_limits(sim);
    core_app_set_limits(app->core, &app->limits, sim->now);
}

static void control_restart(struct sim *sim, struct sim_app *app)
{
    sim_note(sim, "restart app %td", app - sim->apps);
    core_restart(app->core, sim->now);
}

static void control_always(struct sim *sim, struct sim_app *app)
{
    bool on = sim_random(sim, 4) == 0;

    sim_note(sim, "always restart app %td %d", app - sim->apps, on);
    app->always = on;
    if (on) {
        sim_want_any(app, NULL);
    }
    core_set_always_restart(app->core, on, sim->now);
}

static void control_remove(struct sim *sim, struct sim_app *app)
{
    sim_note(sim, "remove app %td", app - sim->apps);
    core_app_remove(&app->core, sim->now);
    sim_assert(!app->core, "no longer ours");
    sim_add_app(sim, app);
}

static void control_detach(struct sim *sim)
{
    struct sim_process *process = any_process(sim);

    if (process) {
        sim_note(sim, "detach %u", process->number);
        core_detach(process->core, sim->now);
    }
}

static void control_memory(struct sim *sim)
{
    struct sim_process *process = any_process(sim);

    if (process) {
        sim_note(sim, "memory of %u", process->number);
        core_process_memory(process->core,
                            (unsigned)sim_random(sim, 130), sim->now);
    }
}

static void control_crash(struct sim *sim)
{
    struct sim_process *process = any_process(sim);

    if (process) {
        sim_process_gone(sim, process);
    }
}

static unsigned count_lent(const struct sim_process *process)
{
    const struct sim_request *request;
    unsigned lent = 0;

    TAILQ_FOREACH(request, &process->requests, link) {
        lent += request->state == REQUEST_RUNNING
                || request->state == REQUEST_LOST;
    }
    return lent;
}

/* That it was told to end, nobody remembers: it ends nevertheless. */
static void engine_take_over(struct sim *sim, struct sim_process *process)
{
    struct sim_request *request, *next;

    bool in_doubt = false;

    SIM_FOREACH(request, &process->requests, link, next)
    {
        if (request->state == REQUEST_UNCLEAN && in_doubt) {
            sim_request_free(sim, request); /* it is probed once */
        } else if (request->state == REQUEST_UNCLEAN) {
            in_doubt = true;
        }
    }
    if (process->state == PROCESS_ENDING) {
        process->state = PROCESS_READY;
    }
    process->core = core_process_take_over(
        process->app->core, process->number,
        process->state != PROCESS_STARTING, process->preloader,
        count_lent(process), sim->now);
    core_process_set_baton(process->core, process);
    if (in_doubt && process->state == PROCESS_READY) {
        core_process_doubt(process->core, sim->now);
    }
    if (process->preloader) {
        core_preloader_set_listeners(process->core, process->n_listeners);
    }
}

/* In the wrong order: that is what holding the queue is for. */
static void engine_ask_again(struct sim *sim, struct sim_app *app)
{
    struct sim_request *request, *next;

    app->always = false;
    sim_want_any(app, NULL);
    for (request = TAILQ_LAST(&app->waiting, sim_requests); request;
         request = next) {
        next = TAILQ_PREV(request, sim_requests, link);
        core_get(app->core, &request->waiter, sim->now);
    }
}

static void engine_take_over_all(struct sim *sim)
{
    struct sim_process *process;
    size_t i;

    for (i = 0; i < sim->n_processes; i++) {
        engine_take_over(sim, sim->processes[i]);
    }
    for (i = 0; i < sim->n_processes; i++) {
        process = sim->processes[i];
        if (process->parent) {
            core_process_came_from(process->core, process->parent->core,
                                   process->listener);
        }
    }
}

/* Processes of removed applications end with the engine that knew them. */
static void engine_drop_removed(struct sim *sim)
{
    size_t i = 0;

    while (i < sim->n_processes) {
        struct sim_process *process = sim->processes[i];

        if (core_process_app(process->core) == process->app->core) {
            i++;
        } else {
            sim_process_gone(sim, process);
        }
    }
}

static void control_engine(struct sim *sim)
{
    unsigned i;

    sim_note(sim, "another engine");
    sim->result.engines++;
    engine_drop_removed(sim);
    for (i = 0; i < sim->n_processes; i++) {
        core_process_set_baton(sim->processes[i]->core, NULL);
    }
    core_free(&sim->core);
    sim->core = core_new(&sim_ops, sim, sim->random);
    core_set_limits(sim->core, &sim->limits, sim->now);
    for (i = 0; i < sim->options->n_apps; i++) {
        sim->apps[i].limits.pre_start = false;
        sim->apps[i].core = core_app_add(sim->core, &sim->apps[i].limits,
                                         &sim->apps[i], sim->now);
    }
    engine_take_over_all(sim);
    core_tick(sim->core, sim->now);
    core_hold(sim->core, sim->now + SIM_SECOND / 20);
    for (i = 0; i < sim->options->n_apps; i++) {
        engine_ask_again(sim, &sim->apps[i]);
    }
}

static void control_do(struct sim *sim, enum sim_fault what,
                       struct sim_app *app)
{
    switch ((int)what) {
    case FAULT_CRASH:
        control_crash(sim);
        break;
    case FAULT_POOL_LIMITS:
        control_pool_limits(sim);
        break;
    case FAULT_APP_LIMITS:
        control_app_limits(sim, app);
        break;
    case FAULT_RESTART:
        control_restart(sim, app);
        break;
    case FAULT_ALWAYS:
        control_always(sim, app);
        break;
    case FAULT_REMOVE:
        control_remove(sim, app);
        break;
    case FAULT_DETACH:
        control_detach(sim);
        break;
    case FAULT_MEMORY:
        control_memory(sim);
        break;
    case FAULT_CLEAR:
        if (sim_random(sim, 10) == 0) {
            core_clear(sim->core, sim->now);
        }
        break;
    case FAULT_ENGINE:
        if (sim_random(sim, 20) == 0) {
            control_engine(sim);
        }
        break;
    default: /* happens elsewhere */
        break;
    }
}

void sim_on_control(struct sim *sim)
{
    enum sim_fault what = (enum sim_fault)sim_random(sim, FAULT_COUNT);
    struct sim_app *app =
        &sim->apps[sim_random(sim, sim->options->n_apps)];

    if (sim_chance(sim, what, 1)) {
        control_do(sim, what, app);
    }
    if (!sim->calm) {
        sim_schedule(sim, &sim->control, sim_time(sim, SIM_SECOND / 5));
    }
}
