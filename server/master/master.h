/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master.h - the master: what has to survive the engine, and what needs root.
 *
 *   gate.c         the sockets at which clients ask to be let in
 *   control.c      PoolControlSocket, the one with a name
 *   clients.c      clients, their boards and channels
 *   config.c       definitions, as the httpd parent sent them
 *   reload.c       that httpd reads its configuration, perhaps without us
 *   adopt.c        definitions for roots that only a client named
 *   engine_link.c  the socket to the engine: queue and dispatch
 *   engine_keeper.c  starts the engine, tells it everything, pings it
 *   watcher_keeper.c  starts the watcher, passes on what it sees
 *   child.c        between fork and exec
 *   spawn.c        starts apppool-spawn, lets preloaders fork
 *   listener.c     sockets without a name
 *   processes.c    the table of processes: signals and ends
 *   reaper.c       SIGCHLD; orphans that applications leave behind
 *   programs.c     what applications are started with, as it is on disk
 *   port.c         loopback ports in their place ($PORT)
 *   connect.c      connections of clients to processes
 *   report.c       what processes report, passed on unread
 *   stop.c         the end of the server
 *   upgrade.c      the same process as a new executable
 *   state_save.c, state_load.c  all of this, from one image to the next
 *   system_limits.c  RLIMIT_NOFILE, oom_score_adj, the engine's user
 *
 * One thread, one loop. Nothing here waits for anything but the loop, and
 * nothing a client or an application wrote is parsed.
 */
#ifndef APPPOOL_MASTER_H
#define APPPOOL_MASTER_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "log.h"
#include "loop.h"
#include "message.h"

struct config_channel;
struct control;
struct gate;
struct link_packet;
struct process;
struct report;
struct upgrade;

/* From the command line; strings are borrowed from argv. */
struct master_options {
    const char *spawn_server; /* path of apppool-spawn */
    const char *environment;  /* NULL: "production"; "": keep the variables */
    const char *ruby;         /* NULL: "ruby" */
    const char *user;         /* of the engine; NULL, "": nobody; "auto" */
    const char *runtime_dir;  /* NULL: see limits_runtime_dir() */
    bool admin;               /* fd 0 is the admin pair */
    int resume;               /* state of the image before; -1: none */
    bool selftest;            /* only say whether it is understood */
    char **argv;              /* all of it */
};

enum {
    MASTER_ADMIN_FD = 0,      /* server's end of the admin pair, if any */
    MASTER_RENDEZVOUS_FD = 3, /* server's end of the rendezvous */
    MASTER_TOOL_FD = 4        /* client's end of the pair for apppoolctl */
};

/* How far the end of the server has come. */
enum master_phase {
    MASTER_RUNNING,
    MASTER_DRAINING, /* STOP was sent; requests may finish */
    MASTER_ENDING,   /* applications got SIGTERM */
    MASTER_KILLING   /* and SIGKILL */
};

/* One generation of the configuration. */
struct generation {
    uint32_t number;               /* 0: there is none */
    struct wire_message configure; /* owned, without its descriptor */
    int description;               /* in words; owned; -1: none */
    int log_fd;                    /* owned; -1: none */
};

struct master {
    apr_pool_t *pool;
    struct loop *loop;
    struct master_options options;

    uid_t uid;               /* the starter's: ours */
    uid_t engine_uid;        /* ours unless started as root */
    gid_t engine_gid;
    rlim_t nofile;           /* soft limit at start, for applications */
    int oom_score_adj;       /* at start, for applications */
    const char *missing;     /* what this system does not allow; NULL: none */

    pid_t parent;            /* who started us; 0: unknown */
    int parent_pidfd;        /* -1: none */
    struct loop_watch *parent_watch;
    struct gate *gates[3];   /* NULL where there is none */
    struct control *control; /* owned; NULL: no PoolControlSocket */
    apr_time_t next_denial;  /* no line about a refused caller before this */

    struct config_channel *config; /* NULL: none */
    int reload_fd;                 /* httpd reads its configuration; -1 */
    struct loop_watch *reload_watch;
    struct loop_timer *reload_timer; /* until it has to be sent */
    struct generation previous, current, coming;
    struct wire_message defaults;  /* CONFIGURE of a server without one */
    struct wire_message limits;    /* set since the last CONFIGURE; len 0 */
    char *refusal;                 /* why `coming` is refused; owned; NULL */
    apr_hash_t *definitions;       /* number -> struct definition, owned */
    apr_hash_t *adopted;           /* key -> struct definition, borrowed */
    uint32_t next_adopted;
    uint64_t programs;             /* signature at the last COMMIT; 0: none */

    apr_hash_t *clients;           /* number -> struct client, owned */
    uint32_t last_client;
    apr_hash_t *connections;       /* client, slot -> struct connection */
    struct loop_timer *accept_timer; /* looks for accepted connections */

    apr_hash_t *processes;         /* number -> struct process, owned */
    uint32_t last_process;         /* greatest number so far */
    LIST_HEAD(, report) reports;

    int signal_fd;                 /* SIGCHLD, SIGTERM, SIGINT; -1: none */
    struct loop_watch *signal_watch;

    int link;                      /* to the engine; -1: none */
    struct loop_watch *link_watch;
    STAILQ_HEAD(, link_packet) link_queue;
    pid_t engine_pid;              /* 0: none */
    int engine_pidfd;              /* -1: none */
    apr_time_t engine_since;       /* when it was started */
    unsigned engine_failures;      /* early ends in a row */
    unsigned unanswered_pings;
    bool engine_is_up;             /* it has answered, so knows everything */
    bool engine_before;            /* there was an engine before this one */
    bool draining;                 /* for the next engine */
    struct loop_timer *engine_timer; /* ping, or the next start */

    int watcher;                   /* socket to the watcher; -1: none */
    struct loop_watch *watcher_watch;
    pid_t watcher_pid;             /* 0: none */
    struct loop_timer *watcher_timer; /* until the next start of one */

    int null_fd;                   /* /dev/null; -1: none */
    struct ledger *ledger;         /* what runs; owned; NULL: not noted */
    struct leftovers *leftovers;   /* of a master before; NULL: none */
    struct upgrade *upgrade;       /* NULL: not for this master (tests) */
    int tool_fd;                   /* of the image before: gate's end; -1 */

    enum master_phase phase;
    struct loop_timer *stop_timer;
};

/*
 * The tables of a master in `p`, which owns them; no descriptor is touched and
 * nothing started. options are copied, their strings borrowed. NULL: no loop.
 */
struct master *master_new(const struct master_options *options, apr_pool_t *p);

/* Close and free everything; no process is signalled. */
void master_free(struct master **master);

/*
 * Be the master of the descriptors named above until the end of the server.
 * Returns the exit status.
 */
int master_run(const struct master_options *options);

#endif
