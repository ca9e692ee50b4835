/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim.h - the pool's core among random requests, processes and administrators.
 *
 * Everything that happens is an event in virtual time and follows from the
 * seed. The simulator keeps books of its own and aborts when the core's
 * decisions do not fit them, or when the core's own invariants do not hold.
 */
#ifndef APPPOOL_SIM_H
#define APPPOOL_SIM_H

#include "core.h"
#include "core_heap.h"

#define SIM_SECOND INT64_C(1000000)

/* What may go wrong or be changed; each can be switched off. */
#define SIM_FAULTS(X)                                                         \
    X(CANCEL, "cancel")         /* clients leave while they wait */            \
    X(CRASH, "crash")           /* processes die in any state */               \
    X(FAIL_START, "fail-start") /* starts fail */                              \
    X(HANG_START, "hang-start") /* starts never end */                         \
    X(DEAF, "deaf")             /* processes ignore SIGTERM and SIGABRT */     \
    X(DIRTY, "dirty")           /* requests are abandoned */                   \
    X(LOST, "lost")             /* processes cannot be connected to */         \
    X(POOL_LIMITS, "pool-limits")                                             \
    X(APP_LIMITS, "app-limits")                                               \
    X(RESTART, "restart")                                                     \
    X(ALWAYS, "always-restart")                                               \
    X(REMOVE, "remove")         /* applications go, others come */             \
    X(DETACH, "detach")                                                       \
    X(CLEAR, "clear")                                                         \
    X(MEMORY, "memory")                                                       \
    X(AGE, "age")               /* requests have waited elsewhere */           \
    X(STICKY, "sticky")                                                       \
    X(LONG, "long")             /* some requests take minutes */               \
    X(ENGINE, "engine")         /* the core is lost, another takes over */

enum sim_fault {
#define SIM_FAULT_ENUM(name, text) FAULT_##name,
    SIM_FAULTS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
    FAULT_COUNT
};
#define SIM_ALL_FAULTS ((UINT32_C(1) << FAULT_COUNT) - 1)

struct sim_options {
    uint64_t seed;
    uint64_t n_events;
    unsigned n_apps, max;
    uint32_t faults; /* bits */
    bool trace;      /* print every call and decision */
};

/* What became of the requests, and how long the served ones waited. */
struct sim_result {
    uint64_t events, arrived, served, refused, cancelled, broken;
    uint64_t started, ended, engines;
    int64_t wait_p50_us, wait_p99_us, wait_max_us;
};

/* Aborts when something does not hold. */
void sim_run(const struct sim_options *options, struct sim_result *result_r);

#endif
