/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftovers.c - see leftovers.h.
 *
 * Most end by themselves: what the loaders run sees the master's end. What does
 * not is found by its session. No pid is taken for another's: a session's
 * number is given out again only when nobody is in it any more, so whoever is
 * in it with its leader of then, or with none, and is older than this master,
 * is one of them; and a pidfd holds a process from the look to the signal.
 */
#include "leftovers.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "ledger.h"
#include "proc_stat.h"
#include "socket.h"

/* The parent needs up to 2 s until it has started us: with that not more than
 * the 5 s that a request in flight has when a master ends. */
#define PATIENCE (3 * APR_USEC_PER_SEC)

struct leftovers {
    struct ledger_entry *entries; /* owned */
    size_t n;
    struct loop_timer *timer;
};

static const struct ledger_entry *find(const struct leftovers *left,
                                       pid_t session)
{
    for (size_t i = 0; i < left->n; i++) {
        if (left->entries[i].session == session) {
            return &left->entries[i];
        }
    }
    return NULL;
}

static bool has_other_leader(const struct ledger_entry *entry)
{
    struct proc_stat leader;

    return proc_stat_read(entry->session, &leader) == 0 &&
           leader.session == entry->session &&
           leader.started != entry->leader_started;
}

static bool is_left(const struct leftovers *left, pid_t pid, uint64_t before)
{
    struct proc_stat stat;
    const struct ledger_entry *entry;

    if (proc_stat_read(pid, &stat) < 0 || stat.state == 'Z' ||
        stat.started > before) {
        return false;
    }
    entry = stat.session > 0 ? find(left, stat.session) : NULL;
    return entry != NULL && !has_other_leader(entry);
}

static unsigned kill_if_left(const struct leftovers *left, pid_t pid,
                             uint64_t before)
{
    int pidfd = pidfd_open(pid, 0);
    unsigned n = 0;

    if (pidfd >= 0 && is_left(left, pid, before) &&
        pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0) {
        n = 1;
    }
    fd_close(&pidfd);
    return n;
}

static unsigned kill_all(const struct leftovers *left)
{
    struct proc_stat own = { .started = 0 };
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    unsigned n = 0;

    proc_stat_read(getpid(), &own);
    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)atol(entry->d_name);

        if (pid > 0) {
            n += kill_if_left(left, pid, own.started);
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
    return n;
}

static void forget(struct master *m)
{
    for (size_t i = 0; i < m->leftovers->n; i++) {
        ledger_strike(m->ledger, m->leftovers->entries[i].session);
    }
    leftovers_free(m);
}

static void on_time(void *baton)
{
    struct master *m = baton;
    unsigned n = kill_all(m->leftovers);

    m->leftovers->timer = NULL;
    if (n > 0) {
        log_notice("killed %u processes that a pool server before has left",
                   n);
    }
    forget(m);
}

void leftovers_on_ledger(struct master *m, struct wire_message *msg)
{
    int fd = wire_take_fd(msg, 0);
    struct leftovers *left = calloc(1, sizeof(*left));

    if (left == NULL) {
        abort();
    }
    leftovers_free(m);
    left->entries = ledger_read(fd, &left->n);
    fd_close(&fd);
    for (size_t i = 0; i < left->n; i++) {
        /* If this master is killed, too, the next one has to know. */
        ledger_note_again(m->ledger, &left->entries[i]);
    }
    left->timer = loop_timer_add(m->loop, PATIENCE, on_time, m);
    m->leftovers = left;
}

void leftovers_free(struct master *m)
{
    if (m->leftovers != NULL) {
        loop_timer_cancel(&m->leftovers->timer);
        free(m->leftovers->entries);
        free(m->leftovers);
        m->leftovers = NULL;
    }
}
