/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher_world.c - see launcher_world.h.
 */
#include "launcher_world.h"
#include "fake_server.h"
#include "leaks.h"
#include "program.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What the program finds, one line each; the test compares. */
static void report(char **argv)
{
    DIR *descriptors = opendir("/proc/self/fd");
    struct dirent *entry;
    struct sigaction action;
    sigset_t blocked;
    int n_blocked = 0, n_handled = 0;

    printf("argv");
    for (int i = 1; argv[i] != NULL; i++) {
        printf(" [%s]", argv[i]);
    }
    printf("\nfds");
    while ((entry = readdir(descriptors)) != NULL) {
        if (entry->d_name[0] != '.' &&
            atoi(entry->d_name) != dirfd(descriptors)) {
            printf(" %s", entry->d_name);
        }
    }
    closedir(descriptors);
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int i = 1; i < SIGRTMAX; i++) {
        n_blocked += sigismember(&blocked, i) == 1;
        /* The sanitizers handle these, in their own processes, too. */
        if (i != SIGSEGV && i != SIGBUS && i != SIGFPE &&
            sigaction(i, NULL, &action) == 0) {
            n_handled += action.sa_handler != SIG_DFL;
        }
    }
    printf("\nblocked %d handled %d session %d\n", n_blocked, n_handled,
           getsid(0) == getpid());
    fflush(stdout);
    fprintf(stderr, "stderr %s\n", getenv("APPPOOL_TEST") ?: "-");
}

static void wait_for_the_end_of_the_rendezvous(void)
{
    struct pollfd poller = { .fd = 3 };

    while ((poller.revents & POLLHUP) == 0) {
        poll(&poller, 1, -1);
    }
}

bool launched_is(int argc, char **argv)
{
    return argc > 6 && strcmp(argv[1], "--spawn-server") == 0;
}

int launched_main(char **argv)
{
    const char *mode = argv[6];

    if (strcmp(mode, "exit") == 0) {
        return 7;
    }
    if (strcmp(mode, "report") == 0) {
        report(argv);
        wait_for_the_end_of_the_rendezvous();
        return 0;
    }
    if (strcmp(mode, "ignore-close") == 0 || strcmp(mode, "ignore-all") == 0) {
        signal(SIGTERM, mode[7] == 'a' ? SIG_IGN : SIG_DFL);
        fprintf(stderr, "ready\n");
        for (;;) {
            pause();
        }
    }
    fake_run(3);
    return 0;
}

apr_pool_t *pool;
const char *folder;
char *log_file;

void launcher_world_begin(void)
{
    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    folder = program_scratch();
    log_file = apr_psprintf(pool, "%s/log", folder);
}

void launcher_world_end(void)
{
    unlink(log_file);
    ck_assert_int_eq(rmdir(folder), 0);
    apr_pool_destroy(pool);
    leaks_end();
    apr_terminate();
}

struct apppool_server_options options_for(const char *mode)
{
    return (struct apppool_server_options){.server_executable =
                                               "/proc/self/exe",
                                           .spawn_server = "/bin/true",
                                           .ruby = mode,
                                           .log_file = log_file};
}

struct apppool_server *started(const char *mode)
{
    struct apppool_server_options options = options_for(mode);
    struct apppool_server *server;
    const char *message = NULL;
    apr_status_t rv = apppool_server_start(&server, &options, &message, pool);

    ck_assert_msg(rv == APR_SUCCESS, "%s", message);
    ck_assert_ptr_null(message);
    ck_assert_int_gt(apppool_server_pid(server), 0);
    return server;
}

void expect_failure(const struct apppool_server_options *options,
                    apr_status_t status, const char *words)
{
    struct apppool_server *server = (void *)1;
    const char *message = NULL;
    unsigned before = leaks_count_fds();

    ck_assert_int_eq(apppool_server_start(&server, options, &message, pool),
                     status);
    ck_assert_ptr_null(server);
    ck_assert_msg(strstr(message, words) != NULL, "%s", message);
    ck_assert_uint_eq(leaks_count_fds(), before);
    ck_assert_int_eq(apppool_server_start(&server, options, NULL, pool),
                     status);
}

struct apppool_client *connected(struct apppool_server *server)
{
    struct apppool_client *client;

    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
    return client;
}

bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

char *read_log(void)
{
    char *text = apr_pcalloc(pool, 4096);
    int fd = open(log_file, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(read(fd, text, 4095), 0);
    close(fd);
    return text;
}

/* Until the program has written this. */
char *wait_for_log(const char *words)
{
    const struct timespec moment = { .tv_nsec = 2000000 };

    for (int i = 0; i < 10000; i++) {
        char *text = read_log();

        if (strstr(text, words) != NULL) {
            return text;
        }
        nanosleep(&moment, NULL); /* a file cannot be waited for otherwise */
    }
    ck_abort_msg("never in the log: %s", words);
}
