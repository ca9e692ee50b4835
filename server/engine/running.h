/* SPDX-License-Identifier: Apache-2.0 */
/*
 * running.h - an application's process as the engine sees it: the core's
 * decision to have it, how it starts, how it ends.
 */
#ifndef APPPOOL_ENGINE_RUNNING_H
#define APPPOOL_ENGINE_RUNNING_H

#include "definition.h"
#include "output.h"
#include "story.h"

struct outlet;
struct slot;

struct running {
    struct engine *engine;
    uint32_t number;           /* key in engine->processes; the core's number */
    struct core_process *core; /* NULL: told by the master, not yet taken over,
                                  or forgotten by the core already */
    struct definition *definition;
    pid_t pid;                 /* 0: not started yet */
    uint64_t sticky;           /* id for cookies; 0: a preloader */
    bool preloader;
    uint32_t forked_by;        /* number of its preloader; 0: none */
    enum apppool_type type;    /* AUTO until its start told it */
    bool ready;
    bool is_too_large;         /* over PoolMemoryLimit; it was logged */
    bool failed;               /* told the core that it will never be ready */
    bool was_asked;            /* to end, and nothing was wrong with it */
    char user[33];             /* it runs as; "" until it said so */
    struct story *story;       /* of its start; owned; NULL once it is ready */
    char *error;               /* what it reported as ERROR so far; owned */
    size_t error_len;          /* bytes; <= WIRE_MAX_STRING */
    unsigned n_odd;            /* reports that made no sense */
    struct usage usage;
    uint64_t leased_requests;  /* that the core did not hand out */
    struct outlet *outlet;     /* of its standard output and error, or NULL */
    unsigned listener;         /* which of the preloader's it keeps */
    /* Told to a new engine, until the core has them: */
    unsigned lent_before;      /* sessions from before */
    unsigned n_listeners;      /* of a preloader */
    LIST_HEAD(, slot) slots;
};

/* Decisions of the core. */
void running_start(struct engine *engine, struct core_process *process,
                   enum core_start how, struct core_process *preloader,
                   unsigned listener);
void running_retire(struct engine *engine, struct core_process *process,
                    enum core_reason why);
void running_kill(struct engine *engine, struct core_process *process,
                  int signal);
void running_forget(struct engine *engine, struct core_process *process);

/* What it speaks; 0: its type is not known. */
enum apppool_protocol running_protocol(const struct running *running);

/* Find out whether it accepts connections: then it is ready, whatever it
 * reports. */
void running_probe(const struct running *running);

/* Its type has become known: what follows for its start. */
void running_act_on_type(struct running *running);

/* It has said so, or has accepted a probe. */
void running_is_ready(struct running *running);

/* Why it could not start; more than WIRE_MAX_STRING is left out. */
void running_add_error(struct running *running, const char *text, size_t len);

/* Link messages. */
void running_on_spawned(struct engine *engine, struct wire_message *m);
void running_on_spawn_error(struct engine *engine, struct wire_message *m);
void running_on_gone(struct engine *engine, struct wire_message *m);

struct running *running_find(struct engine *engine, uint32_t number);
struct running *running_find_pid(struct engine *engine, pid_t pid);

/* Owned by the engine, by its number. */
struct running *running_new(struct engine *engine, uint32_t number,
                            struct definition *definition);

/* "app /srv/blog (pid 12, serving, 3.000 s): ...": phase and age. */
void running_log(const struct running *running, enum log_level level,
                 const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void running_free_all(struct engine *engine);

#endif
