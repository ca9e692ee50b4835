/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher_child.c - the child of a process that may have had threads.
 */
#include "launcher_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

int launcher_child_max_fd(void)
{
    struct rlimit limit;

    /* 65536: what "unlimited" would mean on kernels without close_range(2). */
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536) {
        return 65536;
    }
    return (int)limit.rlim_cur;
}

static void reset_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int signal = 1; signal <= SIGRTMAX; signal++) {
        sigaction(signal, &action, NULL); /* fails for KILL, STOP and libc's */
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* First out of the way, then into place: they may stand in each other's. */
static int place_descriptors(const struct launcher_child *child)
{
    int moved[LAUNCHER_CHILD_FDS];

    for (int i = 0; i < LAUNCHER_CHILD_FDS; i++) {
        moved[i] = fcntl(child->fds[i], F_DUPFD_CLOEXEC, LAUNCHER_CHILD_FDS);
        if (moved[i] < 0) {
            return -1;
        }
    }
    for (int i = 0; i < LAUNCHER_CHILD_FDS; i++) {
        const int flags = i == LAUNCHER_CHILD_FDS - 1 ? O_CLOEXEC : 0;

        if (dup3(moved[i], i, flags) < 0) {
            return -1;
        }
    }
    return 0;
}

static void close_others(int max_fd)
{
    if (syscall(SYS_close_range, LAUNCHER_CHILD_FDS, ~0u, 0) == 0) {
        return;
    }
    for (int fd = LAUNCHER_CHILD_FDS; fd <= max_fd; fd++) {
        close(fd);
    }
}

void launcher_child_run(const struct launcher_child *child)
{
    int failed = child->fds[LAUNCHER_CHILD_FDS - 1];
    int error;

    reset_signals();
    setsid();
    if (place_descriptors(child) == 0) {
        failed = LAUNCHER_CHILD_FDS - 1;
        close_others(child->max_fd);
        /* execve() promises not to write to the words (POSIX, exec). */
        execve(child->path, (char *const *)(uintptr_t)child->argv, environ);
    }
    error = errno;
    while (write(failed, &error, sizeof(error)) < 0 && errno == EINTR) {
        continue;
    }
    _exit(127);
}
