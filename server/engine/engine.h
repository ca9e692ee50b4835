/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.h - the engine: the core's decisions made real.
 *
 *   link.c        what the master says and is asked to do
 *   client.c      clients and their channels, as they come and go
 *   channel.c     answers
 *   rules.c       who may say what, and what handles it
 *   request.c     GETs until they are answered
 *   lend.c        sessions: OFFER, RETURN and CLOSED
 *   takeover.c    processes and sessions from before this engine
 *   lease.c       sessions that a client keeps for its next request
 *   slot.c        connections of a client to a process
 *   definition.c  applications as they are configured
 *   running.c     processes: start and end
 *   reports.c     what they say while they start
 *   sticky.c      their ids for cookies
 *   output.c      what applications print, line by line
 *   outlet.c      and where it goes
 *   watch.c       restart files, as the watcher sees them
 *   metrics.c     times of requests; memory and processor of processes
 *   story.c       what happened during a start
 *   failure.c     a start that failed; page.c and hints.c: as a page
 *   admin.c       limits, clear, restart
 *   operate.c     draining, backtraces, the configuration in words
 *   status.c      everything as JSON, made by status_report.c
 *   core.h        the policy, which none of these know from inside
 *
 * One thread, one loop. A handler that calls the core ends in engine_settle().
 */
#ifndef APPPOOL_ENGINE_H
#define APPPOOL_ENGINE_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "core.h"
#include "log.h"
#include "loop.h"
#include "message.h"

/* A session that ended inside a decision, told to the core afterwards. */
struct engine_return {
    STAILQ_ENTRY(engine_return) next;
    uint32_t process;
};

/* A packet for the master that its socket could not take yet. */
struct link_packet {
    STAILQ_ENTRY(link_packet) next;
    struct wire_message message; /* owned */
};

struct engine {
    apr_pool_t *pool;
    struct loop *loop;
    struct core *core;
    struct loop_timer *tick;  /* for core_tick(); NULL: none set */
    int64_t tick_at_us;       /* when it is due */
    struct loop_timer *look;  /* once a second at the boards' words */

    int link;                 /* socket to the master */
    struct loop_watch *link_watch;
    STAILQ_HEAD(, link_packet) link_queue;

    apr_hash_t *clients;      /* number -> struct client, owned */
    apr_hash_t *processes;    /* number -> struct running, owned */
    apr_hash_t *outlets;      /* family -> struct outlet; their processes own */
    apr_hash_t *definitions;  /* number -> struct definition, owned */
    apr_hash_t *adoptions;    /* key -> struct adoption, owned */
    apr_hash_t *sticky_ids;   /* id -> struct running, borrowed */
    STAILQ_HEAD(, engine_return) returns; /* see lend_settle() */

    uint32_t generation;      /* of the last COMMIT; 0: never configured */
    uint32_t coming;          /* of a CONFIGURE without its COMMIT; 0: none */
    uint32_t epoch;           /* our own; see EPOCH in protocol.h */
    int log_fd;               /* the generation's; owned; -1: standard error */
    uint32_t child_uid;       /* httpd's User; UINT32_MAX: not told */
    unsigned n_adopted;       /* of the definitions */
    uint32_t adoption_id;     /* last request id of an ADOPT */
    uint32_t probe_id;        /* last slot number of a probe */
    struct core_limits limits;
    int64_t began_us;         /* when this engine did */
    bool draining;            /* health says no; everything goes on */
    bool actions;             /* PoolStatusActions on in some place */
    int description;          /* of the configuration, in words; owned; -1 */
    LIST_HEAD(, backtrace) backtraces; /* operate.c; owned */
    char missing[256];        /* what the system does not allow; "": nothing */
    TAILQ_HEAD(, channel) asking; /* for the status; see status.c */
    struct loop_timer *answer;    /* to them; NULL: nobody asks */
    bool started;             /* START has come */
    bool taking_over;         /* there was an engine before */
    bool restart_is_over;     /* of some application; see admin_settle() */
    bool stopping;            /* STOP has come */
    bool ending;              /* everything is being freed */
};

/* Run as the engine; fd 3 is the link. Returns the exit status. */
int engine_main(void);

/*
 * The same for who turns the loop himself (a test). link: borrowed. NULL: the
 * system refuses (errno). engine_close() ends all but the pool and the link.
 */
struct engine *engine_open(apr_pool_t *pool, int link);
void engine_close(struct engine *engine);

/* Now, microseconds, monotonic. */
int64_t engine_now(const struct engine *engine);

/* After every call into the core: do what its decisions left to be done, and
 * set the timer for its next tick. */
void engine_settle(struct engine *engine);

/* The master is gone: end. */
void engine_end(struct engine *engine);

#endif
