/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.c - one run: events in the order of time, invariants after each, and an
 * end in which everything has to come to its end.
 */
#include "sim_internal.h"

#include <stddef.h>
#include <stdlib.h>

/* Events between checks of all, or as many as there are applications. */
#define SIM_CHECK_ALL 1000
#define SIM_DRAIN_US (48 * 3600 * SIM_SECOND)

static void sim_start(struct sim *sim)
{
    unsigned n = sim->options->n_apps;
    unsigned i;

    sim->core = core_new(&sim_ops, sim, sim->options->seed);
    sim->limits = sim_limits(sim);
    core_set_limits(sim->core, &sim->limits, sim->now);
    sim->apps = calloc(n, sizeof(sim->apps[0]));
    sim_assert(sim->apps, "memory");
    for (i = 0; i < n; i++) {
        /* Work of 50 ms: all together keep 20 % to 150 % of max busy. */
        sim->apps[i].gap_us = (int64_t)(50000.0 * n / sim->options->max * 100
                                        / (double)(20 + sim_random(sim, 131)));
        sim_add_app(sim, &sim->apps[i]);
    }
    sim->control.kind = EVENT_CONTROL;
    sim_schedule(sim, &sim->control, SIM_SECOND);
}

static struct sim_event *event_of(struct core_heap_node *node)
{
    return (struct sim_event *)((char *)node
                                - offsetof(struct sim_event, node));
}

#define OBJECT_OF(type, event)                                                \
    ((struct type *)((char *)(event)-offsetof(struct type, event)))

static void sim_happen(struct sim *sim, struct sim_event *event)
{
    sim->now = event->node.key;
    sim_unschedule(sim, event);
    switch (event->kind) {
    case EVENT_ARRIVAL:
        sim_on_arrival(sim, OBJECT_OF(sim_app, event));
        break;
    case EVENT_REQUEST:
        sim_on_request(sim, OBJECT_OF(sim_request, event));
        break;
    case EVENT_PROCESS:
        sim_on_process(sim, OBJECT_OF(sim_process, event));
        break;
    case EVENT_CONTROL:
        sim_on_control(sim);
        break;
    }
}

static void sim_check(struct sim *sim)
{
    uint64_t n_apps = sim->options->n_apps;
    uint64_t every = n_apps > SIM_CHECK_ALL ? n_apps : SIM_CHECK_ALL;
    struct core_view view;

    core_check_local(sim->core);
    if (sim->result.events % every == 0) {
        core_check(sim->core);
        core_view(sim->core, &view);
        sim_assert(view.waiting == sim->n_waiting, "as many wait");
        sim_assert(view.processes + view.preloaders == sim->n_processes,
                   "as many processes");
    }
}

/* The next event or tick, unless it is later than `end`. */
static bool sim_step(struct sim *sim, int64_t end)
{
    struct core_heap_node *node = core_heap_first(&sim->events);
    int64_t due = core_next_tick(sim->core);
    int64_t at = node ? node->key : INT64_MAX;

    if ((due < at ? due : at) > end) {
        return false;
    }
    if (due <= at) {
        sim->now = due > sim->now ? due : sim->now;
        sim_note(sim, "tick");
        core_tick(sim->core, sim->now);
        sim_assert(core_next_tick(sim->core) > sim->now, "ticks get on");
    } else {
        sim_happen(sim, event_of(node));
    }
    sim->result.events++;
    sim_check(sim);
    return true;
}

/* No more requests, no more faults: who waits is served, then all ends. */
static void sim_drain(struct sim *sim)
{
    int64_t end = sim->now + SIM_DRAIN_US;

    sim->calm = true;
    while (sim->n_waiting && sim_step(sim, end)) {
    }
    sim_assert(!sim->n_waiting, "everybody is served in the end");
    core_check(sim->core);
    sim_note(sim, "stop");
    sim->stopping = true;
    core_stop(sim->core, sim->now);
    end = sim->now + 10 * SIM_SECOND;
    while (sim_step(sim, end)) {
    }
    sim_assert(!sim->n_processes, "what is retired ends");
    core_check(sim->core);
}

static int64_t sim_percentile(const struct sim *sim, double part)
{
    uint64_t all = 0, seen = 0;
    unsigned slot;

    for (slot = 0; slot < sizeof(sim->waits) / sizeof(sim->waits[0]); slot++) {
        all += sim->waits[slot];
    }
    for (slot = 0; slot < sizeof(sim->waits) / sizeof(sim->waits[0]); slot++) {
        seen += sim->waits[slot];
        if ((double)seen >= part * (double)all) {
            break;
        }
    }
    return slot < 16 ? (int64_t)slot
                     : (int64_t)(8 + slot % 8) << (slot / 8 - 1);
}

void sim_run(const struct sim_options *options, struct sim_result *result_r)
{
    struct sim sim = {
        .options = options,
        .random = options->seed * 2 + 1,
        .now = 1000000 * SIM_SECOND,
    };
    struct sim_result *result = &sim.result;

    sim_start(&sim);
    while (result->events < options->n_events && sim_step(&sim, INT64_MAX)) {
    }
    sim_drain(&sim);
    sim_assert(result->arrived == result->served + result->refused
                                      + result->cancelled + result->broken,
               "requests add up");
    sim_assert(result->started == result->ended, "processes add up");
    result->wait_p50_us = sim_percentile(&sim, 0.5);
    result->wait_p99_us = sim_percentile(&sim, 0.99);
    core_free(&sim.core);
    core_heap_clear(&sim.events);
    free(sim.apps);
    free(sim.processes);
    *result_r = sim.result;
}
