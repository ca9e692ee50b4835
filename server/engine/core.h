/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.h - the policy of the pool: no I/O, no clock, no threads.
 *
 * Events go in as calls, each with the time now_us (monotonic, never goes
 * back); decisions come out through struct core_ops, at once, from within the
 * call. An op only notes what is to be done and returns: it never calls into
 * the core. After any call the invariants of core_check() hold.
 *
 * Objects: an *application* (struct core_app) is a definition with its
 * processes and its queue; a *process* is known by the number the core gave it;
 * a *waiter* is a GET that has not been answered, its memory is the caller's.
 * Get, close and cancel are O(1) whatever the number of each.
 */
#ifndef APPPOOL_CORE_H
#define APPPOOL_CORE_H

#include "apppool/protocol.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct core;
struct core_app;
struct core_process;

/*
 * A request in the queue; embedded in the caller's own object. With a sticky
 * process it waits for that one, as long as it serves, and else for any.
 */
struct core_waiter {
    TAILQ_ENTRY(core_waiter) link; /* the queue's */
    TAILQ_ENTRY(core_waiter) line; /* the queue's: who waits for the same */
    struct core_app *app;  /* NULL: not waiting */
    int64_t since_us;      /* when the request began to wait (its true age) */
    int64_t spawn_us;      /* of its wait, while a first process started */
    struct core_process *sticky;  /* its own; NULL: any. core_get() looks */
    struct core_process *process; /* the queue's: it waits for that, or NULL */
    int64_t clock_us, counts_from_us; /* the queue's */
};

/* Why a waiter is refused. */
enum core_refusal {
    CORE_SPAWN_FAILED, /* text: the application's own error */
    CORE_QUEUE_FULL,   /* over max_queue, or over the pool's max_waiting */
    CORE_TIMED_OUT,
    CORE_STOPPING
};

/* How a process is started. */
enum core_start {
    CORE_START_DIRECT,    /* loads the application itself */
    CORE_START_PRELOADER, /* loads it for others; serves nobody; not counted */
    CORE_START_FORK       /* by the application's preloader */
};

/* Why a process has to go; for the log. */
enum core_reason {
    CORE_IDLE, CORE_MAX_REQUESTS, CORE_MEMORY, CORE_RESTART, CORE_MAKE_ROOM,
    CORE_LOWERED, CORE_CLEARED, CORE_DETACHED, CORE_REMOVED, CORE_TOO_LONG,
    CORE_UNRESPONSIVE, CORE_STOP
};

/* Decisions. `process` may be asked for its app and number meanwhile. */
struct core_ops {
    /* Start it; answer later with core_process_ready() or core_spawn_failed().
     * CORE_START_FORK: preloader and listener index are set. */
    void (*start)(void *baton, struct core_process *process,
                  enum core_start how, struct core_process *preloader,
                  unsigned listener);
    /* Lend the process to the waiter, who has left the queue. */
    void (*hand_out)(void *baton, struct core_waiter *waiter,
                     struct core_process *process);
    /* Is it cheaper to lend the process to this waiter than to others? Asked
     * where the app's limits say exclusive; may be NULL. Decides nothing. */
    bool (*prefers)(void *baton, struct core_process *process,
                    struct core_waiter *waiter);
    /* The waiter has left the queue with nothing. text: NULL or borrowed. */
    void (*refuse)(void *baton, struct core_waiter *waiter,
                   enum core_refusal why, const char *text,
                   unsigned retry_after_s);
    /* Ask it to end: SIGTERM now (it is not lent; or its time is up and
     * core_patience() of the shell has begun). Nothing more is lent. */
    void (*retire)(void *baton, struct core_process *process,
                   enum core_reason why);
    /* It did not end in time: signal it (SIGABRT, SIGKILL). */
    void (*kill)(void *baton, struct core_process *process, int signal);
    /* The process object is about to be freed: drop what belongs to it. */
    void (*forget)(void *baton, struct core_process *process);
    /* A restart of the app has come to its end: error NULL, or why its new
     * code does not start. */
    void (*restarted)(void *baton, struct core_app *app, const char *error);
    /* A removed app has lost its last process and is about to be freed; may be
     * NULL. Not called by core_free(). */
    void (*forget_app)(void *baton, struct core_app *app);
};

/* Limits of the whole pool (DIRECTIVES). */
struct core_limits {
    unsigned max;           /* > 0 */
    unsigned max_spawning;  /* > 0 */
    unsigned max_waiting;   /* 0 = no limit */
    int64_t max_idle_us;    /* 0 = idle processes stay */
};

/* One application (DIRECTIVES). 0 = no limit or never. */
struct core_app_limits {
    unsigned min_instances, max_per_app, max_requests, max_queue;
    unsigned concurrency;   /* requests at once in a process; 0 = unlimited */
    unsigned memory_mib;
    int64_t max_request_us, queue_timeout_us, start_timeout_us;
    bool exclusive;         /* its processes change clients at a price: see
                               prefers() */
    bool smart;             /* by preloader */
    bool pre_start, not_rolling;
};

/* seed: for jitter; the same seed and events give the same decisions. */
struct core *core_new(const struct core_ops *ops, void *baton, uint64_t seed);
void core_free(struct core **core);

void core_set_limits(struct core *core, const struct core_limits *limits,
                     int64_t now_us);

/*
 * An application comes, changes its limits, or goes (its idle processes end,
 * its others when free; its waiters are refused; it is freed with its last
 * process and *app is NULL at once). baton is the caller's; see core_app_baton.
 */
struct core_app *core_app_add(struct core *core,
                              const struct core_app_limits *limits, void *baton,
                              int64_t now_us);
void core_app_set_limits(struct core_app *app,
                         const struct core_app_limits *limits, int64_t now_us);
void core_app_remove(struct core_app **app, int64_t now_us);

/*
 * A request asks for a process of the app. waiter->since_us and ->sticky are
 * set by the caller (now less its age). May hand out or refuse before it
 * returns.
 */
void core_get(struct core_app *app, struct core_waiter *waiter, int64_t now_us);

/* The request has gone; no op follows for it. No-op if it is not waiting. */
void core_cancel(struct core_waiter *waiter, int64_t now_us);

/*
 * A session of the process has ended. clean: it can take the next request now;
 * else it counts as in use until core_process_clean() (or _gone()).
 */
void core_session_closed(struct core_process *process, bool clean,
                         int64_t now_us);
void core_process_clean(struct core_process *process, int64_t now_us);

/* The session that the process has now may take as long as it likes. */
void core_session_untimed(struct core_process *process);

/*
 * hand_out could not be done: the process cannot be connected to. The waiter
 * goes back to its place in the queue (its since_us), the process is retired.
 */
void core_hand_out_failed(struct core_process *process,
                          struct core_waiter *waiter, int64_t now_us);

/*
 * Answers to start, for preloaders too. Failed: it will never be ready (text is
 * copied: the error that requests get); the object lives until
 * core_process_gone(), SIGKILL after 5 s. If nothing was started at all, call
 * both in a row. After a start time-out or retire both are no-ops.
 */
void core_process_ready(struct core_process *process, int64_t now_us);
void core_spawn_failed(struct core_process *process, const char *text,
                       int64_t now_us);

/* This preloader's application has none after all (its limits say so by now):
 * it ends by itself, and what waits for it is started directly. */
void core_preloader_is_useless(struct core_process *preloader, int64_t now_us);

/* The process has ended, asked or not, in whatever state; frees it. One that
 * dies before it was ready is a failed spawn: use core_spawn_failed first. */
void core_process_gone(struct core_process *process, int64_t now_us);

/* Memory as measured, MiB; replaced when over the app's limit. */
void core_process_memory(struct core_process *process, unsigned mib,
                         int64_t now_us);

/* The start-up file has changed: its back-off is over. */
void core_app_retry(struct core_app *app, int64_t now_us);

/*
 * A request in this process is over the app's max_request_us: SIGABRT, SIGKILL
 * 1 s later. The core itself knows how long a request takes only where
 * concurrency is 1, and then from hand_out to core_session_closed(): whoever
 * lends for longer than a request sets max_request_us to 0 and calls this.
 */
void core_process_too_long(struct core_process *process, int64_t now_us);

/* Start its first process though nobody waits for it, like a successor: it is
 * to replace another application's. */
void core_prove(struct core_app *app, int64_t now_us);

/* One of its processes leaves, as for a successor of its own: told right before
 * the core_process_ready() of the one that was to be proven. */
void core_give_way(struct core_app *app, int64_t now_us);

/* Restart one app's code (rolling unless its limits say otherwise). */
void core_restart(struct core_app *app, int64_t now_us);

/* Every request gets a process whose code was loaded after it arrived. */
void core_set_always_restart(struct core_app *app, bool on, int64_t now_us);

/* Retire this process when it is free. */
void core_detach(struct core_process *process, int64_t now_us);

/* clear: as in pool.h. stop: refuse who waits, retire all, start nothing. */
void core_clear(struct core *core, int64_t now_us);
void core_stop(struct core *core, int64_t now_us);

/*
 * A process that an engine before this one had: its state as far as it is
 * known. lent: sessions counted from the boards' words.
 */
struct core_process *core_process_take_over(struct core_app *app,
                                            uint32_t number, bool ready,
                                            bool preloader, unsigned lent,
                                            int64_t now_us);
/* It may still work on a request that was abandoned: nothing is handed out to
 * it before core_process_clean(). Follows core_process_take_over() at once. */
void core_process_doubt(struct core_process *process, int64_t now_us);
/* For such a fork: whose it is, and the listener it keeps; for such a
 * preloader: how many it has (without: it forks no more). */
void core_process_came_from(struct core_process *process,
                            struct core_process *preloader, unsigned listener);
void core_preloader_set_listeners(struct core_process *preloader, unsigned n);
void core_set_last_number(struct core *core, uint32_t number);

/*
 * Until then requests only queue, by age, without a limit: those that an engine
 * before this one had not answered are asked again in no order. Then they are
 * served, and what is over a limit is refused, the youngest first.
 */
void core_hold(struct core *core, int64_t until_us);

/*
 * Time passes: time-outs, idle cleaning, back-off, patience with SIGTERM.
 * Returns when it wants to be called again, INT64_MAX for never; being called
 * early or late only makes things early or late.
 */
int64_t core_tick(struct core *core, int64_t now_us);
int64_t core_next_tick(const struct core *core);

/* Looking, for status and tests. */
enum core_process_state {
    CORE_PROCESS_STARTING, CORE_PROCESS_IDLE, CORE_PROCESS_BUSY,
    CORE_PROCESS_RETIRING
};
struct core_process_view {
    uint32_t number;
    enum core_process_state state;
    bool preloader;
    unsigned sessions;      /* lent now */
    unsigned unclean;       /* abandoned, and it may still work on them */
    uint64_t requests;      /* handed out so far */
    int64_t started_us, ready_us, idle_since_us; /* 0: not yet, not idle */
    uint32_t release;       /* of the code it runs */
};
struct core_app_view {
    unsigned processes, serving, idle, starting, retiring, waiting;
    uint64_t requests, spawned, failed_spawns, refused, died;
    int64_t oldest_wait_us; /* since when; 0: nobody waits */
    int64_t retry_at_us;    /* back-off; 0: none */
    const char *last_error; /* NULL: none; borrowed */
    uint32_t release;
};
struct core_view {
    unsigned processes, preloaders, active, spawning, waiting, apps;
};
void core_view(const struct core *core, struct core_view *view_r);
void core_app_view(const struct core_app *app, struct core_app_view *view_r);
void core_process_view(const struct core_process *process,
                       struct core_process_view *view_r);
void core_each_app(struct core *core,
                   void (*each)(void *baton, struct core_app *app),
                   void *baton);
void core_each_process(struct core_app *app,
                       void (*each)(void *baton, struct core_process *process),
                       void *baton);

/* Since when they wait, oldest first; at most n of them. Returns how many. */
unsigned core_app_waits(const struct core_app *app, int64_t *since_us,
                        unsigned n);

/* It gets nothing more and ends as soon as its sessions have been closed. */
bool core_process_is_leaving(const struct core_process *process);

uint32_t core_process_number(const struct core_process *process);
struct core_app *core_process_app(const struct core_process *process);
void *core_app_baton(const struct core_app *app);
/* The caller's own object for a process; NULL until it was set. */
void core_process_set_baton(struct core_process *process, void *baton);
void *core_process_baton(const struct core_process *process);

/*
 * Abort when an invariant does not hold. local: of the pool's numbers and of
 * the application that the last call was about; the other: of everything.
 */
void core_check_local(const struct core *core);
void core_check(const struct core *core);

#endif
