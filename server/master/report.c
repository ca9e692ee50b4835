/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - see report.h.
 */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine_link.h"
#include "gate.h"
#include "listener.h"
#include "proc_stat.h"
#include "processes.h"
#include "reaper.h"
#include "socket.h"

#define REPORT_MAX     8192 /* as FIELD_REPORT has it */
#define PACKETS_A_TURN 16
#define ANCESTORS      16   /* from the master to a fork; two with loaders */
#define REST_PACKETS   64   /* of a process that has ended: an error's text */

struct report {
    LIST_ENTRY(report) next; /* in master->reports */
    struct master *m;        /* borrowed */
    int fd;                  /* owned */
    struct loop_watch *watch;
    bool forks;              /* it was made for a preloader */
    struct stat output;      /* the pipe that all of them write to */
    LIST_HEAD(, process) processes; /* last asked or started first; borrowed */
};

struct packet_in {
    char bytes[REPORT_MAX];
    size_t len;
    struct ucred sender; /* pid 0: the kernel did not say */
};

/* Descriptors that come along are closed: nobody asked for them. */
static void read_control(struct packet_in *in, struct msghdr *msg)
{
    struct cmsghdr *c;

    for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&in->sender, CMSG_DATA(c), sizeof(in->sender));
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

            for (size_t i = 0; i < n; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                fd_close(&fd);
            }
        }
    }
}

/* 1, 0: end of file, -errno. Longer packets are cut. */
static int receive(int fd, struct packet_in *in)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) +
                   CMSG_SPACE(WIRE_MAX_FDS * sizeof(int))];
    } control;
    struct iovec part = { .iov_base = in->bytes, .iov_len = sizeof(in->bytes) };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    ssize_t n;

    in->sender = (struct ucred){ 0 };
    do {
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n < 0) {
        return -errno;
    }
    read_control(in, &msg);
    in->len = (size_t)n;
    return n > 0 || in->sender.pid != 0;
}

static void pass_on(struct process *p, const struct packet_in *in)
{
    process_keep_report(p, in->bytes, in->len);
    process_tell_report(p, in->bytes, in->len);
}

static struct process *find_pid(const struct report *report, pid_t pid)
{
    struct process *p;

    LIST_FOREACH(p, &report->processes, of_report) {
        if (p->pid == pid) {
            return p;
        }
    }
    return NULL;
}

/* The oldest in this state: new ones join at the head. */
static struct process *find_fork(const struct report *report,
                                 enum fork_state state)
{
    struct process *found = NULL;
    struct process *p;

    LIST_FOREACH(p, &report->processes, of_report) {
        if (p->fork == state) {
            found = p;
        }
    }
    return found;
}

static struct process *find_asked(const struct report *report)
{
    struct process *p = find_fork(report, FORK_ASKED);

    return p != NULL ? p : find_fork(report, FORK_CANCELLED);
}

static const struct process *find_preloader(const struct report *report)
{
    const struct process *p;

    LIST_FOREACH(p, &report->processes, of_report) {
        if (p->n_shared > 0) {
            return p;
        }
    }
    return NULL;
}

static bool has_us_above(pid_t pid)
{
    struct proc_stat stat;

    for (int i = 0; i < ANCESTORS && proc_stat_read(pid, &stat) == 0; i++) {
        if (stat.parent == getpid()) {
            return true;
        }
        pid = stat.parent;
    }
    return false;
}

/* The kernel names who speaks, but an application may have handed its end to
 * another process of its user: with one in root's terminal we would signal what
 * is root's. (Twice, since who stands between may end meanwhile.) */
static bool is_of_the_pool(pid_t pid)
{
    return has_us_above(pid) || has_us_above(pid);
}

static void kill_unwanted(const struct ucred *sender)
{
    int pidfd = pidfd_open(sender->pid, 0);

    if (pidfd >= 0) {
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
        fd_close(&pidfd);
    }
}

/* Somebody new speaks: the process that the preloader was asked to fork. */
static void fork_came(struct report *report, struct process *p,
                      const struct packet_in *in)
{
    int rc;

    if (p->fork == FORK_CANCELLED) {
        kill_unwanted(&in->sender);
        process_free(p);
        report_ask_next(report);
        return;
    }
    p->uid = in->sender.uid;
    rc = process_begin(p, in->sender.pid);
    if (rc < 0) {
        process_failed(p, -rc, "it ended as soon as it was forked");
    } else {
        process_tell(p);
        pass_on(p, in);
    }
    report_ask_next(report);
}

static void on_stranger(struct report *report, const struct packet_in *in)
{
    struct process *p = find_asked(report);
    const struct process *preloader = find_preloader(report);
    struct wire_sender who = { .pid = in->sender.pid, .uid = in->sender.uid };

    if (!is_of_the_pool(in->sender.pid)) {
        gate_log_denial(report->m, &who, "a report from elsewhere");
    } else if (p != NULL && preloader != NULL &&
               in->sender.uid == preloader->uid) {
        fork_came(report, p, in);
    } else {
        gate_log_denial(report->m, &who, "a report");
        if (report->forks && preloader == NULL) {
            kill_unwanted(&in->sender); /* its preloader ended meanwhile */
        }
    }
}

static void on_packet(struct report *report, const struct packet_in *in)
{
    struct process *p = find_pid(report, in->sender.pid);
    struct process *asked = find_asked(report);

    if (p == NULL) {
        on_stranger(report, in);
        return;
    }
    p->uid = in->sender.uid;
    pass_on(p, in);
    if (p->n_shared > 0 && asked != NULL) {
        if (asked->fork == FORK_CANCELLED) {
            process_free(asked);
        } else {
            process_failed(asked, ECHILD, "its preloader could not fork");
        }
        report_ask_next(report);
    }
}

/* The report outlives each packet: only cancelled and failed forks are freed,
 * and those are not its last process. */
static int read_packet(struct report *report)
{
    struct packet_in in;
    int rc = receive(report->fd, &in);

    if (rc == 1) {
        on_packet(report, &in);
    }
    return rc;
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct report *report = baton;
    int rc = 1;

    (void)fd;
    (void)events;
    for (int i = 0; i < PACKETS_A_TURN && rc == 1 &&
                    engine_link_is_free(report->m); i++) {
        rc = read_packet(report);
    }
    if (rc == 0 || (rc < 0 && rc != -EAGAIN)) {
        loop_unwatch(&report->watch); /* nobody is left who could report */
    }
}

int report_new(struct process *p, int *application_end_r)
{
    struct report *report = calloc(1, sizeof(*report));
    int ends[2];
    int rc;

    if (report == NULL) {
        abort();
    }
    rc = wire_pair(ends);
    if (rc < 0) {
        free(report);
        return rc;
    }
    fd_set_nonblocking(ends[1], 0);
    report->m = p->m;
    report->forks = p->n_shared > 0;
    report->fd = ends[0];
    report->watch = loop_watch(p->m->loop, ends[0],
                               engine_link_is_free(p->m) ? LOOP_READ : 0,
                               on_ready, report);
    LIST_INSERT_HEAD(&p->m->reports, report, next);
    LIST_INSERT_HEAD(&report->processes, p, of_report);
    p->report = report;
    *application_end_r = ends[1];
    return 0;
}

void report_join(struct process *p, const struct process *preloader)
{
    p->report = preloader->report;
    LIST_INSERT_HEAD(&p->report->processes, p, of_report);
}

static void report_free(struct report *report)
{
    reaper_kill_writers(report->m, &report->output);
    LIST_REMOVE(report, next);
    loop_unwatch(&report->watch);
    fd_close(&report->fd);
    free(report);
}

/* Is anybody left who runs? Forks that were cancelled do not count. */
static bool is_deserted(const struct report *report)
{
    const struct process *p;

    LIST_FOREACH(p, &report->processes, of_report) {
        if (p->fork != FORK_CANCELLED) {
            return false;
        }
    }
    return true;
}

void report_leave(struct process *p)
{
    struct report *report = p->report;

    if (report == NULL) {
        return;
    }
    p->report = NULL;
    LIST_REMOVE(p, of_report);
    if (!is_deserted(report)) {
        return;
    }
    if (LIST_EMPTY(&report->processes)) {
        report_free(report);
    } else {
        process_free(LIST_FIRST(&report->processes)); /* ends here again */
    }
}

void report_read_rest(struct process *p)
{
    int rc = p->report != NULL && p->m->link >= 0 ? 1 : 0;

    for (int i = 0; i < REST_PACKETS && rc == 1; i++) {
        rc = read_packet(p->report);
    }
}

void report_forks_failed(struct process *p)
{
    struct process *waiting;

    if (p->n_shared == 0 || p->report == NULL) {
        return;
    }
    waiting = find_fork(p->report, FORK_QUEUED);
    while (waiting != NULL) {
        process_failed(waiting, ECHILD, "its preloader has ended");
        waiting = find_fork(p->report, FORK_QUEUED);
    }
    waiting = find_fork(p->report, FORK_ASKED);
    if (waiting != NULL) {
        process_failed(waiting, ECHILD, "its preloader has ended");
    }
}

static bool ask(const struct report *report, const struct process *p)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "FORK %u", p->listener);

    return send(report->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

void report_ask_next(struct report *report)
{
    struct process *next = find_fork(report, FORK_QUEUED);

    while (next != NULL && find_asked(report) == NULL) {
        if (ask(report, next)) {
            next->fork = FORK_ASKED;
        } else {
            process_failed(next, errno, "its preloader does not take orders");
        }
        next = find_fork(report, FORK_QUEUED);
    }
}

bool report_any_fork(const struct master *m)
{
    const struct report *report;

    LIST_FOREACH(report, &m->reports, next) {
        if (find_asked(report) != NULL) {
            return true;
        }
    }
    return false;
}

struct process *report_sibling(const struct process *p)
{
    struct process *other;

    if (p->report == NULL) {
        return NULL;
    }
    LIST_FOREACH(other, &p->report->processes, of_report) {
        if (other != p) {
            return other;
        }
    }
    return NULL;
}

void report_set_output(const struct process *p)
{
    fstat(p->output, &p->report->output);
}

void report_pause_all(struct master *m, bool paused)
{
    struct report *report;

    LIST_FOREACH(report, &m->reports, next) {
        if (report->watch != NULL) {
            loop_watch_set(report->watch, paused ? 0 : LOOP_READ);
        }
    }
}

/* The next image ----------------------------------------------------------- */

struct report_facts report_facts(const struct report *report)
{
    return (struct report_facts){
        .fd = report->fd,
        .forks = report->forks,
        .output_device = report->output.st_dev,
        .output_inode = report->output.st_ino,
    };
}

const struct report *report_next(const struct master *m,
                                 const struct report *report)
{
    return report == NULL ? LIST_FIRST(&m->reports) : LIST_NEXT(report, next);
}

const struct process *report_next_process(const struct report *report,
                                          const struct process *p)
{
    return p == NULL ? LIST_FIRST(&report->processes) : LIST_NEXT(p, of_report);
}

struct report *report_restore(struct master *m,
                              const struct report_facts *facts)
{
    struct report *report = calloc(1, sizeof(*report));

    if (report == NULL) {
        abort();
    }
    report->m = m;
    report->fd = facts->fd;
    report->forks = facts->forks;
    report->output.st_dev = (dev_t)facts->output_device;
    report->output.st_ino = (ino_t)facts->output_inode;
    LIST_INSERT_HEAD(&m->reports, report, next);
    return report;
}

void report_restore_process(struct report *report, struct process *p)
{
    p->report = report;
    LIST_INSERT_HEAD(&report->processes, p, of_report);
}

void report_listen_all(struct master *m)
{
    struct report *report;

    LIST_FOREACH(report, &m->reports, next) {
        report->watch = loop_watch(m->loop, report->fd,
                                   engine_link_is_free(m) ? LOOP_READ : 0,
                                   on_ready, report);
    }
}
