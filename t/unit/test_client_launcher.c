/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_launcher.c - starting and stopping a server program.
 *
 * The program is this one: started with --spawn-server it is a fake server,
 * whose behaviour stands in the word after --ruby.
 */
#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/server.h"
#include "fake_server.h"
#include "leaks.h"
#include "program.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The server program ------------------------------------------------------ */

/* What the program finds, one line each; the test compares. */
static void report(char **argv)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    struct sigaction action;
    sigset_t blocked;
    int n_blocked = 0, n_handled = 0;

    printf("argv");
    for (int i = 1; argv[i] != NULL; i++) {
        printf(" [%s]", argv[i]);
    }
    printf("\nfds");
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(folder)) {
            printf(" %s", entry->d_name);
        }
    }
    closedir(folder);
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

static int server_main(char **argv)
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
    if (strcmp(mode, "ignore-close") == 0 ||
        strcmp(mode, "ignore-all") == 0) {
        signal(SIGTERM, mode[7] == 'a' ? SIG_IGN : SIG_DFL);
        fprintf(stderr, "ready\n");
        for (;;) {
            pause();
        }
    }
    fake_run(3);
    return 0;
}

/* The tests --------------------------------------------------------------- */

static apr_pool_t *pool;
static const char *folder;
static char *log_file;

static void set_up(void)
{
    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    folder = program_scratch();
    log_file = apr_psprintf(pool, "%s/log", folder);
}

static void tear_down(void)
{
    unlink(log_file);
    ck_assert_int_eq(rmdir(folder), 0);
    apr_pool_destroy(pool);
    leaks_end();
    apr_terminate();
}

static struct apppool_server_options options_for(const char *mode)
{
    return (struct apppool_server_options){
        .server_executable = "/proc/self/exe", .spawn_server = "/bin/true",
        .ruby = mode, .log_file = log_file
    };
}

static struct apppool_server *started(const char *mode)
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

static void expect_failure(const struct apppool_server_options *options,
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

static struct apppool_client *connected(struct apppool_server *server)
{
    struct apppool_client *client;

    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
    return client;
}

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static char *read_log(void)
{
    char *text = apr_pcalloc(pool, 4096);
    int fd = open(log_file, O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(read(fd, text, 4095), 0);
    close(fd);
    return text;
}

/* Until the program has written this. */
static char *wait_for_log(const char *words)
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

START_TEST(server_is_started_connected_to_and_shut_down)
{
    struct apppool_server *server = started("serve");
    struct apppool_client *client = connected(server);
    pid_t pid = apppool_server_pid(server), said;

    ck_assert_int_eq(apppool_get_spawn_server_pid(client, &said), 0);
    ck_assert_int_eq(said, pid);
    ck_assert_int_eq(getpgid(pid), pid);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert(!is_alive(pid));
    ck_assert_int_eq(apppool_server_pid(server), 0);
    ck_assert(apppool_client_is_lost(client));
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
}
END_TEST

START_TEST(pool_cleanup_shuts_down)
{
    struct apppool_server_options options = options_for("serve");
    struct apppool_server *server;
    apr_pool_t *own;
    pid_t pid;

    apr_pool_create(&own, pool);
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, own), 0);
    pid = apppool_server_pid(server);
    apr_pool_destroy(own);
    ck_assert(!is_alive(pid));
}
END_TEST

START_TEST(restart_replaces_the_process)
{
    struct apppool_server *server = started("serve");
    struct apppool_client *client = connected(server);
    pid_t pid = apppool_server_pid(server);
    const char *message;

    ck_assert_int_eq(apppool_server_restart(server, &message), 0);
    ck_assert_ptr_null(message);
    ck_assert(!is_alive(pid));
    ck_assert_int_ne(apppool_server_pid(server), pid);
    ck_assert(apppool_client_is_lost(client));
    connected(server);
    ck_assert_int_eq(apppool_server_detach(server), 0);
    ck_assert_int_eq(apppool_server_restart(server, NULL), 0);
    connected(server);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     APPPOOL_EIO);
    ck_assert_int_eq(apppool_server_restart(server, NULL), 0);
    connected(server);
}
END_TEST

START_TEST(detached_starter_still_shuts_down)
{
    struct apppool_server *server = started("serve");
    pid_t pid = apppool_server_pid(server);

    ck_assert_int_eq(apppool_server_detach(server), 0);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert_int_eq(apppool_server_detach(server), 0);
    ck_assert(!is_alive(pid));
}
END_TEST

/* What the server program relies on; see launcher.h. */
START_TEST(program_finds_what_was_promised)
{
    struct apppool_server_options options = options_for("report");
    struct apppool_server *server;
    sigset_t some;
    char *text;
    int high, inherited = open("/dev/null", O_RDONLY);

    setenv("APPPOOL_TEST", "kept", 1);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    high = fcntl(inherited, F_DUPFD, 200);
    options.environment = "";
    options.user = "auto";
    options.runtime_dir = "/run/x y";
    options.admin = 1;
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    text = wait_for_log("stderr kept\n");
    ck_assert_str_eq(text,
                     "argv [--spawn-server] [/bin/true] [--environment] [] "
                     "[--ruby] [report] [--user] [auto] "
                     "[--runtime-dir] [/run/x y] [--admin]\n"
                     "fds 0 1 2 3\n"
                     "blocked 0 handled 0 session 1\n"
                     "stderr kept\n");
    sigprocmask(SIG_BLOCK, NULL, &some);
    ck_assert_int_eq(sigismember(&some, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&some, SIGINT), 0);
    close(high);
    close(inherited);
}
END_TEST

START_TEST(defaults_are_the_originals)
{
    started("report");
    ck_assert_str_eq(wait_for_log("stderr"),
                     "argv [--spawn-server] [/bin/true] "
                     "[--environment] [production] "
                     "[--ruby] [report] [--user] [nobody]\n"
                     "fds 0 1 2 3\n"
                     "blocked 0 handled 0 session 1\n"
                     "stderr -\n");
}
END_TEST

/* Descriptors may be where the child wants to put others. */
START_TEST(standard_descriptors_may_be_closed)
{
    int saved[3];

    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
        close(i);
    }
    for (int round = 0; round < 2; round++) {
        struct apppool_server_options options = options_for("report");
        struct apppool_server *server;

        options.log_file = round == 0 ? log_file : "";
        ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool),
                         0);
        wait_for_log("stderr");
        ck_assert_int_eq(apppool_server_shutdown(server), 0);
    }
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    ck_assert_ptr_nonnull(strstr(read_log(), "fds 0 1 2 3\n"));
}
END_TEST

START_TEST(log_goes_to_our_own_output_or_is_appended)
{
    struct apppool_server_options options = options_for("report");
    struct apppool_server *server;
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    int fd = open(log_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *first, *second;

    options.log_file = NULL;
    dup2(fd, STDERR_FILENO);
    close(fd);
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    first = wait_for_log("stderr");
    dup2(saved, STDERR_FILENO);
    close(saved);
    ck_assert_str_eq(first, "stderr -\n");
    started("report");
    second = wait_for_log("session");
    ck_assert_int_eq(strncmp(second, first, strlen(first)), 0);
}
END_TEST

START_TEST(failures_to_start_name_path_and_reason)
{
    struct apppool_server_options options = options_for("serve");
    char *path = apr_psprintf(pool, "%s/program", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    close(fd);
    options.server_executable = "/nowhere/apppool-server";
    expect_failure(&options, APR_ENOENT,
                   "/nowhere/apppool-server: No such file");
    options.server_executable = "apppool-no-such-program";
    expect_failure(&options, APR_ENOENT, "not found in PATH");
    options.server_executable = folder;
    expect_failure(&options, APR_EACCES, "not a regular file");
    options.server_executable = path;
    expect_failure(&options, APR_EACCES, "Permission denied");
    ck_assert_int_eq(chmod(path, 0757), 0);
    expect_failure(&options, APR_EACCES, "everybody can write it");
    ck_assert_int_eq(chmod(path, 0755), 0);
    options = options_for("serve");
    options.spawn_server = "/nowhere/apppool-spawn";
    expect_failure(&options, APR_ENOENT,
                   "spawn server: /nowhere/apppool-spawn: No such file");
    options = options_for("serve");
    options.log_file = "/nowhere/log";
    expect_failure(&options, APR_ENOENT, "/nowhere/log: No such file");
    options.log_file = folder;
    expect_failure(&options, APR_FROM_OS_ERROR(EISDIR), folder);
    unlink(path);
}
END_TEST

START_TEST(failed_exec_is_told)
{
    struct apppool_server_options options = options_for("serve");
    char *path = apr_psprintf(pool, "%s/program", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    ck_assert_int_eq(write(fd, "#!/nowhere/sh\n", 14), 14);
    close(fd);
    options.server_executable = path;
    expect_failure(&options, APR_ENOENT, path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "no program\n", 11), 11);
    close(fd);
    expect_failure(&options, APR_FROM_OS_ERROR(ENOEXEC), path);
    /* Whoever ignores SIGCHLD has no child to wait for. */
    signal(SIGCHLD, SIG_IGN);
    expect_failure(&options, APR_FROM_OS_ERROR(ENOEXEC), path);
    signal(SIGCHLD, SIG_DFL);
    unlink(path);
}
END_TEST

START_TEST(program_is_found_along_the_path)
{
    struct apppool_server_options options = options_for("serve");
    struct apppool_server *server;
    char *path = apr_psprintf(pool, "%s/program", folder);
    char *search = apr_psprintf(pool, ".::/nowhere:%s:/bin", folder);

    ck_assert_int_eq(symlink("/proc/self/exe", path), 0);
    setenv("PATH", search, 1);
    options.server_executable = "program";
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    connected(server);
    unlink(path);
}
END_TEST

START_TEST(server_that_exits_at_once_is_lost)
{
    struct apppool_server *server = started("exit");
    struct apppool_client *client;

    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     APPPOOL_EIO);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
}
END_TEST

/* httpd's parent reaps all its children by itself. */
START_TEST(server_reaped_by_others_is_no_problem)
{
    struct apppool_server *server = started("exit");
    pid_t pid = apppool_server_pid(server);

    ck_assert_int_eq(waitpid(-1, NULL, 0), pid);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    signal(SIGCHLD, SIG_IGN);
    server = started("serve");
    connected(server);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    signal(SIGCHLD, SIG_DFL);
}
END_TEST

static const struct {
    const char *mode;
    int from_ms, to_ms;
} stubborn[] = {
    { "ignore-close", 4900, 5900 },
    { "ignore-all", 5900, 9000 },
};

START_TEST(stubborn_server_is_terminated_then_killed)
{
    struct apppool_server *server = started(stubborn[_i].mode);
    pid_t pid = apppool_server_pid(server);
    struct timespec from, to;
    long ms;

    wait_for_log("ready");
    clock_gettime(CLOCK_MONOTONIC, &from);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    ck_assert(!is_alive(pid));
    ms = (to.tv_sec - from.tv_sec) * 1000 +
         (to.tv_nsec - from.tv_nsec) / 1000000;
    ck_assert_int_ge(ms, stubborn[_i].from_ms);
    ck_assert_int_lt(ms, stubborn[_i].to_ms);
}
END_TEST

/* The example in the original's documentation. */
START_TEST(start_fork_connect_detach_get_use_exit_wait)
{
    struct apppool_server *server = started("serve");
    pid_t master = apppool_server_pid(server);
    struct apppool_client *client;
    int status;

    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            struct apppool_get_options blog = { .root = "/srv/blog" };
            struct apppool_session *session;
            char bytes[5];

            ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
            ck_assert_int_eq(apppool_server_detach(server), 0);
            ck_assert_int_eq(apppool_get(client, &blog, &session, NULL, pool),
                             0);
            ck_assert_int_eq(write(apppool_session_writer(session), "hello",
                                   5), 5);
            ck_assert_int_eq(apppool_session_close_writer(session), 0);
            ck_assert_int_eq(recv(apppool_session_reader(session), bytes, 5,
                                  MSG_WAITALL), 5);
            apppool_session_close(session, APPPOOL_SESSION_ENDED);
            ck_assert_int_eq(apppool_server_shutdown(server), 0);
            apr_pool_destroy(pool);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        ck_assert(is_alive(master));
    }
    connected(server);
}
END_TEST

START_TEST(state_made_into_a_handle_again_shuts_down)
{
    struct apppool_server *server;
    struct apppool_server_state state;
    apr_pool_t *own;
    pid_t pid;

    apr_pool_create(&own, pool);
    {
        struct apppool_server_options options = options_for("serve");

        ck_assert_int_eq(apppool_server_start(&server, &options, NULL, own),
                         0);
    }
    apppool_server_export(server, &state);
    pid = state.pid;
    apr_pool_destroy(own);
    ck_assert(is_alive(pid));
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
    ck_assert_int_eq(apppool_server_pid(server), pid);
    connected(server);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert(!is_alive(pid));
}
END_TEST

/* fork() in a process with threads that allocate all the time. */
static void *allocate_and_free(void *baton)
{
    volatile int *is_over = baton;

    while (!__atomic_load_n(is_over, __ATOMIC_RELAXED)) {
        free(malloc(100));
    }
    return NULL;
}

START_TEST(threaded_parent_starts_servers)
{
    pthread_t threads[2];
    int is_over = 0;

    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, allocate_and_free, &is_over);
    }
    for (int i = 0; i < 20; i++) {
        struct apppool_server *server = started("serve");

        ck_assert_int_eq(apppool_server_shutdown(server), 0);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("client_launcher");
    TCase *c = program_case(suite, "launcher", set_up, tear_down);

    if (argc > 6 && strcmp(argv[1], "--spawn-server") == 0) {
        return server_main(argv);
    }
    tcase_add_test(c, server_is_started_connected_to_and_shut_down);
    tcase_add_test(c, pool_cleanup_shuts_down);
    tcase_add_test(c, restart_replaces_the_process);
    tcase_add_test(c, detached_starter_still_shuts_down);
    tcase_add_test(c, program_finds_what_was_promised);
    tcase_add_test(c, defaults_are_the_originals);
    tcase_add_test(c, standard_descriptors_may_be_closed);
    tcase_add_test(c, log_goes_to_our_own_output_or_is_appended);
    tcase_add_test(c, failures_to_start_name_path_and_reason);
    tcase_add_test(c, failed_exec_is_told);
    tcase_add_test(c, program_is_found_along_the_path);
    tcase_add_test(c, server_that_exits_at_once_is_lost);
    tcase_add_test(c, server_reaped_by_others_is_no_problem);
    tcase_add_loop_test(c, stubborn_server_is_terminated_then_killed, 0, 2);
    tcase_add_test(c, start_fork_connect_detach_get_use_exit_wait);
    tcase_add_test(c, state_made_into_a_handle_again_shuts_down);
    tcase_add_test(c, threaded_parent_starts_servers);
    return program_run(suite);
}
