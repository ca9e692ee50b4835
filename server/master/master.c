/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master.c - puts the master together: descriptors, signals, the parent.
 */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "clients.h"
#include "config.h"
#include "engine_keeper.h"
#include "engine_link.h"
#include "gate.h"
#include "ledger.h"
#include "leftovers.h"
#include "root_pool.h"
#include "system_limits.h"
#include "processes.h"
#include "reaper.h"
#include "reload.h"
#include "socket.h"
#include "state.h"
#include "stop.h"
#include "upgrade.h"
#include "watcher_keeper.h"

struct master *master_new(const struct master_options *options, apr_pool_t *p)
{
    struct master *m = apr_pcalloc(p, sizeof(*m));

    m->pool = p;
    m->loop = loop_new(p);
    if (m->loop == NULL) {
        return NULL;
    }
    m->options = *options;
    m->uid = geteuid();
    m->engine_uid = m->uid;
    m->engine_gid = getegid();
    m->parent_pidfd = m->signal_fd = m->link = m->engine_pidfd = -1;
    m->null_fd = m->watcher = m->tool_fd = m->reload_fd = -1;
    m->previous.log_fd = m->current.log_fd = m->coming.log_fd = -1;
    m->previous.description = m->current.description = -1;
    m->coming.description = -1;
    wire_message_init(&m->previous.configure);
    wire_message_init(&m->current.configure);
    wire_message_init(&m->coming.configure);
    wire_message_init(&m->defaults);
    wire_message_init(&m->limits);
    m->definitions = apr_hash_make(p);
    m->adopted = apr_hash_make(p);
    m->next_adopted = FIRST_ADOPTED;
    m->clients = apr_hash_make(p);
    m->connections = apr_hash_make(p);
    m->processes = apr_hash_make(p);
    LIST_INIT(&m->reports);
    STAILQ_INIT(&m->link_queue);
    return m;
}

void master_free(struct master **master)
{
    struct master *m = *master;

    if (m == NULL) {
        return;
    }
    *master = NULL;
    engine_keeper_end(m);
    watcher_keeper_end(m);
    loop_timer_cancel(&m->stop_timer);
    loop_timer_cancel(&m->accept_timer);
    upgrade_end(m);
    reload_end(m);
    gate_close_all(m);
    process_free_all(m);
    clients_free_all(m);
    config_clear(m);
    leftovers_free(m);
    ledger_close(&m->ledger);
    loop_unwatch(&m->parent_watch);
    loop_unwatch(&m->signal_watch);
    fd_close(&m->parent_pidfd);
    fd_close(&m->signal_fd);
    fd_close(&m->engine_pidfd);
    fd_close(&m->null_fd);
    loop_turn(m->loop, 0); /* lets go of ended watches */
}

static void on_signal(void *baton, int fd, unsigned events)
{
    struct master *m = baton;
    struct signalfd_siginfo info;
    bool asked_to_end = false;

    (void)events;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD) {
            asked_to_end = true;
        }
    }
    if (asked_to_end) {
        stop_quickly(m, "a signal");
    }
    reaper_run(m);
    stop_check(m);
}

static int open_signals(struct master *m)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0) {
        return -errno;
    }
    m->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (m->signal_fd < 0) {
        return -errno;
    }
    m->signal_watch = loop_watch(m->loop, m->signal_fd, LOOP_READ, on_signal,
                                 m);
    return m->signal_watch != NULL ? 0 : -errno;
}

static void on_parent_end(void *baton, int fd, unsigned events)
{
    struct master *m = baton;

    (void)fd;
    (void)events;
    loop_unwatch(&m->parent_watch);
    m->parent = 0; /* its pid may be somebody else's from now on */
    stop_orphaned(m);
}

/* Pinned by a pidfd: if the parent dies in between, getppid() tells. */
static int open_parent(struct master *m)
{
    pid_t parent = getppid();

    m->parent_pidfd = pidfd_open(parent, 0);
    if (m->parent_pidfd < 0) {
        return -errno;
    }
    if (getppid() != parent) {
        return -ESRCH;
    }
    m->parent = parent;
    m->parent_watch = loop_watch(m->loop, m->parent_pidfd, LOOP_READ,
                                 on_parent_end, m);
    return m->parent_watch != NULL ? 0 : -errno;
}

/* The pair whose client's end apppoolctl takes from us with pidfd_getfd(2). */
static int open_tool_gate(struct master *m)
{
    int ends[2];
    int rc = wire_pair(ends);

    if (rc < 0) {
        return rc;
    }
    rc = dup3(ends[1], MASTER_TOOL_FD, O_CLOEXEC) < 0 ? -errno : 0;
    fd_close(&ends[1]);
    if (rc < 0) {
        fd_close(&ends[0]);
        return rc;
    }
    return gate_open(m, GATE_TOOL, ends[0]);
}

/* One of an image before has its descriptors in place. */
static int reopen_tool_gate(struct master *m)
{
    fcntl(MASTER_TOOL_FD, F_SETFD, FD_CLOEXEC);
    return m->tool_fd < 0 ? open_tool_gate(m)
                          : gate_open(m, GATE_TOOL, m->tool_fd);
}

static int open_gates(struct master *m)
{
    int rc;

    fcntl(MASTER_RENDEZVOUS_FD, F_SETFD, FD_CLOEXEC);
    rc = gate_open(m, GATE_CLIENTS, MASTER_RENDEZVOUS_FD);
    if (rc == 0 && m->options.admin) {
        rc = gate_open(m, GATE_ADMIN, MASTER_ADMIN_FD);
    }
    return rc;
}

/* A pipe or file behind standard error is opened anew, so that writing to the
 * log never waits, and our flags are nobody else's. */
static void open_log(void)
{
    int copy = fd_duplicate(STDERR_FILENO);
    int own = -1;

    config_keep_log(&own, &copy);
    if (own >= 0) {
        dup2(own, STDERR_FILENO);
        fd_close(&own);
    }
}

/* Nothing else may be given this number before the pair is made. */
static int reserve_tool_fd(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd >= 0 && fd != MASTER_TOOL_FD) {
        int rc = dup3(fd, MASTER_TOOL_FD, O_CLOEXEC);

        fd_close(&fd);
        fd = rc;
    }
    return fd < 0 ? -errno : 0;
}

/* What is done once in the life of the process. */
static int take_place(struct master *m)
{
    m->null_fd = fd_duplicate(MASTER_TOOL_FD); /* still /dev/null */
    if (m->null_fd < 0) {
        return m->null_fd;
    }
    limits_raise_nofile(m);
    limits_lower_oom_score(m);
    limits_choose_engine_user(m);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return 0;
}

static int take_place_of_before(struct master *m)
{
    int rc = upgrade_resume(m);

    m->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    log_to(m->current.log_fd);
    return rc == 0 && m->null_fd < 0 ? -errno : rc;
}

static int master_open(struct master *m)
{
    int rc = 0;

    upgrade_init(m);
    if (m->options.resume >= 0) {
        rc = take_place_of_before(m);
    } else {
        rc = take_place(m);
    }
    limits_note_missing(m);
    m->ledger = ledger_open();
    if (rc == 0) {
        rc = open_parent(m);
    }
    if (rc == 0) {
        rc = open_signals(m);
    }
    if (rc == 0) {
        rc = open_gates(m);
    }
    if (rc == 0) {
        rc = m->options.resume >= 0 ? reopen_tool_gate(m)
                                    : open_tool_gate(m);
    }
    return rc;
}

static void begin(struct master *m)
{
    engine_keeper_start(m);
    watcher_keeper_start(m);
    if (m->options.resume >= 0) {
        state_listen(m);
        config_apply(m);
        reaper_run(m); /* who ended meanwhile */
        gate_answer_config(m);
    }
}

int master_run(const struct master_options *options)
{
    apr_pool_t *p;
    struct master *m;
    int rc;

    open_log();
    rc = options->resume >= 0 ? 0 : reserve_tool_fd();
    p = memory_root();
    m = rc == 0 ? master_new(options, p) : NULL;
    if (m == NULL) {
        log_error("the pool server cannot start: %s",
                  strerror(rc < 0 ? -rc : errno));
        return 1;
    }
    rc = master_open(m);
    if (rc < 0) {
        log_error("the pool server cannot start: %s", strerror(-rc));
    } else {
        begin(m);
        loop_run(m->loop);
        log_info("the server has ended");
    }
    master_free(&m);
    apr_pool_destroy(p);
    return rc < 0 ? 1 : 0;
}
