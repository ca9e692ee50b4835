/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_internal.h - what the files of the core know of each other.
 *
 * How a call is worked off: its own file changes lists and counters, then
 * core_settle() brings the application it touched and the pool back to rest:
 * the queue is served, starts are made, room is found, timers are set. Nothing
 * here looks at all applications or all processes; costs that depend on a
 * number belong to rare events (a start, an end, a restart) and to the number
 * of processes of one application.
 */
#ifndef APPPOOL_CORE_INTERNAL_H
#define APPPOOL_CORE_INTERNAL_H

#include "core.h"
#include "core_heap.h"

#include <stddef.h>
#include <sys/queue.h>

#define CORE_SECOND INT64_C(1000000)

/* Between SIGTERM and SIGKILL; for a failed start to end of its own. */
#define CORE_PATIENCE_US (5 * CORE_SECOND)
/* Who came so soon after the first in line may be served before it, where that
 * saves a change of clients; and how many are looked at. */
#define CORE_NEAR_US 2000
#define CORE_NEAR_MOST 32
/* Between SIGABRT and SIGKILL: time for the backtraces to reach the log. */
#define CORE_ABORT_US (1 * CORE_SECOND)
/* For an abandoned request to end where no PoolMaxRequestTime says it. */
#define CORE_UNCLEAN_US (60 * CORE_SECOND)
/* After this long without any process, an application is given the next one
 * that comes free, whoever holds it. */
#define CORE_STARVED_US (1 * CORE_SECOND)
/* A process that died younger is replaced after a pause, longer from time to
 * time, unless somebody asks; that is forgotten so long after the last. */
#define CORE_INFANT_US (10 * CORE_SECOND)
#define CORE_FORGIVEN_US (60 * CORE_SECOND)
#define CORE_MAX_BACKOFF_S 30
#define CORE_BUSY_RETRY_S 5 /* Retry-After of a full queue */

/* A preloader inherits its listeners; they are bits of a word. */
#define CORE_MAX_LISTENERS 64

TAILQ_HEAD(core_app_list, core_app);
TAILQ_HEAD(core_process_list, core_process);
TAILQ_HEAD(core_queue, core_waiter);

enum core_stage {
    STAGE_NONE,
    STAGE_STARTING,
    STAGE_SERVING,  /* ready; a preloader: may fork */
    STAGE_LEAVING,  /* finishes what it has, gets nothing more */
    STAGE_RETIRING, /* told to end, or failed to start */
    STAGE_COUNT
};

struct core_process {
    struct core_app *app;
    void *baton;
    uint32_t number;
    uint32_t release;
    enum core_stage stage;
    enum core_reason reason; /* why it is leaving, or to be replaced */
    bool preloader;
    bool successor;          /* starts to replace another one */
    bool to_replace;         /* on app->to_replace */
    bool is_running;         /* on app->running */
    bool is_unclean;         /* on app->unclean */
    unsigned sessions;       /* lent */
    unsigned unclean;        /* ended, but the process still works on them */
    uint64_t requests;
    uint64_t quota;          /* never more requests than this; 0: no limit */
    int64_t started_us, ready_us;
    int64_t idle_since_us;   /* 0: not idle; a preloader: since its last fork */
    int64_t lent_us;         /* when it ceased to be idle */
    int64_t unclean_us;      /* since when, or its last progress */
    int64_t ending_us;       /* when it was signalled last */

    struct core_process *parent; /* preloader that forked it; NULL: none left */
    unsigned listener;           /* its index there */
    unsigned n_listeners;        /* of a preloader */
    uint64_t listeners_used;     /* of a preloader, bit by bit */

    struct core_queue line;      /* who waits for this one, oldest first */
    bool is_expected;            /* on app->expected */

    int level;                   /* on the shelf; -1: not on it */
    struct core_process_list *ending; /* one of app->retiring ...; or NULL */
    TAILQ_ENTRY(core_process) all;
    TAILQ_ENTRY(core_process) shelf;
    TAILQ_ENTRY(core_process) running;
    TAILQ_ENTRY(core_process) stage_link; /* starting, or *ending */
    TAILQ_ENTRY(core_process) unclean_link;
    TAILQ_ENTRY(core_process) replace;
    TAILQ_ENTRY(core_process) expected;
};

/*
 * Processes with a free place, by the number of requests they have. Level 0
 * has the idle ones, longest idle first. The last level of a full shelf takes
 * all from that number on.
 */
#define CORE_SHELF_LEVELS 64
struct core_shelf {
    uint64_t mask; /* levels that are not empty */
    struct core_process_list *levels;
};

/* Why an application needs a process; the order in which they are served. */
enum core_hunger {
    HUNGER_STARVED, /* requests wait and it has none */
    HUNGER_SHORT,   /* requests wait for one more */
    HUNGER_FLOOR,   /* below PoolMinInstances; worth nobody else's process */
    HUNGER_COUNT,
    HUNGER_NONE = HUNGER_COUNT
};

struct core_app {
    struct core *core;
    void *baton;
    struct core_app_limits limits;
    uint32_t release;
    bool removed;
    bool awake;          /* keeps its minimum: it was asked since it slept */
    int64_t wake_at_us;  /* or does so again then; 0: only when it is asked */
    bool always_restart;
    bool restarting;     /* somebody waits for the op restarted */
    bool held_back;      /* no successors: the last one did not start */
    bool proving;        /* its first process is to replace another app's */
    bool has_successor;  /* core->successor is ours and not started yet */
    bool paused;         /* the queue's clock: its first process starts */
    unsigned count[STAGE_COUNT]; /* processes without preloaders */
    unsigned n_reserved; /* places held for forks of a starting preloader */
    unsigned n_held;     /* starting, serving and reserved */
    unsigned n_stale;    /* serving, of an older release */
    unsigned n_waiting;
    unsigned n_sticky;   /* of them, those who wait for one process */
    uint64_t requests, spawned, failed_spawns, refused, died;

    int64_t paused_us, paused_since_us;
    struct core_queue queue; /* all, oldest first */
    struct core_queue line;  /* of them, those who wait for any process */
    struct core_process_list expected; /* with a place for who waits for it */
    unsigned n_levels;         /* of each shelf */
    struct core_shelf fresh, stale;

    struct core_process_list all, preloaders;
    struct core_process_list starting; /* with preloaders, oldest first */
    struct core_process_list running;  /* by lent_us */
    struct core_process_list unclean;  /* by unclean_us */
    struct core_process_list retiring, aborted, killed; /* by ending_us */
    struct core_process_list to_replace;

    unsigned failures;  /* in a row */
    int64_t retry_at_us;
    char *last_error;
    unsigned infants;   /* died young, one after the other */
    int64_t infant_us;  /* the last one */

    enum core_hunger hunger;
    int64_t hungry_since_us;
    bool wants_successor; /* on core->successions */
    struct core_heap_node timer, idle;
    struct core_heap *idle_heap; /* NULL, &core->spare or &core->at_floor */
    TAILQ_ENTRY(core_app) link;
    TAILQ_ENTRY(core_app) queued; /* while somebody waits */
    TAILQ_ENTRY(core_app) hungry;
    TAILQ_ENTRY(core_app) succession;
};

struct core {
    struct core_ops ops;
    void *baton;
    struct core_limits limits;
    uint64_t random;
    uint32_t last_number;
    bool stopping;
    bool held;                   /* requests only queue ... */
    int64_t held_until_us;       /* ... until then */
    unsigned count[STAGE_COUNT]; /* processes without preloaders */
    unsigned n_reserved, n_preloaders, n_active, n_waiting, n_apps;
    unsigned grace; /* processes there may be: limits may have been lowered */
    struct core_app_list apps;
    struct core_app_list queued; /* those for which somebody waits */
    struct core_app_list hungry[HUNGER_COUNT];
    unsigned n_hungry[HUNGER_COUNT];
    struct core_app_list successions;
    struct core_app *successor; /* whose successor is on its way, or NULL */
    struct core_heap timers;    /* by the next time-out, or earlier */
    struct core_heap spare;     /* by the longest idle process, or before ... */
    struct core_heap at_floor;  /* ... of those that are at their minimum */
    unsigned *holding;          /* applications with that many processes */
    unsigned n_holding, most;   /* size; the greatest with any */
    struct core_app *touched;   /* for core_check_local() */
};

/* core.c: the pool. */
void *core_alloc(size_t size);
uint64_t core_random(struct core *core, uint64_t limit);
void core_settle(struct core_app *app, int64_t now_us);

/* app.c: an application. */
unsigned core_app_alive(const struct core_app *app); /* not on its way out */
unsigned core_app_all(const struct core_app *app);   /* all, reserved too */
void core_app_hold(struct core_app *app, int by);
void core_app_settle(struct core_app *app, int64_t now_us);
enum core_hunger core_app_hunger(const struct core_app *app, int64_t now_us);
void core_app_release_if_empty(struct core_app *app);
/* Its minimum is kept no more: until it is asked, or (unless 0) until then. */
void core_app_sleep(struct core_app *app, int64_t until_us);
void core_app_wake(struct core_app *app);
void core_app_tick(struct core_app *app, int64_t now_us);

/* process.c: a process from its start to its end. */
struct core_process *core_process_new(struct core_app *app, bool preloader,
                                      int64_t now_us);
/* May it be lent once more? Not before it is back from what was abandoned: it
 * may be dead already, and nobody has heard of it. */
bool core_process_has_place(const struct core_process *process);
void core_process_enter(struct core_process *process, enum core_stage stage);
void core_process_serve(struct core_process *process, int64_t now_us);
void core_process_free(struct core_process *process);
unsigned core_process_use(const struct core_process *process);
void core_process_lend(struct core_process *process,
                       struct core_waiter *waiter, int64_t now_us);
void core_process_idle(struct core_process *process, int64_t now_us);

/* shelf.c: who gets the next request. */
void core_shelf_init(struct core_app *app);
void core_shelf_clear(struct core_app *app);
void core_shelf_put(struct core_process *process);
void core_shelf_remove(struct core_process *process);
void core_shelf_age(struct core_app *app);
struct core_process *core_shelf_best(const struct core_app *app,
                                     const struct core_waiter *waiter);
struct core_process *core_shelf_longest_idle(const struct core_app *app);
void core_shelf_expect(struct core_process *process);

/* queue.c: who waits. */
int64_t core_queue_clock(const struct core_app *app, int64_t now_us);
void core_queue_pause(struct core_app *app, int64_t now_us);
void core_queue_push(struct core_app *app, struct core_waiter *waiter,
                     int64_t now_us);
void core_queue_remove(struct core_waiter *waiter, int64_t now_us);
void core_queue_serve(struct core_app *app, int64_t now_us);
unsigned core_queue_any(const struct core_app *app);
void core_queue_release(struct core_process *process);
void core_queue_trim(struct core_app *app, int64_t now_us);
void core_queue_refuse(struct core_app *app, struct core_waiter *waiter,
                       enum core_refusal why, const char *text,
                       unsigned retry_after_s);
void core_queue_refuse_all(struct core_app *app, enum core_refusal why,
                           const char *text, unsigned retry_after_s,
                           int64_t now_us);
int64_t core_queue_due(const struct core_app *app, int64_t now_us);
void core_queue_tick(struct core_app *app, int64_t now_us);

/* start.c: processes and preloaders are started. */
void core_start(struct core_app *app, bool successor, int64_t now_us);
void core_start_reserved(struct core_app *app, int64_t now_us);
void core_start_forget_reserved(struct core_app *app);
bool core_start_has_preloading(const struct core_app *app);
void core_start_forget_successor(struct core_process *process);
void core_start_fail(struct core_process *process, const char *text,
                     int64_t now_us);
int64_t core_start_due(const struct core_app *app);
void core_start_tick(struct core_app *app, int64_t now_us);

/* backoff.c: the application does not start. */
bool core_backoff_holds(const struct core_app *app, int64_t now_us);
unsigned core_backoff_left_s(const struct core_app *app, int64_t now_us);
void core_backoff_failed(struct core_app *app, const char *text,
                         int64_t now_us);
void core_backoff_infant(struct core_app *app, int64_t now_us);
void core_backoff_refuse(struct core_app *app, int64_t now_us);
void core_backoff_end(struct core_app *app);

/* ending.c: a process has to go. */
void core_leave(struct core_process *process, enum core_reason why,
                int64_t now_us);
void core_retire(struct core_process *process, enum core_reason why,
                 int64_t now_us);
void core_abort(struct core_process *process, int64_t now_us);
void core_end_await(struct core_process *process, int64_t now_us);
void core_end_forget(struct core_process *process);
int64_t core_ending_due(const struct core_app *app);
void core_ending_tick(struct core_app *app, int64_t now_us);

/* room.c: a full pool. */
int core_room_free(const struct core *core);
bool core_room_is_over(const struct core *core);
bool core_room_app_is_over(const struct core_app *app);
void core_room_file(struct core_app *app, int64_t now_us);
void core_room_leave(struct core_app *app);
bool core_room_claims(const struct core_app *app, int64_t now_us);
void core_room_settle(struct core *core, int64_t now_us);

/* idle.c: what is idle, longest first. */
void core_idle_file(struct core_app *app);
void core_idle_leave(struct core_app *app);
struct core_process *core_idle_longest(struct core_heap *heap);
int64_t core_idle_due(const struct core *core);
void core_idle_tick(struct core *core, int64_t now_us);
int64_t core_idle_preloader_due(const struct core_app *app);
void core_idle_preloader_tick(struct core_app *app, int64_t now_us);

/* restart.c: new code, and successors. */
void core_replace(struct core_process *process, enum core_reason why,
                  int64_t now_us);
void core_replace_forget(struct core_process *process);
void core_restart_proven(struct core_process *process, int64_t now_us);
void core_restart_failed(struct core_app *app, const char *text);
void core_restart_check(struct core_app *app, int64_t now_us);
void core_succession_file(struct core_app *app, int64_t now_us);
void core_succession_leave(struct core_app *app);
void core_succession_settle(struct core *core, int64_t now_us);

#endif
