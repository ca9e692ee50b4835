/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher.c - fork, place the descriptors, exec; later: wait, signal, reap.
 *
 * The starter may have threads, so everything is prepared before fork(), and
 * the child makes only async-signal-safe calls (signal-safety(7)). That the
 * program runs is known when the close-on-exec end of a pipe closes unused.
 */
#include "launcher.h"

#include "launcher_child.h"
#include "socket.h"

#include <apr_errno.h>
#include <apr_strings.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* For a clean exit, then after SIGTERM; together below httpd's stop budget. */
#define CLEAN_EXIT_MS 5000
#define TERMINATED_MS 1000
/* For exec. More than a busy machine needs; a copy of the pipe in a fork that
 * another thread made at the same moment must not hold us for ever. */
#define EXEC_MS 10000

const struct apppool_server_state launcher_none = {
    .pid = 0, .rendezvous = -1, .admin = -1, .pidfd = -1
};

void launcher_close(struct apppool_server_state *state)
{
    fd_close(&state->rendezvous);
    fd_close(&state->admin);
    fd_close(&state->pidfd);
}

/* Starting ---------------------------------------------------------------- */

/* What is opened for the child; all closed again in the parent. */
struct launch {
    int rendezvous, admin; /* server's ends; admin may be /dev/null */
    int log[2];            /* standard output and error */
    int failed[2];         /* pipe: errno of a failed exec */
    const char *problem;   /* what could not be opened */
};

static void close_launch(struct launch *launch)
{
    fd_close(&launch->rendezvous);
    fd_close(&launch->admin);
    fd_close(&launch->log[0]);
    fd_close(&launch->log[1]);
    fd_close(&launch->failed[0]);
    fd_close(&launch->failed[1]);
}

static int open_null(int *fd_r)
{
    *fd_r = open("/dev/null", O_RDWR | O_CLOEXEC);
    return *fd_r < 0 ? -errno : 0;
}

/* A pair: ours to *client_r, the server's to *server_r. */
static int open_pair(int *client_r, int *server_r)
{
    int ends[2];
    int rc = wire_pair(ends);

    *server_r = ends[0];
    *client_r = ends[1];
    return rc;
}

/* Our own standard output or error, /dev/null where there is none. */
static int copy_standard(int standard, int *fd_r)
{
    *fd_r = fd_duplicate(standard);
    return *fd_r == -EBADF ? open_null(fd_r) : *fd_r < 0 ? *fd_r : 0;
}

static int open_log(struct launch *launch, const char *path)
{
    int rc;

    if (path != NULL) {
        launch->problem = path;
        launch->log[0] = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
                                        O_NOCTTY, 0640);
        if (launch->log[0] < 0) {
            return -errno;
        }
        launch->log[1] = fd_duplicate(launch->log[0]);
        return launch->log[1] < 0 ? launch->log[1] : 0;
    }
    launch->problem = "standard output";
    rc = copy_standard(STDOUT_FILENO, &launch->log[0]);
    return rc < 0 ? rc : copy_standard(STDERR_FILENO, &launch->log[1]);
}

static int open_launch(struct launch *launch,
                       const struct apppool_server_options *options,
                       struct apppool_server_state *state)
{
    int rc = open_log(launch, options->log_file);

    if (rc < 0) {
        return rc;
    }
    launch->problem = "sockets";
    rc = open_pair(&state->rendezvous, &launch->rendezvous);
    if (rc == 0) {
        rc = options->admin ? open_pair(&state->admin, &launch->admin)
                            : open_null(&launch->admin);
    }
    if (rc == 0 && pipe2(launch->failed, O_CLOEXEC) < 0) {
        rc = -errno;
    }
    return rc;
}

static const char **arguments(const struct apppool_server_options *options,
                              apr_pool_t *p)
{
    const char **argv = apr_palloc(p, 13 * sizeof(*argv));
    unsigned n = 0;

    argv[n++] = "apppool-server";
    argv[n++] = "--spawn-server";
    argv[n++] = options->spawn_server;
    argv[n++] = "--environment";
    argv[n++] = options->environment;
    argv[n++] = "--ruby";
    argv[n++] = options->ruby;
    argv[n++] = "--user";
    argv[n++] = options->user;
    if (options->runtime_dir != NULL) {
        argv[n++] = "--runtime-dir";
        argv[n++] = options->runtime_dir;
    }
    if (options->admin) {
        argv[n++] = "--admin";
    }
    argv[n] = NULL;
    return argv;
}

/* Fork and exec with all signals blocked: no handler of ours runs there. */
static pid_t start_child(const struct launcher_child *child)
{
    sigset_t all, before;
    pid_t pid;
    int saved;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        launcher_child_run(child); /* does not return */
    }
    saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = saved;
    return pid;
}

/* 0 when the program runs, else the errno of its exec. */
static int wait_for_exec(struct launch *launch)
{
    int failure = 0;
    ssize_t n;

    fd_close(&launch->failed[1]);
    if (wire_wait_readable(launch->failed[0], EXEC_MS) <= 0) {
        return 0;
    }
    do {
        n = read(launch->failed[0], &failure, sizeof(failure));
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(failure) ? failure : 0;
}

static int reap(pid_t pid, int flags)
{
    int status;
    pid_t rc;

    do {
        rc = waitpid(pid, &status, flags);
    } while (rc < 0 && errno == EINTR);
    return rc == pid;
}

static int run(struct launch *launch,
               const struct apppool_server_options *options,
               struct apppool_server_state *state, apr_pool_t *p)
{
    const struct launcher_child child = {
        .path = options->server_executable,
        .argv = arguments(options, p),
        .fds = { launch->admin, launch->log[0], launch->log[1],
                 launch->rendezvous, launch->failed[1] },
        .max_fd = launcher_child_max_fd(),
    };
    pid_t pid = start_child(&child);
    int failure;

    launch->problem = options->server_executable;
    if (pid < 0) {
        return -errno;
    }
    state->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    failure = state->pidfd < 0 ? errno : 0;
    if (failure != 0 && failure != ESRCH) {
        kill(pid, SIGKILL); /* a kernel without pidfd: nothing would work */
    } else {
        int exec_failure = wait_for_exec(launch);

        failure = exec_failure != 0 ? exec_failure : failure;
    }
    if (failure != 0) {
        reap(pid, 0);
        return -failure;
    }
    state->pid = pid;
    return 0;
}

apr_status_t launcher_start(const struct apppool_server_options *options,
                            struct apppool_server_state *state_r,
                            const char **message_r, apr_pool_t *p)
{
    struct launch launch = { .rendezvous = -1, .admin = -1, .log = { -1, -1 },
                             .failed = { -1, -1 } };
    char text[160];
    int rc;

    *state_r = launcher_none;
    rc = open_launch(&launch, options, state_r);
    if (rc == 0) {
        rc = run(&launch, options, state_r, p);
    }
    if (rc < 0) {
        launcher_close(state_r);
        *message_r = apr_psprintf(p, "cannot start the pool server: %s: %s",
                                  launch.problem,
                                  apr_strerror(APR_FROM_OS_ERROR(-rc), text,
                                               sizeof(text)));
    }
    close_launch(&launch);
    return rc < 0 ? APR_FROM_OS_ERROR(-rc) : APR_SUCCESS;
}

/* Ending ------------------------------------------------------------------ */

static bool has_ended(int pidfd, int patience_ms)
{
    return wire_wait_readable(pidfd, patience_ms) != 0;
}

static void signal_process(int pidfd, int signal)
{
    syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

void launcher_stop(struct apppool_server_state *state)
{
    fd_close(&state->rendezvous);
    fd_close(&state->admin);
    if (state->pid > 0 && state->pidfd >= 0) {
        if (!has_ended(state->pidfd, CLEAN_EXIT_MS)) {
            signal_process(state->pidfd, SIGTERM);
            if (!has_ended(state->pidfd, TERMINATED_MS)) {
                signal_process(state->pidfd, SIGKILL);
                has_ended(state->pidfd, -1);
            }
        }
        if (launcher_is_child(state)) { /* httpd's parent may have reaped it */
            reap(state->pid, WNOHANG);
        }
    }
    fd_close(&state->pidfd);
    *state = launcher_none;
}

int launcher_is_child(const struct apppool_server_state *state)
{
    siginfo_t info = { .si_pid = 0 };

    return state->pidfd >= 0 &&
           waitid(P_PIDFD, (id_t)state->pidfd, &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0;
}
