/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper.c - see reaper.h.
 *
 * A child is looked at before it is reaped (WNOWAIT): as long as it is a
 * zombie its pid, and with it the number of its process group, is nobody
 * else's.
 */
#include "reaper.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_keeper.h"
#include "processes.h"
#include "socket.h"
#include "watcher_keeper.h"

static void reap(struct master *m, pid_t pid)
{
    struct process *p = process_find_pid(m, pid);
    int status = 0;

    if (p != NULL) {
        kill(-pid, SIGKILL);
    }
    waitpid(pid, &status, WNOHANG);
    if (p != NULL) {
        process_ended(p, status);
    } else if (pid == m->engine_pid) {
        engine_keeper_died(m, status);
    } else if (pid == m->watcher_pid) {
        watcher_keeper_died(m, status);
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

/* The state and the session of a process; false: it has gone. Neither field
 * can be forged by its name: the last ")" ends that (proc(5)). */
static bool read_stat(pid_t pid, char *state_r, pid_t *session_r)
{
    char path[32], text[512];
    const char *after;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    n = read(fd, text, sizeof(text) - 1);
    fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    after = strrchr(text, ')');
    return after != NULL &&
           sscanf(after + 1, " %c %*d %*d %d", state_r, session_r) == 2;
}

static bool has_leader(pid_t session)
{
    pid_t ignored;
    char state;

    return read_stat(session, &state, &ignored) && state != 'Z';
}

static bool is_ours(const struct master *m, pid_t pid)
{
    return pid == m->engine_pid || pid == m->watcher_pid;
}

static void end_orphan(struct master *m, pid_t pid)
{
    pid_t session;
    char state;

    if (is_ours(m, pid) || process_find_pid(m, pid) != NULL ||
        !read_stat(pid, &state, &session) || state == 'Z') {
        return;
    }
    if (session != pid && session != 0 && !has_leader(session)) {
        log_debug("pid %ld, left behind by an application: killed", (long)pid);
        kill(pid, SIGKILL); /* our child, so not reused before we reap it */
    }
}

/* Call each with every child; the kernel's own list of them. */
static void each_child(struct master *m,
                       void (*each)(struct master *m, pid_t pid))
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
        each(m, (pid_t)pid);
    }
    fclose(list);
}

void reaper_run(struct master *m)
{
    pid_t pid = next_dead();

    while (pid > 0) {
        reap(m, pid);
        pid = next_dead();
    }
    each_child(m, end_orphan);
}

static void kill_child(struct master *m, pid_t pid)
{
    if (!is_ours(m, pid)) {
        kill(pid, SIGKILL);
        m->n_killed++;
    }
}

unsigned reaper_kill_children(struct master *m)
{
    m->n_killed = 0;
    each_child(m, kill_child);
    return m->n_killed;
}
