/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper.c - see reaper.h.
 *
 * A child is looked at before it is reaped (WNOWAIT): as long as it is a
 * zombie its pid, and with it the number of its process group, is nobody
 * else's.
 */
#include "reaper.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_keeper.h"
#include "proc_stat.h"
#include "processes.h"
#include "report.h"
#include "upgrade.h"
#include "watcher_keeper.h"

static void reap(struct master *m, pid_t pid)
{
    struct process *p = process_find_pid(m, pid);
    int status = 0;

    if (p != NULL && p->session > 0) {
        kill(-p->session, SIGKILL);
    }
    waitpid(pid, &status, WNOHANG);
    if (p != NULL) {
        process_ended(p, status);
    } else if (pid == m->engine_pid) {
        engine_keeper_died(m, status);
    } else if (pid == m->watcher_pid) {
        watcher_keeper_died(m, status);
    } else {
        upgrade_reaped(m, pid, status);
    }
}

static pid_t next_dead(void)
{
    siginfo_t info = { .si_pid = 0 };

    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
        return 0;
    }
    return info.si_pid;
}

static bool has_leader(pid_t session)
{
    struct proc_stat leader;

    return proc_stat_read(session, &leader) == 0 && leader.state != 'Z';
}

static bool is_ours(const struct master *m, pid_t pid)
{
    return pid == m->engine_pid || pid == m->watcher_pid;
}

/* What a walk over the children is looking for, and has found. */
struct walk {
    struct master *m;         /* borrowed */
    const struct stat *output; /* who writes to this; NULL: not asked */
    unsigned n;               /* killed */
};

static void walk_kill(struct walk *walk, pid_t pid)
{
    kill(pid, SIGKILL); /* our child, so not reused before we reap it */
    walk->n++;
}

static bool is_orphan(const struct walk *walk, pid_t pid)
{
    return !is_ours(walk->m, pid) && process_find_pid(walk->m, pid) == NULL;
}

/* A process that a preloader has just forked is our child before it reports;
 * until it does, it looks like an orphan. */
static void kill_leaderless(struct walk *walk, pid_t pid)
{
    struct proc_stat stat;

    if (!is_orphan(walk, pid) || proc_stat_read(pid, &stat) < 0 ||
        stat.state == 'Z' || stat.session == pid || stat.session == 0) {
        return;
    }
    if (process_find_session(walk->m, stat.session) == NULL &&
        !has_leader(stat.session) && !report_any_fork(walk->m)) {
        walk_kill(walk, pid);
    }
}

static bool writes_to(pid_t pid, int fd, const struct stat *output)
{
    char path[40];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)pid, fd);
    return stat(path, &st) == 0 && st.st_dev == output->st_dev &&
           st.st_ino == output->st_ino;
}

static void kill_writer(struct walk *walk, pid_t pid)
{
    if (is_orphan(walk, pid) && (writes_to(pid, 1, walk->output) ||
                                 writes_to(pid, 2, walk->output))) {
        walk_kill(walk, pid);
    }
}

static void kill_any(struct walk *walk, pid_t pid)
{
    if (!is_ours(walk->m, pid)) {
        walk_kill(walk, pid);
    }
}

/* Call each with every child; the kernel's own list of them. */
static void walk_children(struct walk *walk,
                          void (*each)(struct walk *walk, pid_t pid))
{
    char path[64];
    FILE *list;
    long pid;

    snprintf(path, sizeof(path), "/proc/self/task/%ld/children",
             (long)getpid());
    list = fopen(path, "re");
    if (list == NULL) {
        return;
    }
    while (fscanf(list, "%ld", &pid) == 1) {
        each(walk, (pid_t)pid);
    }
    fclose(list);
}

void reaper_run(struct master *m)
{
    struct walk walk = { .m = m };
    pid_t pid = next_dead();

    while (pid > 0) {
        reap(m, pid);
        pid = next_dead();
    }
    walk_children(&walk, kill_leaderless);
}

void reaper_kill_writers(struct master *m, const struct stat *output)
{
    struct walk walk = { .m = m, .output = output };

    walk_children(&walk, kill_writer);
}

unsigned reaper_kill_children(struct master *m)
{
    struct walk walk = { .m = m };

    walk_children(&walk, kill_any);
    return walk.n;
}
