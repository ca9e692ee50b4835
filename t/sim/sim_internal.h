/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_internal.h - objects of the simulator, shared by its files.
 */
#ifndef APPPOOL_SIM_INTERNAL_H
#define APPPOOL_SIM_INTERNAL_H

#include "sim.h"

/* The body may free `object`. */
#define SIM_FOREACH(object, list, link, next)                                 \
    for ((object) = TAILQ_FIRST(list);                                        \
         (object) && ((next) = TAILQ_NEXT(object, link), 1); (object) = (next))

enum sim_kind { EVENT_ARRIVAL, EVENT_REQUEST, EVENT_PROCESS, EVENT_CONTROL };

struct sim_event {
    struct core_heap_node node; /* key: when */
    enum sim_kind kind;
};

TAILQ_HEAD(sim_requests, sim_request);

enum sim_request_state {
    REQUEST_WAITING,
    REQUEST_RUNNING,
    REQUEST_LOST,    /* handed out, but the process cannot be reached */
    REQUEST_UNCLEAN  /* ended; the process still works on it */
};

struct sim_request {
    struct core_waiter waiter;
    struct sim_event event; /* leaves, ends, is found lost, is clean */
    enum sim_request_state state;
    struct sim_app *app;
    struct sim_process *process; /* NULL while waiting */
    struct sim_process *wanted;  /* waits for this one; NULL: for any */
    uint64_t number;
    TAILQ_ENTRY(sim_request) link; /* of app->waiting or process->requests */
};

/* A slot: when its application is removed the next one takes its place. */
struct sim_app {
    struct core_app *core;
    struct sim_event event; /* next arrival */
    struct core_app_limits limits;
    struct sim_requests waiting; /* in the order in which they are due */
    bool always;     /* restarts with each request */
    int64_t gap_us;  /* mean time between requests */
    int64_t work_us; /* mean time a request takes */
    int64_t load_us; /* mean time a start takes */
};

enum sim_process_state { PROCESS_STARTING, PROCESS_READY, PROCESS_ENDING };

struct sim_process {
    struct core_process *core;
    struct sim_event event; /* is up, or has failed; has ended */
    enum sim_process_state state;
    bool preloader, deaf;
    uint32_t number;
    struct sim_process *parent;
    unsigned listener, n_listeners;
    struct sim_app *app;
    struct sim_requests requests;
    size_t at; /* in sim->processes */
};

struct sim {
    const struct sim_options *options;
    struct sim_result result;
    struct core *core;
    struct core_limits limits;
    uint64_t random;
    int64_t now;
    bool calm; /* no more faults or arrivals: all has to come to its end */
    bool stopping;
    struct core_heap events;
    struct sim_event control;
    struct sim_app *apps;
    struct sim_process **processes;
    size_t n_processes, size_processes;
    uint64_t n_waiting;
    uint64_t waits[64 * 8]; /* histogram, 8 steps an octave */
};

/* sim_random.c */
uint64_t sim_random(struct sim *sim, uint64_t limit);
bool sim_chance(struct sim *sim, enum sim_fault fault, unsigned one_in);
int64_t sim_time(struct sim *sim, int64_t mean_us);

/* sim_world.c: what the core decides, and objects. */
extern const struct core_ops sim_ops;
void sim_schedule(struct sim *sim, struct sim_event *event, int64_t in_us);
void sim_unschedule(struct sim *sim, struct sim_event *event);
void sim_add_app(struct sim *sim, struct sim_app *app);
struct core_app_limits sim_app_limits(struct sim *sim);
struct core_limits sim_limits(struct sim *sim);
void sim_request_free(struct sim *sim, struct sim_request *request);
void sim_wait(struct sim *sim, struct sim_request *request);
void sim_want_any(struct sim_app *app, const struct sim_process *instead_of);
void sim_note(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sim_assert(bool condition, const char *text);

/* sim_events.c: what happens to the core. */
void sim_on_arrival(struct sim *sim, struct sim_app *app);
void sim_on_request(struct sim *sim, struct sim_request *request);
void sim_on_process(struct sim *sim, struct sim_process *process);
void sim_process_gone(struct sim *sim, struct sim_process *process);

/* sim_control.c: what administrators and disasters do. */
void sim_on_control(struct sim *sim);

#endif
