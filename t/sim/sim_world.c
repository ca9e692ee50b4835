/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_world.c - the objects of the simulator, and what the core's decisions
 * do to them.
 */
#include "sim_internal.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void sim_assert(bool condition, const char *text)
{
    if (!condition) {
        fprintf(stderr, "simulation: not true: %s\n", text);
        abort();
    }
}

void sim_note(const struct sim *sim, const char *format, ...)
{
    va_list args;

    if (!sim->options->trace) {
        return;
    }
    printf("%12.6f ", (double)sim->now / (double)SIM_SECOND);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void sim_schedule(struct sim *sim, struct sim_event *event, int64_t in_us)
{
    core_heap_set(&sim->events, &event->node, sim->now + in_us);
}

void sim_unschedule(struct sim *sim, struct sim_event *event)
{
    core_heap_remove(&sim->events, &event->node);
}

struct core_limits sim_limits(struct sim *sim)
{
    unsigned max = sim->options->max;

    return (struct core_limits){
        .max = 1 + (unsigned)sim_random(sim, 2 * max),
        .max_spawning = 1 + (unsigned)sim_random(sim, 8),
        .max_waiting = sim_random(sim, 4) ? 0 : 10 * max,
        .max_idle_us = (int64_t)sim_random(sim, 3) * 20 * SIM_SECOND,
    };
}

static unsigned sim_concurrency(struct sim *sim)
{
    static const unsigned some[] = {1, 1, 1, 1, 2, 5, 100, 0};

    return some[sim_random(sim, sizeof(some) / sizeof(some[0]))];
}

struct core_app_limits sim_app_limits(struct sim *sim)
{
    return (struct core_app_limits){
        .min_instances = (unsigned)sim_random(sim, 3),
        .max_per_app = sim_random(sim, 3) ? 0
                                          : 1 + (unsigned)sim_random(sim, 4),
        .max_requests = sim_random(sim, 4) ? 0
                                           : 1 + (unsigned)sim_random(sim, 99),
        .max_queue = sim_random(sim, 4) ? 100 : 0,
        .concurrency = sim_concurrency(sim),
        .memory_mib = 100,
        .max_request_us =
            sim_random(sim, 4) ? 0 : 30 * SIM_SECOND,
        .queue_timeout_us = sim_random(sim, 4) ? 60 * SIM_SECOND : 0,
        .start_timeout_us = 30 * SIM_SECOND,
        .smart = sim_random(sim, 2),
        .pre_start = sim_random(sim, 20) == 0,
        .not_rolling = sim_random(sim, 4) == 0,
    };
}

void sim_add_app(struct sim *sim, struct sim_app *app)
{
    app->event.kind = EVENT_ARRIVAL;
    app->limits = sim_app_limits(sim);
    app->work_us = sim_time(sim, 50000);
    app->load_us = sim_time(sim, SIM_SECOND / 2);
    app->always = false;
    TAILQ_INIT(&app->waiting);
    app->core = core_app_add(sim->core, &app->limits, app, sim->now);
    sim_schedule(sim, &app->event, sim_time(sim, app->gap_us));
}

void sim_request_free(struct sim *sim, struct sim_request *request)
{
    sim_unschedule(sim, &request->event);
    if (request->process) {
        TAILQ_REMOVE(&request->process->requests, request, link);
    } else {
        TAILQ_REMOVE(&request->app->waiting, request, link);
        sim->n_waiting--;
    }
    free(request);
}

/* Into its place among those who wait. */
void sim_wait(struct sim *sim, struct sim_request *request)
{
    struct sim_requests *waiting = &request->app->waiting;
    struct sim_request *before = TAILQ_LAST(waiting, sim_requests);

    request->state = REQUEST_WAITING;
    if (request->process) {
        request->wanted = NULL; /* the core asks once */
    }
    request->process = NULL;
    while (before && before->waiter.since_us > request->waiter.since_us) {
        before = TAILQ_PREV(before, sim_requests, link);
    }
    if (before) {
        TAILQ_INSERT_AFTER(waiting, before, request, link);
    } else {
        TAILQ_INSERT_HEAD(waiting, request, link);
    }
    sim->n_waiting++;
    if (sim_chance(sim, FAULT_CANCEL, 10)) {
        sim_schedule(sim, &request->event, sim_time(sim, SIM_SECOND));
    }
}

/* Who waits for this one process, NULL: for whichever, waits for any now. */
void sim_want_any(struct sim_app *app, const struct sim_process *instead_of)
{
    struct sim_request *request;

    TAILQ_FOREACH(request, &app->waiting, link) {
        if (!instead_of || request->wanted == instead_of) {
            request->wanted = NULL;
        }
    }
}

static bool would_take(const struct sim_request *request,
                       const struct sim_process *process)
{
    return !request->wanted || request->wanted == process
           || core_process_is_leaving(request->wanted->core);
}

/* Nobody older waits whom this process would do. */
static void check_turn(const struct sim_request *request,
                       const struct sim_process *process)
{
    const struct sim_request *other;

    sim_assert(would_take(request, process), "the process that it wants");
    TAILQ_FOREACH(other, &request->app->waiting, link) {
        if (other->waiter.since_us >= request->waiter.since_us) {
            break;
        }
        sim_assert(!would_take(other, process), "first come, first served");
    }
}

static void on_start(void *baton, struct core_process *core,
                     enum core_start how, struct core_process *preloader,
                     unsigned listener)
{
    struct sim *sim = baton;
    struct sim_process *process = calloc(1, sizeof(*process));

    sim_assert(process, "memory");
    process->core = core;
    process->number = core_process_number(core);
    process->event.kind = EVENT_PROCESS;
    process->preloader = how == CORE_START_PRELOADER;
    process->deaf = sim_chance(sim, FAULT_DEAF, 20);
    process->app = core_app_baton(core_process_app(core));
    if (how == CORE_START_FORK) {
        process->parent = core_process_baton(preloader);
        process->listener = listener;
        sim_assert(listener < process->parent->n_listeners, "listener");
        sim_assert(process->parent->state == PROCESS_READY, "preloader up");
    } else if (process->preloader) {
        process->n_listeners = listener;
    }
    TAILQ_INIT(&process->requests);
    core_process_set_baton(core, process);
    if (sim->n_processes == sim->size_processes) {
        sim->size_processes = 2 * sim->size_processes + 16;
        sim->processes = realloc(sim->processes, sim->size_processes
                                                     * sizeof(process));
        sim_assert(sim->processes, "memory");
    }
    process->at = sim->n_processes++;
    sim->processes[process->at] = process;
    sim_assert(!sim->stopping, "nothing starts after stop");
    sim->result.started++;
    sim_note(sim, "  start %u how %d app %td", process->number, how,
             process->app - sim->apps);
    if (!sim_chance(sim, FAULT_HANG_START, 50)) {
        sim_schedule(sim, &process->event,
                     sim_time(sim, how == CORE_START_FORK
                                       ? process->app->load_us / 20
                                       : process->app->load_us));
    }
}

static void count_wait(struct sim *sim, int64_t wait_us)
{
    unsigned octave = wait_us > 15 ? 60 - __builtin_clzll((uint64_t)wait_us)
                                   : 0;
    unsigned slot = octave * 8 + (unsigned)(wait_us >> octave);

    sim->waits[slot]++;
    if (wait_us > sim->result.wait_max_us) {
        sim->result.wait_max_us = wait_us;
    }
}

static int64_t work_time(struct sim *sim, const struct sim_app *app)
{
    if (sim_chance(sim, FAULT_LONG, 5000)) {
        return sim_time(sim, 100 * SIM_SECOND);
    }
    return sim_time(sim, app->work_us);
}

static void on_hand_out(void *baton, struct core_waiter *waiter,
                        struct core_process *core)
{
    struct sim *sim = baton;
    struct sim_request *request = (struct sim_request *)waiter;
    struct sim_process *process = core_process_baton(core);

    sim_note(sim, "  request %ju gets %u", (uintmax_t)request->number,
             process->number);
    sim_assert(request->state == REQUEST_WAITING, "handed out once");
    check_turn(request, process);
    sim_assert(process->state == PROCESS_READY, "it serves");
    sim_assert(process->app == request->app, "its own application");
    TAILQ_REMOVE(&request->app->waiting, request, link);
    TAILQ_INSERT_TAIL(&process->requests, request, link);
    sim->n_waiting--;
    request->process = process;
    if (sim_chance(sim, FAULT_LOST, 2000)) {
        request->state = REQUEST_LOST;
        sim_schedule(sim, &request->event, sim_time(sim, 1000));
    } else {
        request->state = REQUEST_RUNNING;
        count_wait(sim, sim->now - waiter->since_us);
        sim_schedule(sim, &request->event, work_time(sim, request->app));
    }
}

static void on_refuse(void *baton, struct core_waiter *waiter,
                      enum core_refusal why, const char *text,
                      unsigned retry_after_s)
{
    struct sim *sim = baton;
    struct sim_request *request = (struct sim_request *)waiter;

    (void)retry_after_s;
    sim_note(sim, "  request %ju refused %d", (uintmax_t)request->number, why);
    sim_assert(request->state == REQUEST_WAITING, "refused while it waits");
    sim_assert(why != CORE_SPAWN_FAILED || text, "an error has a text");
    sim->result.refused++;
    sim_request_free(sim, request);
}

static void on_retire(void *baton, struct core_process *core,
                      enum core_reason why)
{
    struct sim *sim = baton;
    struct sim_process *process = core_process_baton(core);
    const struct sim_request *request;

    sim_note(sim, "  retire %u why %d", process->number, why);
    sim_assert(process->state != PROCESS_ENDING, "retired once");
    TAILQ_FOREACH(request, &process->requests, link) {
        sim_assert(why == CORE_STOP || request->state == REQUEST_UNCLEAN,
                   "not retired while it is lent");
    }
    process->state = PROCESS_ENDING;
    sim_unschedule(sim, &process->event);
    if (!process->deaf) {
        sim_schedule(sim, &process->event, sim_time(sim, SIM_SECOND / 2));
    }
}

static void on_kill(void *baton, struct core_process *core, int signal)
{
    struct sim *sim = baton;
    struct sim_process *process = core_process_baton(core);

    sim_note(sim, "  kill %u signal %d", process->number, signal);
    process->state = PROCESS_ENDING;
    if (signal == SIGKILL || !process->deaf) {
        sim_schedule(sim, &process->event, 1000);
    }
}

static void on_forget(void *baton, struct core_process *core)
{
    struct sim *sim = baton;
    struct sim_process *process = core_process_baton(core);
    size_t last = sim->n_processes - 1;
    size_t i;

    if (!process) {
        return; /* a new engine has taken it over */
    }
    sim_assert(TAILQ_EMPTY(&process->requests), "forgotten without requests");
    for (i = 0; process->preloader && i < sim->n_processes; i++) {
        if (sim->processes[i]->parent == process) {
            sim->processes[i]->parent = NULL;
        }
    }
    sim_want_any(process->app, process);
    sim_unschedule(sim, &process->event);
    sim->processes[process->at] = sim->processes[last];
    sim->processes[process->at]->at = process->at;
    sim->n_processes--;
    free(process);
}

static void on_restarted(void *baton, struct core_app *app, const char *error)
{
    const struct sim *sim = baton;
    const struct sim_app *slot = core_app_baton(app);

    sim_note(sim, "  restarted app %td: %s", slot - sim->apps,
             error ? error : "new code serves");
}

const struct core_ops sim_ops = {
    .start = on_start,
    .hand_out = on_hand_out,
    .refuse = on_refuse,
    .retire = on_retire,
    .kill = on_kill,
    .forget = on_forget,
    .restarted = on_restarted,
};
