/* SPDX-License-Identifier: Apache-2.0 */
/*
 * php_fork.c - makes php-cgi a preloader, so that its processes share opcache.
 *
 * opcache's memory belongs to a process and what it forks; php-cgi itself forks
 * only processes that all listen on one socket, which the pool could neither
 * count nor end one by one. So this library is loaded before it (LD_PRELOAD)
 * and is there when it calls accept(2) for the first time: PHP is started by
 * then, opcache has its memory, no script has run. Instead of accepting, it
 * forks as the pool tells it (README, "The report socket"); each process
 * returns from accept() with a listener of its own, an ordinary php-cgi.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* "FIRST N REPORT": the first of N listeners, the report socket. */
#define VARIABLE "APPPOOL_PHP_FORK"

static struct {
    bool is_preloader, was_ready;
    int first, n, report;
    volatile int connection; /* accepted last */
} state = { .connection = -1 };

static void report(const char *text)
{
    /* A pool that has gone reads nothing; its end is seen by recv(). */
    (void)!send(state.report, text, strlen(text), MSG_NOSIGNAL);
}

/* What the scripts execute is not to be preloaded with us; what the admin had
 * preloaded stays. */
static void restore_preload(void)
{
    const char *list = getenv("LD_PRELOAD");
    const char *rest = list != NULL ? strchr(list, ':') : NULL;

    if (rest != NULL) {
        setenv("LD_PRELOAD", rest + 1, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv(VARIABLE);

    if (text == NULL || sscanf(text, "%d %d %d", &state.first, &state.n,
                               &state.report) != 3) {
        return;
    }
    state.is_preloader = true;
    unsetenv(VARIABLE);
    restore_preload();
    for (int i = 0; i < state.n; i++) {
        fcntl(state.first + i, F_SETFD, FD_CLOEXEC);
    }
    fcntl(state.report, F_SETFD, FD_CLOEXEC);
}

/* A request that has been read goes on; what waits for the next one on a kept
 * connection would, after SIGTERM, go on waiting. */
static void on_pool_gone(int signal)
{
    int error = errno;

    (void)signal;
    shutdown(state.connection, SHUT_RD);
    kill(getpid(), SIGTERM);
    errno = error;
}

/* Forked, but still a child of the one that forked us, who is about to end:
 * the signal is that of the death of who comes after it. */
static void end_with_the_pool(pid_t middle)
{
    struct sigaction action = { .sa_handler = on_pool_gone };

    sigaction(SIGRTMAX, &action, NULL); /* PHP has plans for all below */
    while (getppid() == middle) {
        usleep(100);
    }
    prctl(PR_SET_PDEATHSIG, SIGRTMAX, 0, 0, 0);
}

static void keep_listener(int k)
{
    dup2(state.first + k, STDIN_FILENO);
    for (int i = 0; i < state.n; i++) {
        close(state.first + i);
    }
}

static void fail(int k)
{
    char text[128];

    snprintf(text, sizeof(text), "FAILED %d fork: %s", k, strerror(errno));
    report(text);
}

/* True: this is the process that serves on listener k. */
static bool become(int k)
{
    char text[32];
    pid_t middle, pid;

    setsid();
    middle = getpid();
    pid = fork();
    if (pid != 0) {
        if (pid < 0) {
            fail(k);
        }
        _exit(0);
    }
    end_with_the_pool(middle);
    keep_listener(k);
    snprintf(text, sizeof(text), "READY %d", k);
    report(text);
    state.is_preloader = false;
    return true;
}

static bool fork_for(int k)
{
    pid_t pid = fork();

    if (pid == 0) {
        return become(k);
    }
    if (pid < 0) {
        fail(k);
    } else {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    return false;
}

/* Fork as told. True in each process that serves; false, with errno: a signal
 * has come, and PHP looks what it means. */
static bool serve_forks(void)
{
    char text[64];
    ssize_t len;
    int k;

    if (!state.was_ready) {
        state.was_ready = true;
        report("READY");
    }
    while ((len = recv(state.report, text, sizeof(text) - 1, 0)) > 0) {
        text[len] = '\0';
        if (sscanf(text, "FORK %d", &k) == 1 && k >= 0 && k < state.n &&
            fork_for(k)) {
            return true;
        }
    }
    if (len == 0) {
        exit(0); /* the pool is gone */
    }
    return false;
}

int accept(int fd, struct sockaddr *restrict address,
           socklen_t *restrict address_len)
{
    if (state.is_preloader && fd == STDIN_FILENO && !serve_forks()) {
        return -1;
    }
    /* What a script executes has no business with the connection. */
    state.connection = accept4(fd, address, address_len, SOCK_CLOEXEC);
    return state.connection;
}
