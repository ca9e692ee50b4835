/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_keeper.c - see watcher_keeper.h.
 */
#include "watcher_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "engine_link.h"
#include "processes.h"
#include "socket.h"

#define RETRY apr_time_from_sec(1)

/* At most this many messages a turn: what it says is no reason to wait. */
#define MESSAGES_A_TURN 64

/* What it keeps of root: looking into folders. */
#define KEPT_CAPABILITIES (1u << CAP_DAC_READ_SEARCH)

/* Between fork and exec ---------------------------------------------------- */

static int become_watcher(const struct master *m)
{
    return m->uid == 0 ? child_become_user_keeping(m->engine_uid, m->engine_gid,
                                                   KEPT_CAPABILITIES)
                       : 0;
}

static void run(const struct master *m, int socket)
{
    static const char program[] = "/proc/self/exe";
    char *words[] = { (char *)(uintptr_t) "apppool-server",
                      (char *)(uintptr_t) "--watcher", NULL };
    int fds[] = { m->null_fd, STDERR_FILENO, STDERR_FILENO, socket };

    if (child_keep_descriptors(fds, 4) == 0 && setsid() >= 0 &&
        become_watcher(m) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        child_reset_signals();
        execv(program, words);
    }
    log_error("the watcher cannot be run as uid %u: %s",
              (unsigned)m->engine_uid, strerror(errno));
    _exit(1);
}

/* Talking to it ------------------------------------------------------------ */

static void ask_to_watch(struct master *m, const struct definition *d,
                         uint32_t how)
{
    struct wire_message msg;

    wire_send(m->watcher, &d->message);
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_WATCH, 0);
    wire_put_u32(&msg, FIELD_APP, d->number);
    wire_put_u32(&msg, FIELD_NUMBER, how);
    wire_send(m->watcher, &msg);
    wire_message_clear(&msg);
}

void watcher_on_watch(struct master *m, struct wire_message *msg)
{
    struct definition *d = config_find(m, wire_get_u32(msg, FIELD_APP, 0));
    uint32_t how = wire_get_u32(msg, FIELD_NUMBER, WATCH_OFF);

    if (d == NULL) {
        return;
    }
    d->is_watched = how != WATCH_OFF;
    if (m->watcher >= 0) {
        ask_to_watch(m, d, how);
    }
}

/* Where the kernel refuses the proportional size, what is its own is told. */
static void put_proc_files(struct wire_message *msg, pid_t pid)
{
    static const char *const names[] = { "stat", "smaps_rollup", "statm" };
    char path[40];

    for (unsigned i = 0; i < 3 && msg->n_fds < 2; i++) {
        int fd;

        snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, names[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            wire_put_fd(msg, &fd);
        }
    }
}

void watcher_on_measure(struct master *m, struct wire_message *msg)
{
    struct process *p = process_find(m, wire_get_u32(msg, FIELD_PROCESS, 0));
    struct wire_message out;

    if (p == NULL || p->pid == 0 || m->watcher < 0) {
        return;
    }
    wire_message_init(&out);
    wire_message_begin(&out, MSG_MEASURE, 0);
    wire_put_u32(&out, FIELD_PROCESS, p->number);
    put_proc_files(&out, p->pid);
    wire_send(m->watcher, &out);
    wire_message_clear(&out);
}

static void pass_on(struct master *m, const struct wire_message *msg)
{
    struct wire_message out;

    wire_message_init(&out);
    wire_copy(&out, msg);
    engine_link_send(m, &out);
}

static int hear(struct master *m, struct wire_message *msg)
{
    static struct log_quota quota;
    const char *why = NULL;
    int rc = wire_receive(m->watcher, msg, FROM_WATCHER, &why);

    if (rc == 1) {
        pass_on(m, msg);
    } else if (rc == -EPROTO) {
        log_some(&quota, LOG_LEVEL_ERROR, "bad message from the watcher: %s",
                 why);
        rc = 1;
    }
    return rc;
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct master *m = baton;
    struct wire_message msg;
    int rc = 1;

    (void)fd;
    (void)events;
    wire_message_init(&msg);
    for (int i = 0; i < MESSAGES_A_TURN && rc == 1 && engine_link_is_free(m);
         i++) {
        rc = hear(m, &msg);
    }
    wire_message_clear(&msg);
    if (rc != 1 && rc != -EAGAIN) { /* its end follows through the reaper */
        loop_unwatch(&m->watcher_watch);
    }
}

int watcher_keeper_listen(struct master *m, int *fd)
{
    m->watcher_watch = loop_watch(m->loop, *fd,
                                  engine_link_is_free(m) ? LOOP_READ : 0,
                                  on_ready, m);
    if (m->watcher_watch == NULL) {
        int rc = -errno;

        fd_close(fd);
        return rc;
    }
    m->watcher = *fd;
    *fd = -1;
    return 0;
}

void watcher_keeper_pause(struct master *m, bool paused)
{
    if (m->watcher_watch != NULL) {
        loop_watch_set(m->watcher_watch, paused ? 0 : LOOP_READ);
    }
}

/* Starting and ending ------------------------------------------------------ */

static void on_retry(void *baton)
{
    struct master *m = baton;

    m->watcher_timer = NULL;
    watcher_keeper_start(m);
}

static int start(struct master *m)
{
    int ends[2];
    int rc = wire_pair(ends);

    if (rc < 0) {
        return rc;
    }
    m->watcher_pid = fork();
    if (m->watcher_pid == 0) {
        run(m, ends[1]);
    }
    rc = m->watcher_pid < 0 ? -errno : 0;
    fd_close(&ends[1]);
    if (rc < 0) {
        fd_close(&ends[0]);
        return rc;
    }
    return watcher_keeper_listen(m, &ends[0]);
}

static void watch_all_again(struct master *m)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, m->definitions); i != NULL;
         i = apr_hash_next(i)) {
        const struct definition *d = apr_hash_this_val(i);

        if (d->is_watched) {
            ask_to_watch(m, d, WATCH_FRESH);
        }
    }
}

void watcher_keeper_start(struct master *m)
{
    int rc = start(m);

    if (rc < 0) {
        log_error("no watcher could be started: %s", strerror(-rc));
        watcher_keeper_end(m);
        m->watcher_timer = loop_timer_add(m->loop, RETRY, on_retry, m);
        return;
    }
    watch_all_again(m);
}

void watcher_keeper_died(struct master *m, int status)
{
    watcher_keeper_end(m);
    if (m->phase == MASTER_RUNNING) {
        log_error("the watcher ended (status %d) and is started again",
                  status);
        m->watcher_timer = loop_timer_add(m->loop, RETRY, on_retry, m);
    }
}

void watcher_keeper_end(struct master *m)
{
    loop_timer_cancel(&m->watcher_timer);
    loop_unwatch(&m->watcher_watch);
    fd_close(&m->watcher);
    m->watcher_pid = 0;
}
