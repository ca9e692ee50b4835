/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade.c - see upgrade.h.
 */
#include "root_pool.h"
#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "connect.h"
#include "engine_keeper.h"
#include "gate.h"
#include "processes.h"
#include "socket.h"
#include "state.h"
#include "watcher_keeper.h"

#define SELFTEST_TIME (5 * APR_USEC_PER_SEC)
#define MAX_WORDS     64
#define TESTER_FD     3 /* where the tester finds the state */

/* A file as it can be told from its successor. */
struct image {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct upgrade {
    char path[4096];        /* of our executable; "": not known */
    struct image running;   /* what is there for us */
    struct image refused;   /* the last that failed its test */
    struct image candidate; /* under test */
    pid_t tester;           /* 0: none */
    int tester_pidfd;       /* -1: none */
    struct loop_timer *patience; /* with it */
};

static struct image image_of(const struct stat *st)
{
    return (struct image){ .device = st->st_dev, .inode = st->st_ino,
                           .size = st->st_size, .changed = st->st_mtim };
}

static bool is_same(const struct image *a, const struct image *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

/* A package manager puts a new file in the old one's place, and what runs has
 * lost its name: so the name is looked up while it is still right. */
void upgrade_init(struct master *m)
{
    struct upgrade *u = calloc(1, sizeof(*u));
    struct stat st;
    ssize_t n;

    if (u == NULL) {
        abort();
    }
    m->upgrade = u;
    u->tester_pidfd = -1;
    n = readlink("/proc/self/exe", u->path, sizeof(u->path) - 1);
    u->path[n > 0 ? n : 0] = '\0';
    if (stat("/proc/self/exe", &st) == 0) {
        u->running = image_of(&st);
    }
}

/* As the launcher demands it of what it starts. */
static bool is_trusted(const struct master *m, const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == m->uid) &&
           (st->st_mode & S_IWOTH) == 0 &&
           ((st->st_mode & S_IWGRP) == 0 || m->uid != 0 || st->st_gid == 0);
}

static bool find_candidate(struct master *m)
{
    struct upgrade *u = m->upgrade;
    struct stat st;

    if (*u->path == '\0' || stat(u->path, &st) < 0) {
        return false;
    }
    u->candidate = image_of(&st);
    if (is_same(&u->candidate, &u->running) ||
        is_same(&u->candidate, &u->refused)) {
        return false;
    }
    if (!is_trusted(m, &st)) {
        log_error("%s is new, but others than its owner can write it: the "
                  "pool server goes on as it is", u->path);
        u->refused = u->candidate;
        return false;
    }
    return true;
}

/* The words that we were started with, and where the state is. */
static void make_words(const struct master *m, int fd, const char *extra,
                       const char **words)
{
    static char state[32];
    unsigned n = 0;

    for (char **word = m->options.argv; *word != NULL && n < MAX_WORDS - 3;
         word++) {
        if (strncmp(*word, "--resume", 8) != 0) {
            words[n++] = *word;
        }
    }
    snprintf(state, sizeof(state), "--resume=%d", fd);
    words[n++] = state;
    if (extra != NULL) {
        words[n++] = extra;
    }
    words[n] = NULL;
}

static void execute(const struct master *m, int state, const char *extra)
{
    const char *words[MAX_WORDS];

    make_words(m, state, extra, words);
    execv(m->upgrade->path, (char *const *)(uintptr_t)words);
}

/* The test ------------------------------------------------------------------*/

static void on_patience(void *baton)
{
    struct master *m = baton;

    m->upgrade->patience = NULL;
    pidfd_send_signal(m->upgrade->tester_pidfd, SIGKILL, NULL, 0);
}

/* In the child: its word is its exit status. */
static void run_tester(const struct master *m, int state)
{
    int fds[] = { m->null_fd, STDERR_FILENO, STDERR_FILENO, state };

    if (child_keep_descriptors(fds, TESTER_FD + 1) == 0) {
        child_reset_signals();
        execute(m, TESTER_FD, "--selftest");
    }
    _exit(127);
}

static int start_tester(struct master *m)
{
    struct upgrade *u = m->upgrade;
    size_t n;
    int *fds;
    int state;
    int rc = state_save(m, &state, &fds, &n);

    if (rc < 0) {
        return rc;
    }
    free(fds);
    u->tester = fork();
    if (u->tester == 0) {
        run_tester(m, state);
    }
    rc = u->tester < 0 ? -errno : 0;
    fd_close(&state);
    if (rc < 0) {
        u->tester = 0;
        return rc;
    }
    u->tester_pidfd = pidfd_open(u->tester, 0);
    u->patience = loop_timer_add(m->loop, SELFTEST_TIME, on_patience, m);
    return 0;
}

bool upgrade_begin(struct master *m)
{
    int rc;

    if (m->upgrade == NULL) {
        return false;
    }
    if (m->upgrade->tester != 0) {
        return true; /* who asked before has given up */
    }
    if (m->phase != MASTER_RUNNING || !find_candidate(m)) {
        return false;
    }
    rc = start_tester(m);
    if (rc < 0) {
        log_error("the new %s cannot be tried: %s; the pool server goes on as "
                  "it is", m->upgrade->path, strerror(-rc));
    }
    return rc == 0;
}

/* The change ----------------------------------------------------------------*/

static void set_inherited(const int *fds, size_t n, bool inherited)
{
    for (size_t i = 0; i < n; i++) {
        fcntl(fds[i], F_SETFD, inherited ? 0 : FD_CLOEXEC);
    }
}

static void set_all_inherited(const int *fds, size_t n, int state,
                              bool inherited)
{
    const int fixed[] = { MASTER_RENDEZVOUS_FD, MASTER_TOOL_FD, state };

    set_inherited(fds, n, inherited);
    set_inherited(fixed, sizeof(fixed) / sizeof(*fixed), inherited);
}

/* What belongs to the engine goes with it, as after its death. */
static void end_helpers(struct master *m)
{
    if (m->engine_pidfd >= 0) {
        pidfd_send_signal(m->engine_pidfd, SIGKILL, NULL, 0);
    }
    process_cancel_forks(m);
    connect_engine_lost(m);
    watcher_keeper_end(m);
}

/* Returns only where it failed; the engine, dead, comes anew as always. */
static void change(struct master *m)
{
    size_t n = 0;
    int *fds = NULL;
    int state = -1;
    int rc;

    end_helpers(m);
    rc = state_save(m, &state, &fds, &n);
    if (rc == 0) {
        log_notice("%s has changed: the pool server goes on as the new one",
                   m->upgrade->path);
        set_all_inherited(fds, n, state, true);
        execute(m, state, NULL);
        rc = -errno;
        set_all_inherited(fds, n, state, false);
    }
    log_error("%s cannot take over: %s; the pool server goes on as it is",
              m->upgrade->path, strerror(-rc));
    fd_close(&state);
    free(fds);
    watcher_keeper_start(m);
}

bool upgrade_reaped(struct master *m, pid_t pid, int status)
{
    struct upgrade *u = m->upgrade;

    if (u == NULL || u->tester == 0 || pid != u->tester) {
        return false;
    }
    u->tester = 0;
    fd_close(&u->tester_pidfd);
    loop_timer_cancel(&u->patience);
    if (m->phase != MASTER_RUNNING) {
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        change(m);
    } else {
        log_error("%s has changed, but the new one does not understand the "
                  "state of the running pool server (wait status %d), which "
                  "goes on as it is; restart httpd to change over", u->path,
                  status);
    }
    u->refused = u->candidate;
    gate_answer_config(m);
    return true;
}

void upgrade_end(struct master *m)
{
    struct upgrade *u = m->upgrade;

    if (u != NULL) {
        loop_timer_cancel(&u->patience);
        fd_close(&u->tester_pidfd);
        free(u);
        m->upgrade = NULL;
    }
}

/* The next image ------------------------------------------------------------*/

static int load(struct master *m, int **fds_r, size_t *n_r)
{
    const char *why = NULL;
    int rc = state_load(m, m->options.resume, fds_r, n_r, &why);

    if (rc < 0) {
        log_error("the state of the pool server before is not understood: %s",
                  why != NULL ? why : strerror(-rc));
    }
    return rc;
}

int upgrade_resume(struct master *m)
{
    size_t n = 0;
    int *fds = NULL;
    int rc = load(m, &fds, &n);

    close(m->options.resume);
    set_inherited(fds, n, false);
    free(fds);
    return rc;
}

int upgrade_selftest(const struct master_options *options)
{
    apr_pool_t *p;
    struct master *m;
    size_t n;
    int *fds;

    p = memory_root();
    m = master_new(options, p);
    return m == NULL || load(m, &fds, &n) < 0;
}
