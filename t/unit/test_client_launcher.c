/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_launcher.c - a server program is started, and ended.
 */
#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/server.h"
#include "launcher_world.h"
#include "program.h"

#include <apr_general.h>
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
    TCase *c = program_case(suite, "launcher", launcher_world_begin,
                            launcher_world_end);

    if (launched_is(argc, argv)) {
        return launched_main(argv);
    }
    tcase_add_test(c, server_is_started_connected_to_and_shut_down);
    tcase_add_test(c, pool_cleanup_shuts_down);
    tcase_add_test(c, restart_replaces_the_process);
    tcase_add_test(c, detached_starter_still_shuts_down);
    tcase_add_test(c, server_that_exits_at_once_is_lost);
    tcase_add_test(c, server_reaped_by_others_is_no_problem);
    tcase_add_loop_test(c, stubborn_server_is_terminated_then_killed, 0, 2);
    tcase_add_test(c, start_fork_connect_detach_get_use_exit_wait);
    tcase_add_test(c, state_made_into_a_handle_again_shuts_down);
    tcase_add_test(c, threaded_parent_starts_servers);
    return program_run(suite);
}
