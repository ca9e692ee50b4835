/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.h - application processes and preloaders, by number.
 *
 * Numbers are the engine's and never used twice. A process is in the table
 * from SPAWN or FORK on; pid 0 means that a preloader has yet to fork it.
 */
#ifndef APPPOOL_MASTER_PROCESSES_H
#define APPPOOL_MASTER_PROCESSES_H

#include "master.h"

struct connection;
struct listener;

/* A fork that a preloader was, or is to be, asked for. */
enum fork_state {
    FORK_NONE,     /* it runs, or never was one */
    FORK_QUEUED,   /* one at a time; see report.h */
    FORK_ASKED,
    FORK_CANCELLED /* asked, but nobody wants it any more; not in the table */
};

struct process {
    uint32_t number;       /* key in master->processes */
    uint32_t app;          /* number of its definition */
    uint32_t preloader;    /* process number; 0: started by apppool-spawn */
    uint32_t listener;     /* of its preloader's listeners, if forked */
    uint64_t sticky;       /* the engine's id for cookies, kept for the next */
    unsigned n_shared;     /* a preloader's listeners; 0: direct or forked */
    struct listener **listeners; /* n_shared of them, or one; owned */
    pid_t pid;
    pid_t session;         /* and process group at its start; 0: not its own */
    uid_t uid;             /* as its last report's credentials said */
    int pidfd;             /* owned; -1 */
    struct loop_watch *end_watch; /* of forks: may not be our child yet */
    struct master *m;      /* borrowed */
    int output;            /* read end of stdout and stderr; owned; -1 */
    bool ready;
    char *first_report;    /* first_report_len bytes, unread: what the next
                              engine has to know; a fork has its preloader's.
                              Owned; NULL: none yet */
    size_t first_report_len;
    enum fork_state fork;
    struct report *report; /* shared with its preloader */
    LIST_ENTRY(process) of_report;
    LIST_HEAD(, connection) connections; /* owned by connect.c */
};

/* A process in the table that does not run yet. */
struct process *process_new(struct master *m, uint32_t number, uint32_t app);

struct process *process_find(struct master *m, uint32_t number);
struct process *process_find_pid(struct master *m, pid_t pid);
struct process *process_find_session(struct master *m, pid_t session);

/* Keep a copy of its first report; later ones do nothing. */
void process_keep_report(struct process *p, const char *bytes, size_t len);

/* Does any process run this definition? */
bool process_uses(struct master *m, uint32_t app);

/* The one it is connected to; NULL: a preloader. */
struct listener *process_listener(const struct process *p);

/* It runs as pid: take hold of it. 0 or -errno (it has gone already). */
int process_begin(struct process *p, pid_t pid);

/* Does it run as this user, by what the kernel says now? */
bool process_runs_as(const struct process *p, uid_t uid);

/* Harmless where it does not run. */
void process_signal(const struct process *p, int signal);
void process_signal_all(struct master *m, int signal);

/* It has ended: revoke, tell the engine, forget. */
void process_ended(struct process *p, int status);

/* It never ran: tell the engine why, forget. */
void process_failed(struct process *p, int error, const char *why);

/* Forget without telling. */
void process_free(struct process *p);
void process_free_all(struct master *m);

/* Tell the engine that it runs; a new engine also what it reported first. */
void process_tell(const struct process *p);
void process_tell_again(const struct process *p);
void process_tell_report(const struct process *p, const char *bytes,
                         size_t len);

/* For state.h: its fork was cancelled but may still come; and the watches of
 * all that were restored. */
void process_restore_cancelled(struct process *p);
void process_listen_all(struct master *m);

/* The engine has died: forks under way are for nobody now. */
void process_cancel_forks(struct master *m);

/* Link messages. */
void process_on_kill(struct master *m, struct wire_message *msg);
void process_on_ready(struct master *m, struct wire_message *msg);

#endif
