/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_keeper.c - see engine_keeper.h.
 */
#include "engine_keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "clients.h"
#include "config.h"
#include "connect.h"
#include "engine_link.h"
#include "processes.h"
#include "socket.h"
#include "stop.h"

#define PING_INTERVAL  apr_time_from_sec(1)
#define PINGS_PATIENCE 3
/* After an engine that lived longer than this all early ends are forgotten. */
#define LONG_LIFE      apr_time_from_sec(1)
/* So many that had come up before they ended count as one that had not. */
#define UP_COUNTS      32

static void schedule_ping(struct master *m);

/* Telling -------------------------------------------------------------------*/

static void tell_clients(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->clients); i != NULL;
         i = apr_hash_next(i)) {
        client_tell(m, apr_hash_this_val(i));
    }
}

static void tell_processes(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->processes); i != NULL;
         i = apr_hash_next(i)) {
        const struct process *p = apr_hash_this_val(i);

        if (p->pid != 0) {
            process_tell_again(p);
        }
    }
}

static void tell_start(struct master *m)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_START, 0);
    wire_put_u32(&msg, FIELD_NUMBER, m->last_process);
    if (m->engine_before) {
        wire_put_u32(&msg, FIELD_STATUS, 1);
    }
    wire_put_u32(&msg, FIELD_DRAINING, m->draining);
    if (m->missing != NULL) {
        wire_put_text(&msg, FIELD_MESSAGE, m->missing);
    }
    engine_link_send(m, &msg);
    m->engine_before = true;
}

void engine_keeper_tell(struct master *m)
{
    config_tell(m);
    tell_clients(m);
    tell_processes(m);
    connect_tell(m);
    tell_start(m);
    if (m->phase != MASTER_RUNNING) {
        stop_tell(m);
    }
}

/* Pings ---------------------------------------------------------------------*/

static void engine_signal(const struct master *m, int signal)
{
    if (m->engine_pidfd >= 0) {
        pidfd_send_signal(m->engine_pidfd, signal, NULL, 0);
    }
}

static void ping(struct master *m)
{
    struct wire_message msg;

    m->unanswered_pings++;
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_PING, 1);
    engine_link_send(m, &msg);
    schedule_ping(m);
}

/* Counted in turns of our own loop: a master that was itself stopped for a
 * while reads the answers before it counts again. */
static void on_ping(void *baton)
{
    struct master *m = baton;

    m->engine_timer = NULL;
    if (m->unanswered_pings >= PINGS_PATIENCE) {
        log_error("the engine (pid %ld) has not answered for %d s: killed",
                  (long)m->engine_pid, PINGS_PATIENCE);
        engine_signal(m, SIGKILL);
        return;
    }
    ping(m);
}

static void schedule_ping(struct master *m)
{
    m->engine_timer = loop_timer_add(m->loop, PING_INTERVAL, on_ping, m);
}

void engine_keeper_on_keep(struct master *m, struct wire_message *msg)
{
    m->draining = wire_get_u32(msg, FIELD_DRAINING, 0) != 0;
}

void engine_keeper_on_pong(struct master *m, struct wire_message *msg)
{
    (void)msg;
    m->unanswered_pings = 0;
    m->engine_is_up = true;
}

/* Starting ------------------------------------------------------------------*/

/* CAP_SYS_CHROOT is for its first step alone: see server/engine/confine.h. */
static int become_engine_user(const struct master *m)
{
    return m->uid == 0 ? child_become_user_keeping(m->engine_uid, m->engine_gid,
                                                   1u << CAP_SYS_CHROOT)
                       : 0;
}

/* In the child. The log is at 2; standard output goes there, too. */
static void run(const struct master *m, int link)
{
    static const char program[] = "/proc/self/exe";
    char *words[] = { (char *)(uintptr_t) "apppool-server",
                      (char *)(uintptr_t) "--engine", NULL };
    int fds[] = { m->null_fd, STDERR_FILENO, STDERR_FILENO, link };

    if (child_keep_descriptors(fds, 4) == 0 && setsid() >= 0 &&
        become_engine_user(m) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        child_reset_signals();
        execv(program, words);
    }
    log_error("the engine cannot be run as uid %u: %s",
              (unsigned)m->engine_uid, strerror(errno));
    _exit(1);
}

static int start(struct master *m)
{
    int ends[2];
    pid_t pid = -1;
    int rc = wire_pair(ends);

    if (rc == 0) {
        pid = fork();
        if (pid == 0) {
            run(m, ends[1]);
        }
        rc = pid < 0 ? -errno : 0;
        fd_close(&ends[1]);
    }
    if (rc < 0) {
        fd_close(&ends[0]);
        return rc;
    }
    m->engine_pid = pid;
    m->engine_pidfd = pidfd_open(pid, 0);
    m->engine_since = loop_now(m->loop);
    m->unanswered_pings = 0;
    m->engine_is_up = false;
    return engine_link_open(m, &ends[0]);
}

static void on_start(void *baton)
{
    struct master *m = baton;

    m->engine_timer = NULL;
    engine_keeper_start(m);
}

apr_interval_time_t engine_keeper_delay(unsigned failures, bool was_up)
{
    static const apr_interval_time_t delays[] = {
        0, APR_USEC_PER_SEC / 10, APR_USEC_PER_SEC / 2, 2 * APR_USEC_PER_SEC,
        5 * APR_USEC_PER_SEC
    };
    const unsigned last = sizeof(delays) / sizeof(*delays) - 1;
    unsigned n = was_up ? failures / UP_COUNTS : failures;

    return delays[n < last ? n : last];
}

static void schedule_start(struct master *m)
{
    apr_interval_time_t delay = engine_keeper_delay(m->engine_failures,
                                                    m->engine_is_up);

    m->engine_failures++;
    m->engine_timer = loop_timer_add(m->loop, delay, on_start, m);
}

void engine_keeper_start(struct master *m)
{
    int rc = start(m);

    if (rc < 0) {
        m->engine_is_up = false;
        log_error("no engine could be started: %s", strerror(-rc));
        schedule_start(m);
        return;
    }
    engine_keeper_tell(m);
    ping(m);
}

/* Ends ----------------------------------------------------------------------*/

void engine_keeper_lost(struct master *m)
{
    engine_link_close(m);
    loop_timer_cancel(&m->engine_timer);
    engine_signal(m, SIGKILL);
}

static void log_end(const struct master *m, int status)
{
    double after = (double)(loop_now(m->loop) - m->engine_since) /
                   APR_USEC_PER_SEC;

    if (WIFSIGNALED(status)) {
        log_error("the engine (pid %ld) was ended by signal %d after %.1f s",
                  (long)m->engine_pid, WTERMSIG(status), after);
    } else {
        log_error("the engine (pid %ld) ended with %d after %.1f s",
                  (long)m->engine_pid, WEXITSTATUS(status), after);
    }
}

void engine_keeper_died(struct master *m, int status)
{
    bool ended_by_us = m->phase == MASTER_KILLING;

    if (!ended_by_us) {
        log_end(m, status);
    }
    engine_link_close(m);
    loop_timer_cancel(&m->engine_timer);
    fd_close(&m->engine_pidfd);
    m->engine_pid = 0;
    process_cancel_forks(m);
    connect_engine_lost(m);
    if (m->phase != MASTER_RUNNING) {
        stop_engine_died(m);
        return;
    }
    if (loop_now(m->loop) - m->engine_since > LONG_LIFE) {
        m->engine_failures = 0;
    }
    schedule_start(m);
}

void engine_keeper_end(struct master *m)
{
    loop_timer_cancel(&m->engine_timer);
    engine_link_close(m);
}
