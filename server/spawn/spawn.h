/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - apppool-spawn: from a definition to a running application.
 *
 *   definition.c   what is to be started
 *   root.c         its folder, opened once
 *   type.c         what kind it is, its startup file, who owns that
 *   user.c         as whom it runs
 *   isolate.c      PoolIsolation: which means, and when
 *   namespaces.c     folders for temporary files and IPC of its own
 *   cgroup.c         limits for all its processes together
 *   landlock.c        what it gives up by itself (Landlock)
 *   become.c       the change of user, limits, session
 *   environment.c  the variables it finds
 *   command.c      the program that runs it
 *   reach.c        which folder keeps a user out
 *   report.c       telling the pool
 *
 * One pass, one process, no way back: whatever fails is reported with its
 * cause and remedy, and the process ends with 1. Nothing of the application is
 * read as root but the owner of its startup file.
 */
#ifndef APPPOOL_SPAWN_H
#define APPPOOL_SPAWN_H

#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "isolation.h"
#include "message.h"

/* From the command line. */
struct spawn_options {
    unsigned listeners;     /* descriptors from 3 on; then the report socket */
    bool preload;
    unsigned port;          /* for $PORT; 0: it uses its listener */
    bool keep_environment;  /* RAILS_ENV and its kin as they are */
    const char *ruby;       /* NULL: "ruby" */
    uid_t engine_uid;       /* no application runs as it; own uid: not root */
    pid_t parent;           /* the master */
    rlim_t nofile;          /* soft limit for the application; 0: as it is */
    int oom_score_adj;
    const char *loaders;    /* folder */
};

enum { SPAWN_FIRST_LISTENER = 3 };

struct spawn {
    struct spawn_options options;
    struct wire_message rules;  /* CONFIGURE */
    struct wire_message define; /* DEFINE */
    int report;                 /* descriptor */
    struct isolation isolation;
    int root_fd;                /* O_PATH */
    char root[PATH_MAX];        /* as the kernel names it, no links */
    enum apppool_type type;     /* never TYPE_AUTO once known */
    char startup_file[PATH_MAX]; /* absolute; "" for php, command */
    uid_t owner;                /* of the startup file, or of the root */
    uid_t uid;
    gid_t gid;
    const char *user, *home, *shell; /* owned */
};

/* Descriptor 0 holds the definition. */
void definition_read(struct spawn *spawn);

/* Was the root named by a client, not by the configuration? */
bool definition_is_from_client(const struct spawn *spawn);

void root_open(struct spawn *spawn);
void type_find(struct spawn *spawn);
void user_choose(struct spawn *spawn);
void become_user(const struct spawn *spawn);

/* NAME=VALUE ..., NULL; owned by the caller, who executes with it. */
char **environment_make(const struct spawn *spawn);

/* Never returns. */
_Noreturn void command_run(struct spawn *spawn);

/*
 * The first folder on the way to path (absolute) that this process cannot
 * enter: its length within path; 0: all can be entered.
 */
size_t reach_blocked(const char *path);

/* Report SPAWN and this; a text too long is cut. */
void report_send(const struct spawn *spawn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Report STEP: something of the start is done, for the page of a failure. */
void report_step(const struct spawn *spawn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Report ENV: the variables, secrets masked. */
void report_environment(const struct spawn *spawn, char *const *variables);

/* A variable as it may be shown; as snprintf(). */
int mask_variable(char *to, size_t size, const char *variable);

/* Report ERROR and end with 1. */
_Noreturn void spawn_fail(const struct spawn *spawn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* All of it, in order. Never returns. */
_Noreturn void spawn_application(const struct spawn_options *options);

#endif
