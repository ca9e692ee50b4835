/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_events.c - requests come, end and leave; processes come up and end.
 */
#include "sim_internal.h"

#include <stdlib.h>

/* Another application's, or one that does not serve: any will do. */
static void want(struct sim_request *request, struct sim_process *process)
{
    struct core_process_view view;

    core_process_view(process->core, &view);
    request->waiter.sticky = process->core;
    if (process->app == request->app && process->app->core
        && core_process_app(process->core) == process->app->core
        && !process->preloader && !process->app->always
        && view.state != CORE_PROCESS_STARTING
        && !core_process_is_leaving(process->core)) {
        request->wanted = process;
    }
}

static struct sim_request *request_new(struct sim *sim, struct sim_app *app)
{
    struct sim_request *request = calloc(1, sizeof(*request));

    sim_assert(request, "memory");
    request->app = app;
    request->event.kind = EVENT_REQUEST;
    request->number = ++sim->result.arrived;
    request->waiter.since_us = sim->now;
    if (sim_chance(sim, FAULT_AGE, 20)) {
        request->waiter.since_us -= sim_time(sim, SIM_SECOND / 100);
    }
    if (sim->n_processes && sim_chance(sim, FAULT_STICKY, 20)) {
        want(request, sim->processes[sim_random(sim, sim->n_processes)]);
    }
    return request;
}

void sim_on_arrival(struct sim *sim, struct sim_app *app)
{
    struct sim_request *request;

    if (sim->calm) {
        return;
    }
    request = request_new(sim, app);
    sim_schedule(sim, &app->event, sim_time(sim, app->gap_us));
    sim_note(sim, "get app %td request %ju", app - sim->apps,
             (uintmax_t)request->number);
    sim_wait(sim, request);
    core_get(app->core, &request->waiter, sim->now);
}

static void request_leaves(struct sim *sim, struct sim_request *request)
{
    sim_note(sim, "cancel request %ju", (uintmax_t)request->number);
    sim->result.cancelled++;
    core_cancel(&request->waiter, sim->now);
    sim_request_free(sim, request);
}

static void request_is_lost(struct sim *sim, struct sim_request *request)
{
    struct sim_process *process = request->process;

    sim_note(sim, "lost request %ju by %u", (uintmax_t)request->number,
             process->number);
    TAILQ_REMOVE(&process->requests, request, link);
    sim_wait(sim, request);
    core_hand_out_failed(process->core, &request->waiter, sim->now);
}

static void request_ends(struct sim *sim, struct sim_request *request)
{
    struct core_process *process = request->process->core;
    bool dirty = sim_chance(sim, FAULT_DIRTY, 100);

    sim_note(sim, "closed request %ju of %u%s", (uintmax_t)request->number,
             request->process->number, dirty ? " dirty" : "");
    sim->result.served++;
    if (!dirty) {
        sim_request_free(sim, request);
    } else {
        request->state = REQUEST_UNCLEAN;
        if (sim_random(sim, 10)) {
            sim_schedule(sim, &request->event, sim_time(sim, SIM_SECOND));
        }
    }
    core_session_closed(process, !dirty, sim->now);
}

static void request_is_clean(struct sim *sim, struct sim_request *request)
{
    struct core_process *process = request->process->core;

    sim_note(sim, "clean %u", request->process->number);
    sim_request_free(sim, request);
    core_process_clean(process, sim->now);
}

void sim_on_request(struct sim *sim, struct sim_request *request)
{
    switch (request->state) {
    case REQUEST_WAITING:
        request_leaves(sim, request);
        break;
    case REQUEST_RUNNING:
        request_ends(sim, request);
        break;
    case REQUEST_LOST:
        request_is_lost(sim, request);
        break;
    case REQUEST_UNCLEAN:
        request_is_clean(sim, request);
        break;
    }
}

/* Its end tears its requests off. */
void sim_process_gone(struct sim *sim, struct sim_process *process)
{
    struct sim_request *request;

    sim_note(sim, "gone %u", process->number);
    sim->result.ended++;
    while ((request = TAILQ_FIRST(&process->requests)) != NULL) {
        sim->result.broken += request->state != REQUEST_UNCLEAN;
        sim_request_free(sim, request);
    }
    core_process_gone(process->core, sim->now);
}

static void process_fails(struct sim *sim, struct sim_process *process)
{
    sim_note(sim, "start of %u failed", process->number);
    process->state = PROCESS_ENDING;
    if (!process->deaf) {
        sim_schedule(sim, &process->event, sim_time(sim, SIM_SECOND / 10));
    }
    core_spawn_failed(process->core, "simulated", sim->now);
}

void sim_on_process(struct sim *sim, struct sim_process *process)
{
    bool orphan = process->state == PROCESS_STARTING && process->parent
                  && process->parent->state == PROCESS_ENDING;

    if (process->state != PROCESS_STARTING) {
        sim_process_gone(sim, process);
    } else if (orphan || sim_chance(sim, FAULT_FAIL_START, 20)) {
        process_fails(sim, process);
    } else {
        sim_note(sim, "ready %u", process->number);
        process->state = PROCESS_READY;
        core_process_ready(process->core, sim->now);
    }
}
