/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processes.c - see processes.h.
 */
#include "processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connect.h"
#include "engine_link.h"
#include "ledger.h"
#include "listener.h"
#include "report.h"
#include "socket.h"

struct process *process_new(struct master *m, uint32_t number, uint32_t app)
{
    struct process *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        abort();
    }
    p->m = m;
    p->number = number;
    p->app = app;
    p->pidfd = -1;
    p->output = -1;
    LIST_INIT(&p->connections);
    apr_hash_set(m->processes, &p->number, sizeof(p->number), p);
    if (number > m->last_process) {
        m->last_process = number;
    }
    return p;
}

struct process *process_find(struct master *m, uint32_t number)
{
    return apr_hash_get(m->processes, &number, sizeof(number));
}

struct process *process_find_pid(struct master *m, pid_t pid)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        struct process *p = apr_hash_this_val(i);

        if (p->pid == pid) {
            return p;
        }
    }
    return NULL;
}

struct process *process_find_session(struct master *m, pid_t session)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        struct process *p = apr_hash_this_val(i);

        if (p->session == session) {
            return p;
        }
    }
    return NULL;
}

bool process_uses(struct master *m, uint32_t app)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        const struct process *p = apr_hash_this_val(i);

        if (p->app == app) {
            return true;
        }
    }
    return false;
}

struct listener *process_listener(const struct process *p)
{
    return p->n_shared == 0 && p->listeners != NULL ? p->listeners[0] : NULL;
}

/* A fork whose parent in between still lives is not our child yet; its pidfd
 * tells its end in any case. */
static void on_end(void *baton, int fd, unsigned events)
{
    struct process *p = baton;
    siginfo_t info = { .si_pid = 0 };

    (void)fd;
    (void)events;
    loop_unwatch(&p->end_watch);
    if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) <
        0) {
        process_ended(p, 0);
    } /* else it is the reaper's */
}

/* apppool-spawn will lead a session of its own. Of forks the process between
 * them and the preloader led it, and has gone; the number stays taken as long
 * as anybody is in the session. One that shares another's has none to end. */
static pid_t find_session(const struct process *p, pid_t pid)
{
    pid_t session = p->preloader == 0 ? pid : getsid(pid);

    if (session <= 0 || session == getsid(0) ||
        process_find_session(p->m, session) != NULL) {
        return 0;
    }
    return session;
}

static void watch_end(struct process *p)
{
    if (p->preloader != 0) {
        p->end_watch = loop_watch(p->m->loop, p->pidfd, LOOP_READ, on_end, p);
    }
}

int process_begin(struct process *p, pid_t pid)
{
    p->pidfd = pidfd_open(pid, 0);
    if (p->pidfd < 0) {
        return -errno;
    }
    p->session = find_session(p, pid);
    p->pid = pid;
    ledger_note(p->m->ledger, p->session);
    p->fork = FORK_NONE;
    watch_end(p);
    return 0;
}

void process_listen_all(struct master *m)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        struct process *p = apr_hash_this_val(i);

        watch_end(p);
        ledger_note(m->ledger, p->session);
    }
}

bool process_runs_as(const struct process *p, uid_t uid)
{
    char line[256];
    unsigned its = 0;
    bool known = false;
    FILE *f;

    snprintf(line, sizeof(line), "/proc/%ld/status", (long)p->pid);
    f = fopen(line, "re");
    while (f != NULL && !known && fgets(line, sizeof(line), f) != NULL) {
        known = sscanf(line, "Uid: %u", &its) == 1;
    }
    if (f != NULL) {
        fclose(f);
    }
    return known && its == uid;
}

void process_signal(const struct process *p, int signal)
{
    if (p->pidfd >= 0) {
        pidfd_send_signal(p->pidfd, signal, NULL, 0);
    }
}

void process_signal_all(struct master *m, int signal)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        process_signal(apr_hash_this_val(i), signal);
    }
}

/* Ends ----------------------------------------------------------------------*/

/* Where a preloader shares the listener it stays, and who waits in its backlog
 * would wait for ever. */
static void release_listeners(struct process *p)
{
    struct listener *own = process_listener(p);

    if (own != NULL) {
        listener_drain(own);
    }
    for (unsigned i = 0; i < (p->n_shared > 0 ? p->n_shared : 1); i++) {
        if (p->listeners != NULL) {
            listener_release(&p->listeners[i]);
        }
    }
    free(p->listeners);
    free(p->first_report);
    p->listeners = NULL;
}

/* Forks go on writing to the pipe when their preloader has gone. */
static void leave_output(struct process *p)
{
    struct process *heir = p->output >= 0 ? report_sibling(p) : NULL;

    if (heir != NULL && heir->output < 0) {
        heir->output = p->output;
        p->output = -1;
    }
    fd_close(&p->output);
}

void process_free(struct process *p)
{
    loop_unwatch(&p->end_watch);
    ledger_strike(p->m->ledger, p->session);
    connect_revoke_process(p);
    release_listeners(p);
    fd_close(&p->pidfd);
    leave_output(p);
    if (p->fork != FORK_CANCELLED) {
        apr_hash_set(p->m->processes, &p->number, sizeof(p->number), NULL);
    }
    report_leave(p);
    free(p);
}

void process_free_all(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_first(NULL, m->processes)) {
        process_free(apr_hash_this_val(i));
    }
}

void process_ended(struct process *p, int status)
{
    struct wire_message msg;

    report_read_rest(p);
    report_forks_failed(p);
    connect_revoke_process(p);
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_GONE, 0);
    wire_put_u32(&msg, FIELD_PROCESS, p->number);
    wire_put_u32(&msg, FIELD_EXIT_STATUS, (uint32_t)status);
    engine_link_send(p->m, &msg);
    process_free(p);
}

static void tell_failure(struct master *m, uint32_t number, int error,
                         const char *why)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_SPAWN_ERROR, 0);
    wire_put_u32(&msg, FIELD_PROCESS, number);
    wire_put_u32(&msg, FIELD_STATUS, (uint32_t)error);
    wire_put_text(&msg, FIELD_MESSAGE, why);
    engine_link_send(m, &msg);
}

void process_failed(struct process *p, int error, const char *why)
{
    tell_failure(p->m, p->number, error, why);
    process_free(p);
}

/* Telling the engine --------------------------------------------------------*/

void process_tell(const struct process *p)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_SPAWNED, 0);
    wire_put_u32(&msg, FIELD_PROCESS, p->number);
    wire_put_u32(&msg, FIELD_APP, p->app);
    wire_put_u32(&msg, FIELD_PID, (uint32_t)p->pid);
    if (p->n_shared > 0) {
        wire_put_u32(&msg, FIELD_LISTENERS, p->n_shared);
    }
    if (p->preloader != 0) {
        wire_put_u32(&msg, FIELD_PRELOADER, p->preloader);
        wire_put_u32(&msg, FIELD_LISTENER, p->listener);
    }
    if (p->sticky != 0) {
        wire_put_u64(&msg, FIELD_STICKY, p->sticky);
    }
    if (p->ready) {
        wire_put_u32(&msg, FIELD_STATUS, 1);
    }
    if (p->output >= 0) {
        engine_link_put_copy(&msg, p->output);
    }
    engine_link_send(p->m, &msg);
}

void process_tell_again(const struct process *p)
{
    process_tell(p);
    if (p->first_report != NULL) {
        process_tell_report(p, p->first_report, p->first_report_len);
    }
}

void process_tell_report(const struct process *p, const char *bytes,
                         size_t len)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_REPORTED, 0);
    wire_put_u32(&msg, FIELD_PROCESS, p->number);
    wire_put_bytes(&msg, FIELD_REPORT, bytes, len);
    engine_link_send(p->m, &msg);
}

void process_keep_report(struct process *p, const char *bytes, size_t len)
{
    if (p->first_report != NULL || len == 0) {
        return;
    }
    p->first_report = malloc(len);
    if (p->first_report == NULL) {
        abort();
    }
    memcpy(p->first_report, bytes, len);
    p->first_report_len = len;
}

/* What the engine says ------------------------------------------------------*/

/* It may come yet: it keeps its place until it does, then it is killed. */
static void fork_cancel(struct process *p)
{
    if (p->fork == FORK_ASKED) {
        apr_hash_set(p->m->processes, &p->number, sizeof(p->number), NULL);
        p->fork = FORK_CANCELLED;
    } else {
        process_free(p);
    }
}

void process_restore_cancelled(struct process *p)
{
    p->fork = FORK_ASKED;
    fork_cancel(p);
}

void process_cancel_forks(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        struct process *p = apr_hash_this_val(i);

        if (p->fork != FORK_NONE) {
            fork_cancel(p);
        }
    }
}

static bool is_for_applications(int signal)
{
    return signal == SIGTERM || signal == SIGKILL || signal == SIGABRT ||
           signal == SIGHUP || signal == SIGUSR1 || signal == SIGUSR2;
}

void process_on_kill(struct master *m, struct wire_message *msg)
{
    uint32_t number = wire_get_u32(msg, FIELD_PROCESS, 0);
    int signal = (int)wire_get_u32(msg, FIELD_SIGNAL, 0);
    struct process *p = process_find(m, number);

    if (p == NULL || !is_for_applications(signal)) {
        return;
    }
    if (p->fork != FORK_NONE) {
        tell_failure(m, number, ECANCELED, "ended before it was forked");
        fork_cancel(p);
    } else {
        process_signal(p, signal);
    }
}

void process_on_ready(struct master *m, struct wire_message *msg)
{
    struct process *p = process_find(m, wire_get_u32(msg, FIELD_PROCESS, 0));

    if (p != NULL && p->pid != 0) {
        p->ready = true;
    }
}
