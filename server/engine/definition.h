/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.h - applications as the configuration, or a library user, named
 * them: numbers, roots, limits, logs. Each has one core_app.
 */
#ifndef APPPOOL_ENGINE_DEFINITION_H
#define APPPOOL_ENGINE_DEFINITION_H

#include "metrics.h"

struct request;

/* What a failed start is called in the log, on its page and in the status. */
#define ERROR_ID_LEN 8

struct definition {
    struct engine *engine;
    uint32_t number;      /* key in engine->definitions */
    uint32_t generation;  /* the last one that named it; 0: adopted */
    struct core_app *app;
    char *root;           /* owned */
    char *environment;    /* owned; PoolAppEnvironment */
    uint32_t type;        /* enum apppool_type; AUTO until a start told it */
    bool is_auto;         /* by the startup file found at each start */
    struct core_app_limits limits; /* the default of the type's included */
    bool says_concurrency; /* PoolConcurrency */
    uint32_t method;      /* enum apppool_spawn_method */
    uint32_t threads;     /* PoolThreads */
    uint32_t protocol;    /* enum apppool_protocol; 0: by type */
    uint32_t flags;       /* enum apppool_define_flags */
    char *user;           /* of its processes, as spawn told; "" before */
    char error_id[ERROR_ID_LEN + 1]; /* of the last failed start; "" */
    int64_t error_us;     /* when that was */
    char *error_page;     /* of it; owned; NULL */
    unsigned n_processes; /* struct running that point here */
    bool is_fresh;        /* it has come with the generation being told */
    uint32_t stand_in;    /* number of who serves until it does; 0: nobody */
    unsigned stands_in_for; /* so many others */
    bool is_watched;      /* watch.c */
    bool is_always;       /* always_restart.txt is there */
    bool counts_requests; /* a limit needs each request told */
    uint64_t leased_requests;   /* that the core did not hand out */
    struct metrics metrics;
    LIST_HEAD(, slot) leases;
    struct loop_timer *press;   /* somebody waits; NULL: nobody */
    int log_fd;           /* PoolLogFile or its vhost's log; -1: our own log */
    STAILQ_HEAD(, restart_wait) restart_waits; /* admin.c */
    bool restart_is_over; /* they are to be told */
    char *restart_error;  /* owned; NULL: new code serves */
};

/* A root that a client named and the master has been asked about. */
struct adoption {
    char *key;                     /* owned; template, root, lower, lowest */
    uint32_t request_id;
    struct definition *definition; /* NULL until ADOPTED */
    TAILQ_HEAD(, request) waiting; /* GETs until then; owned by lend.c */
};

/* Link messages. */
void definition_on_configure(struct engine *engine, struct wire_message *m);
void definition_on_define(struct engine *engine, struct wire_message *m);
void definition_on_commit(struct engine *engine, struct wire_message *m);
void definition_on_adopted(struct engine *engine, struct wire_message *m);

/* NULL: no such number. */
struct definition *definition_find(struct engine *engine, uint32_t number);

/*
 * The adoption for a GET with ROOT; made, and the master asked, where it is
 * new. NULL: the root is empty.
 */
struct adoption *definition_adopt(struct engine *engine,
                                  const struct wire_message *get);

/* START has come: what is to be started without a request is, where it does
 * not run. */
void definition_start_all(struct engine *engine);

/* Remove what neither the configuration nor any client's generation uses. */
void definition_sweep(struct engine *engine);

/* All of them; for the end. */
void definition_free_all(struct engine *engine);

/*
 * A start has told what it found: limits whose default the type decides follow.
 * No-op where it is known.
 */
void definition_set_type(struct definition *d, enum apppool_type type);

#endif
