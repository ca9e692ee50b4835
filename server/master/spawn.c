/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - see spawn.h.
 *
 * fork(2) and execve(2) with nothing but async-signal-safe calls between: the
 * child is apppool-spawn, which does the rest with the application's own log.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "system_limits.h"
#include "listener.h"
#include "port.h"
#include "processes.h"
#include "report.h"
#include "socket.h"
#include "stop.h"

#define MAX_LISTENERS 64

/* What a child is started with; all borrowed from spawn_start(). */
struct spawn {
    int definition;       /* memfd */
    int output;           /* write end */
    int report;           /* the application's end */
    char why[512];        /* what could not be had */
};

static int make_definition(struct master *m, const struct definition *d,
                           int *fd_r)
{
    const struct wire_message *rules = config_rules(m);
    int fd = memfd_create("definition", MFD_CLOEXEC);
    int rc = fd < 0 ? -errno : 0;

    if (rc == 0) {
        rc = fd_write_all(fd, rules->data, rules->len);
    }
    if (rc == 0) {
        rc = fd_write_all(fd, d->message.data, d->message.len);
    }
    if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0) {
        rc = -errno;
    }
    if (rc < 0) {
        fd_close(&fd);
    }
    *fd_r = fd;
    return rc;
}

static int make_output(struct process *p, int *write_end_r)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    fd_set_nonblocking(ends[0], 1);
    p->output = ends[0];
    *write_end_r = ends[1];
    return 0;
}

static int make_listeners(struct process *p, struct spawn *spawn)
{
    unsigned n = p->n_shared > 0 ? p->n_shared : 1;
    const char *folder = limits_runtime_dir(p->m);
    int rc = 0;

    p->listeners = calloc(n, sizeof(*p->listeners));
    if (p->listeners == NULL) {
        abort();
    }
    for (unsigned i = 0; i < n && rc == 0; i++) {
        rc = listener_new(folder, &p->listeners[i]);
    }
    if (rc < 0) {
        snprintf(spawn->why, sizeof(spawn->why),
                 "no socket could be made below %s: %s", folder,
                 strerror(-rc));
    }
    return rc;
}

static bool is_promised(void *baton, uint16_t port)
{
    const struct master *m = baton;
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        const struct listener *l = process_listener(apr_hash_this_val(i));

        if (l != NULL && l->port == port) {
            return true;
        }
    }
    return false;
}

/* A command that has $PORT in a word cannot take its socket over. */
static bool wants_port(const struct definition *d)
{
    const char *at = NULL;

    while ((at = wire_list_next(&d->message, FIELD_COMMAND, at)) != NULL) {
        if (strstr(at, "$PORT") != NULL) {
            return true;
        }
    }
    return false;
}

static int make_port(struct process *p, const struct definition *d,
                     struct spawn *spawn)
{
    if (p->n_shared > 0 || !wants_port(d)) {
        return 0;
    }
    p->listeners[0]->port = port_choose(is_promised, p->m);
    if (p->listeners[0]->port == 0) {
        snprintf(spawn->why, sizeof(spawn->why), "no loopback port is free");
        return -EADDRNOTAVAIL;
    }
    return 0;
}

static int prepare(struct process *p, const struct definition *d,
                   struct spawn *spawn)
{
    int rc = make_listeners(p, spawn);

    if (rc == 0) {
        rc = make_port(p, d, spawn);
    }

    if (rc < 0) {
        return rc;
    }
    rc = make_definition(p->m, d, &spawn->definition);
    if (rc == 0) {
        rc = make_output(p, &spawn->output);
    }
    if (rc == 0) {
        rc = report_new(p, &spawn->report);
    }
    if (rc < 0) {
        snprintf(spawn->why, sizeof(spawn->why), "no descriptors: %s",
                 strerror(-rc));
        return rc;
    }
    report_set_output(p);
    return 0;
}

#define NUMBER_TEXT 24

/* The command line of apppool-spawn. */
struct command {
    const char *words[22];
    char listeners[NUMBER_TEXT], engine_uid[NUMBER_TEXT], nofile[NUMBER_TEXT],
        oom[NUMBER_TEXT], parent[NUMBER_TEXT], port[NUMBER_TEXT];
};

static void make_command(const struct process *p, struct command *command)
{
    const struct master_options *options = &p->m->options;
    size_t n = 0;

    snprintf(command->listeners, NUMBER_TEXT, "%u",
             p->n_shared > 0 ? p->n_shared : 1);
    snprintf(command->engine_uid, NUMBER_TEXT, "%u",
             (unsigned)p->m->engine_uid);
    snprintf(command->nofile, NUMBER_TEXT, "%llu",
             (unsigned long long)p->m->nofile);
    snprintf(command->oom, NUMBER_TEXT, "%d", p->m->oom_score_adj);
    snprintf(command->parent, NUMBER_TEXT, "%ld", (long)getpid());
    command->words[n++] = options->spawn_server;
    command->words[n++] = "--listeners";
    command->words[n++] = command->listeners;
    if (p->m->current.number != 0) {
        /* A library's engine is nobody by default, and so is who runs what
         * root owns: only a configured server keeps them apart. */
        command->words[n++] = "--engine-uid";
        command->words[n++] = command->engine_uid;
    }
    command->words[n++] = "--nofile";
    command->words[n++] = command->nofile;
    command->words[n++] = "--oom-score-adj";
    command->words[n++] = command->oom;
    command->words[n++] = "--parent";
    command->words[n++] = command->parent;
    if (p->n_shared > 0) {
        command->words[n++] = "--preload";
    } else if (p->listeners[0]->port != 0) {
        snprintf(command->port, NUMBER_TEXT, "%u",
                 (unsigned)p->listeners[0]->port);
        command->words[n++] = "--port";
        command->words[n++] = command->port;
    }
    if (options->ruby != NULL) {
        command->words[n++] = "--ruby";
        command->words[n++] = options->ruby;
    }
    if (options->environment != NULL && *options->environment == '\0') {
        command->words[n++] = "--keep-environment";
    }
    command->words[n] = NULL;
}

/* In the child. The report socket is the last descriptor. */
static void run(const struct process *p, const struct spawn *spawn,
                const struct command *command)
{
    int fds[MAX_LISTENERS + 4] = { spawn->definition, spawn->output,
                                   spawn->output };
    unsigned n = p->n_shared > 0 ? p->n_shared : 1;
    char text[512];
    int len;

    for (unsigned i = 0; i < n; i++) {
        fds[3 + i] = p->listeners[i]->fd;
    }
    fds[3 + n] = spawn->report;
    if (child_keep_descriptors(fds, n + 4) == 0) {
        child_reset_signals();
        execv(command->words[0], (char *const *)(uintptr_t)command->words);
    }
    len = snprintf(text, sizeof(text), "ERROR %s cannot be run: %s",
                   command->words[0], strerror(errno));
    child_report(spawn->report, text, (size_t)len);
    _exit(1);
}

static int start(struct process *p, struct spawn *spawn)
{
    struct command command;
    pid_t pid;

    make_command(p, &command);
    pid = fork();
    if (pid == 0) {
        run(p, spawn, &command);
    }
    if (pid < 0 || process_begin(p, pid) < 0) {
        int rc = -errno;

        if (pid > 0) {
            kill(pid, SIGKILL);
        }
        snprintf(spawn->why, sizeof(spawn->why), "no process: %s",
                 strerror(-rc));
        return rc;
    }
    return 0;
}

static void spawn_process(struct process *p, const struct definition *d)
{
    struct spawn spawn = { .definition = -1, .output = -1, .report = -1 };
    int rc = prepare(p, d, &spawn);

    if (rc == 0) {
        rc = start(p, &spawn);
    }
    fd_close(&spawn.definition);
    fd_close(&spawn.output);
    fd_close(&spawn.report);
    if (rc < 0) {
        process_failed(p, -rc, spawn.why);
    } else {
        process_tell(p);
    }
}

/* One after another: none is used twice, and no engine uses up those of the
 * engines that follow it. */
static bool is_next_number(const struct master *m, uint32_t number)
{
    static struct log_quota quota;

    if (number == m->last_process + 1) {
        return true;
    }
    log_some(&quota, LOG_LEVEL_ERROR,
             "the engine used process number %u out of turn", number);
    return false;
}

void spawn_on_spawn(struct master *m, struct wire_message *msg)
{
    uint32_t number = wire_get_u32(msg, FIELD_PROCESS, 0);
    uint32_t app = wire_get_u32(msg, FIELD_APP, 0);
    const struct definition *d = config_find(m, app);
    uint32_t listeners = wire_get_u32(msg, FIELD_LISTENERS, 0);
    struct process *p;

    if (!is_next_number(m, number)) {
        return;
    }
    p = process_new(m, number, app);
    p->n_shared = listeners <= MAX_LISTENERS ? listeners : 0;
    p->sticky = wire_get_u64(msg, FIELD_STICKY, 0);
    if (m->phase != MASTER_RUNNING) {
        process_failed(p, ESHUTDOWN, "the pool server is going down");
    } else if (d == NULL) {
        process_failed(p, ENOENT, "its definition is gone");
    } else if (listeners > MAX_LISTENERS) {
        process_failed(p, EINVAL, "too many listeners");
    } else {
        spawn_process(p, d);
    }
}

void spawn_on_fork(struct master *m, struct wire_message *msg)
{
    uint32_t number = wire_get_u32(msg, FIELD_PROCESS, 0);
    uint32_t index = wire_get_u32(msg, FIELD_LISTENER, 0);
    struct process *preloader =
        process_find(m, wire_get_u32(msg, FIELD_PRELOADER, 0));
    struct process *p;

    if (!is_next_number(m, number)) {
        return;
    }
    p = process_new(m, number, preloader != NULL ? preloader->app : 0);
    p->sticky = wire_get_u64(msg, FIELD_STICKY, 0);
    if (preloader == NULL || index >= preloader->n_shared ||
        m->phase != MASTER_RUNNING) {
        process_failed(p, ESRCH, "its preloader is gone");
        return;
    }
    p->preloader = preloader->number;
    process_keep_report(p, preloader->first_report,
                        preloader->first_report_len);
    p->listener = index;
    p->listeners = calloc(1, sizeof(*p->listeners));
    if (p->listeners == NULL) {
        abort();
    }
    p->listeners[0] = listener_share(preloader->listeners[index]);
    p->fork = FORK_QUEUED;
    report_join(p, preloader);
    report_ask_next(p->report);
}
