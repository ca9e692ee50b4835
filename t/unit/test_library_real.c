/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_library_real.c - the library with the real pool server and WSGI loader.
 *
 * The programs are taken from $APPPOOL_STAGE, where `make check` has installed
 * them, else from where they are installed.
 */
#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/protocol.h"
#include "apppool/server.h"
#include "leaks.h"
#include "program.h"
#include "real_app.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static apr_pool_t *pool;
static const char *folder;
static struct apppool_server *server;
static struct apppool_client *client;

/* The application's side -------------------------------------------------- */

static char *in_folder(const char *name)
{
    return apr_psprintf(pool, "%s/%s", folder, name);
}

static char *make_app(const char *name, const char *code)
{
    return real_app(pool, folder, name, code);
}

/* Fixture ----------------------------------------------------------------- */

static char *read_log(void)
{
    char *text = apr_pcalloc(pool, 65536);
    int fd = open(in_folder("log"), O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ck_assert_int_ge(read(fd, text, 65535), 0);
        close(fd);
    }
    return text;
}

static void set_up(void)
{
    struct apppool_server_options o;
    const char *message = NULL;

    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    folder = program_scratch();
    o = real_options(pool, folder);
    ck_assert_msg(apppool_server_start(&server, &o, &message, pool) == 0,
                  "%s", message);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
}

static void tear_down(void)
{
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    apr_pool_destroy(pool);
    leaks_end();
    apr_terminate();
}

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0;
}

static void pause_a_moment(void)
{
    poll(NULL, 0, 5); /* between two looks at what cannot be waited for */
}

/* For the message of a test that fails. */
static const char *told(void)
{
    const char *json = "(no status)";
    apr_size_t len;

    apppool_status(client, &json, &len, pool);
    return apr_psprintf(pool, "%s\n%s", json, read_log());
}

static void wait_until_gone(pid_t pid)
{
    const int64_t end = real_now_ms() + REAL_PATIENCE_MS;

    while (is_alive(pid)) {
        ck_assert_msg(real_now_ms() < end, "%ld never ended; %s", (long)pid,
                      told());
        pause_a_moment();
    }
}

static unsigned number(apr_status_t (*get)(struct apppool_client *, unsigned *))
{
    unsigned n = 0;

    ck_assert_int_eq(get(client, &n), 0);
    return n;
}

static void wait_for_number(apr_status_t (*get)(struct apppool_client *,
                                                unsigned *), unsigned value)
{
    const int64_t end = real_now_ms() + REAL_PATIENCE_MS;

    while (number(get) != value) {
        ck_assert_msg(real_now_ms() < end, "%u instead of %u; %s", number(get),
                      value, told());
        pause_a_moment();
    }
}

/* Requests ---------------------------------------------------------------- */

static struct apppool_session *got_from(struct apppool_client *from,
                                        const char *root, apr_pool_t *p)
{
    struct apppool_get_options o = { .root = root,
                                     .timeout = REAL_PATIENCE_MS * 1000 };
    struct apppool_session *session;
    struct apppool_failure failure;

    ck_assert_msg(apppool_get(from, &o, &session, &failure, p) == 0,
                  "%s\n%s", failure.message, read_log());
    return session;
}

static struct apppool_session *got(const char *root)
{
    return got_from(client, root, pool);
}

static const char *ask(const struct apppool_session *session, const char *path)
{
    return real_ask(session, path);
}

/* One request from get to close; the answer is checked. */
static pid_t use(const char *root, const char *version)
{
    struct apppool_session *session = got(root);
    pid_t pid = apppool_session_pid(session);

    ck_assert_str_eq(ask(session, "/a"),
                     apr_psprintf(pool, "/a %ld %s", (long)pid, version));
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    return pid;
}

/* Tests ------------------------------------------------------------------- */

START_TEST(application_answers_and_its_process_is_kept)
{
    const char *root = make_app("blog", real_good_app);
    pid_t pid = use(root, "one");
    struct apppool_session *session;

    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(use(root, "one"), pid);
    }
    session = got(root);
    ck_assert(apppool_session_is_reused(session));
    ck_assert_int_eq(apppool_session_protocol(session), APPPOOL_SCGI);
    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    ck_assert_int_eq(use(root, "one"), pid);
    ck_assert_uint_eq(number(apppool_get_count), 1);
    session = got(root);
    apppool_session_close(session, APPPOOL_SESSION_BROKEN);
    use(root, "one"); /* by another process, while that one is not clean */
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    wait_until_gone(pid);
}
END_TEST

/* The example in the original's documentation. */
START_TEST(start_fork_connect_detach_get_use_exit_wait)
{
    const char *root = make_app("blog", real_good_app);

    for (int i = 0; i < 3; i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            struct apppool_client *own;
            struct apppool_session *session;

            ck_assert_int_eq(apppool_server_connect(server, &own, pool), 0);
            ck_assert_int_eq(apppool_server_detach(server), 0);
            session = got_from(own, root, pool);
            ck_assert_int_eq(strncmp(ask(session, "/child"), "/child ", 7), 0);
            apppool_session_close(session, APPPOOL_SESSION_KEPT);
            apr_pool_destroy(pool);
            _exit(0);
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    use(root, "one");
    ck_assert_uint_eq(number(apppool_get_count), 1);
}
END_TEST

START_TEST(numbers_are_right)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_session *session;
    pid_t pid;

    ck_assert_uint_eq(number(apppool_get_count), 0);
    ck_assert_uint_eq(number(apppool_get_active), 0);
    ck_assert_int_eq(apppool_get_spawn_server_pid(client, &pid), 0);
    ck_assert_int_eq(pid, apppool_server_pid(server));
    session = got(root);
    ck_assert_uint_eq(number(apppool_get_count), 1);
    ck_assert_uint_eq(number(apppool_get_active), 1);
    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    ck_assert_uint_eq(number(apppool_get_active), 0);
    ck_assert_uint_eq(number(apppool_get_count), 1);
    ck_assert_int_eq(apppool_ping(client, REAL_PATIENCE_MS * 1000), 0);
}
END_TEST

START_TEST(clear_ends_idle_processes_now_and_others_later)
{
    const char *idle_root = make_app("idle", real_good_app);
    const char *busy_root = make_app("busy", real_good_app);
    pid_t idle_pid = use(idle_root, "one");
    struct apppool_session *session = got(busy_root);
    pid_t busy_pid = apppool_session_pid(session);

    ck_assert_int_eq(apppool_clear(client), 0);
    wait_until_gone(idle_pid);
    ck_assert(is_alive(busy_pid));
    ck_assert_int_eq(strncmp(ask(session, "/b"), "/b ", 3), 0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    wait_until_gone(busy_pid);
    wait_for_number(apppool_get_count, 0);
    ck_assert_int_ne(use(idle_root, "one"), idle_pid);
}
END_TEST

START_TEST(set_max_ends_what_is_over_it)
{
    const char *a = make_app("a", real_good_app);
    const char *b = make_app("b", real_good_app);
    struct apppool_session *session = got(a), *second;
    struct apppool_get_options quick = { .root = b, .timeout = 100000 };

    use(b, "one");
    wait_for_number(apppool_get_count, 2);
    ck_assert_int_eq(apppool_set_max(client, 1), 0);
    wait_for_number(apppool_get_count, 1);
    ck_assert_int_eq(strncmp(ask(session, "/x"), "/x ", 3), 0);
    ck_assert_int_eq(apppool_get(client, &quick, &second, NULL, pool),
                     APPPOOL_ETIMEOUT);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    use(b, "one");
    use(a, "one");
    ck_assert_uint_le(number(apppool_get_count), 1);
}
END_TEST

/* One of each application stays: PoolMinInstances. */
START_TEST(idle_processes_end_after_their_time)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_session *first = got(root), *second = got(root);

    ck_assert_int_ne(apppool_session_pid(first), apppool_session_pid(second));
    apppool_session_close(first, APPPOOL_SESSION_KEPT);
    apppool_session_close(second, APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(number(apppool_get_count), 2);
    ck_assert_int_eq(apppool_set_max_idle_time(client, 1), 0);
    wait_for_number(apppool_get_count, 0);
}
END_TEST

START_TEST(failed_start_has_the_applications_own_words)
{
    const char *root = make_app("broken", "raise RuntimeError('my fault')\n");
    struct apppool_get_options o = { .root = root };
    struct apppool_session *session;
    struct apppool_failure failure;
    apr_status_t rv = apppool_get(client, &o, &session, &failure, pool);

    ck_assert_msg(rv == APPPOOL_ESPAWN, "%d %s", rv, failure.message);
    ck_assert_msg(strstr(failure.message, "my fault") != NULL, "%s",
                  failure.message);
    wait_for_number(apppool_get_count, 0);
    use(make_app("good", real_good_app), "one");
}
END_TEST

START_TEST(root_that_is_none_is_an_error)
{
    static const char *const roots[] = { "/nowhere/at/all", "", "relative",
                                         "/dev/null", "/proc/self/fd" };

    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        struct apppool_get_options o = { .root = roots[i] };
        struct apppool_session *session;
        struct apppool_failure failure;

        ck_assert_int_ne(apppool_get(client, &o, &session, &failure, pool), 0);
        ck_assert_ptr_null(session);
        ck_assert_uint_gt(strlen(failure.message), 0);
    }
    use(make_app("good", real_good_app), "one");
}
END_TEST

START_TEST(restart_serves_new_code_and_a_broken_one_leaves_the_old)
{
    const char *root = make_app("blog", real_good_app);
    char *code = apr_pstrcat(pool, root, "/passenger_wsgi.py", NULL);
    const char *message = NULL;
    pid_t old = use(root, "one");

    real_write(code, apr_pstrcat(pool, real_good_app, "VERSION = b'two'\n",
                                 NULL));
    ck_assert_int_eq(apppool_restart(client, root, &message, pool), 0);
    ck_assert_int_ne(use(root, "two"), old);
    wait_until_gone(old);
    real_write(code, "raise RuntimeError('no good')\n");
    ck_assert_int_eq(apppool_restart(client, root, &message, pool),
                     APPPOOL_EFAILED);
    ck_assert_msg(strstr(message, "no good") != NULL, "%s", message);
    use(root, "two");
    ck_assert_int_eq(apppool_restart(client, "/nowhere", &message, pool),
                     APPPOOL_EUNKNOWN);
}
END_TEST

START_TEST(detached_process_ends_when_it_is_free)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_session *session = got(root);
    pid_t pid = apppool_session_pid(session);

    ck_assert_int_eq(apppool_detach_process(client, pid), 0);
    ck_assert_int_eq(strncmp(ask(session, "/d"), "/d ", 3), 0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    wait_until_gone(pid);
    ck_assert_int_ne(use(root, "one"), pid);
    ck_assert_int_ne(apppool_detach_process(client, 1), 0);
}
END_TEST

START_TEST(status_names_root_and_process)
{
    const char *root = make_app("blog", real_good_app);
    pid_t pid = use(root, "one");
    const char *json;
    apr_size_t len;

    ck_assert_int_eq(apppool_status(client, &json, &len, pool), 0);
    ck_assert_uint_eq(strlen(json), len);
    ck_assert_msg(strstr(json, root) != NULL, "%s", json);
    ck_assert_msg(strstr(json, apr_psprintf(pool, "%ld", (long)pid)) != NULL,
                  "%s", json);
}
END_TEST

START_TEST(session_outlives_its_client)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_client *own;
    struct apppool_session *session;
    apr_pool_t *clients_pool;

    apr_pool_create(&clients_pool, pool);
    ck_assert_int_eq(apppool_server_connect(server, &own, clients_pool), 0);
    session = got_from(own, root, pool);
    apr_pool_destroy(clients_pool);
    use(root, "one"); /* while it is held: a second process */
    ck_assert_int_eq(strncmp(ask(session, "/late"), "/late ", 6), 0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    wait_for_number(apppool_get_active, 0);
}
END_TEST

/* What a client held comes back, however it ends. */
START_TEST(dead_clients_sessions_are_free_again)
{
    const char *root = make_app("blog", real_good_app);
    int ready[2];
    char byte;
    pid_t child;

    use(root, "one");
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    child = fork();
    if (child == 0) {
        struct apppool_client *own;

        ck_assert_int_eq(apppool_server_connect(server, &own, pool), 0);
        ck_assert_int_eq(apppool_server_detach(server), 0);
        ask(got_from(own, root, pool), "/killed");
        ck_assert_int_eq(write(ready[1], "x", 1), 1);
        for (;;) {
            pause();
        }
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_uint_eq(number(apppool_get_active), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    wait_for_number(apppool_get_active, 0);
    use(root, "one");
}
END_TEST

struct worker {
    pthread_t thread;
    const char *root;
    unsigned n_right;
};

static void *work(void *baton)
{
    struct worker *worker = baton;
    apr_pool_t *own;

    apr_pool_create(&own, NULL);
    for (unsigned i = 0; i < 100; i++) {
        struct apppool_session *session = got_from(client, worker->root, own);
        const char *answer = ask(session, "/t");

        worker->n_right += strtol(answer + 3, NULL, 10) ==
                           apppool_session_pid(session);
        apppool_session_close(session, i % 10 == 9 ? APPPOOL_SESSION_ENDED
                                                   : APPPOOL_SESSION_KEPT);
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return NULL;
}

static void work_in_threads(const char *const roots[], int n_roots)
{
    enum { WORKERS = 9 };
    struct worker workers[WORKERS] = { 0 };

    for (int i = 0; i < WORKERS; i++) {
        workers[i].root = roots[i % n_roots];
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work,
                                        &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        ck_assert_uint_eq(workers[i].n_right, 100);
    }
}

START_TEST(threads_share_client_and_processes)
{
    const char *roots[] = { make_app("a", real_good_app),
                            make_app("b", real_good_app),
                            make_app("c", real_good_app) };

    ck_assert_int_eq(apppool_set_max(client, 2), 0);
    work_in_threads(roots, 3);
    ck_assert_uint_le(number(apppool_get_count), 2);
    wait_for_number(apppool_get_active, 0);
}
END_TEST

/* Sessions go on, waiting ones are asked for again, nothing is lost. */
START_TEST(death_of_the_engine_is_not_noticed)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_session *session = got(root);
    pid_t pid = apppool_session_pid(session);
    pid_t engine = real_engine(apppool_server_pid(server));

    ck_assert_int_eq(kill(engine, SIGKILL), 0);
    ck_assert_int_eq(strncmp(ask(session, "/e"), "/e ", 3), 0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    ck_assert_int_eq(use(root, "one"), pid);
    ck_assert_int_ne(real_engine(apppool_server_pid(server)), engine);
    wait_for_number(apppool_get_active, 0);
    ck_assert_uint_eq(number(apppool_get_count), 1);
}
END_TEST

START_TEST(a_limit_that_was_set_outlives_the_engine)
{
    const char *root = make_app("a", real_good_app);
    struct apppool_get_options quick = { .root = root, .timeout = 300000 };
    struct apppool_session *session, *second;
    pid_t engine = real_engine(apppool_server_pid(server));

    ck_assert_int_eq(apppool_set_max(client, 1), 0);
    ck_assert_int_eq(kill(engine, SIGKILL), 0);
    wait_until_gone(engine);
    session = got(root);
    ck_assert_int_eq(apppool_get(client, &quick, &second, NULL, pool),
                     APPPOOL_ETIMEOUT);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}
END_TEST

static void *kill_engines(void *baton)
{
    (void)baton;
    for (int i = 0; i < 2; i++) {
        kill(real_engine(apppool_server_pid(server)), SIGKILL);
        poll(NULL, 0, 150);
    }
    return NULL;
}

START_TEST(engines_die_under_load_and_no_request_fails)
{
    const char *roots[] = { make_app("a", real_good_app),
                            make_app("b", real_good_app) };
    pthread_t killer;

    ck_assert_int_eq(pthread_create(&killer, NULL, kill_engines, NULL), 0);
    work_in_threads(roots, 2);
    pthread_join(killer, NULL);
    wait_for_number(apppool_get_active, 0);
    ck_assert_uint_le(number(apppool_get_count), 6);
}
END_TEST

START_TEST(waiting_ends_when_the_server_does)
{
    const char *root = make_app("blog", real_good_app);
    struct apppool_session *session = got(root);
    pid_t pid = apppool_session_pid(session);
    struct apppool_get_options o = { .root = root };
    struct apppool_session *second;

    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert_int_ne(apppool_get(client, &o, &second, NULL, pool), 0);
    ck_assert(apppool_client_is_lost(client));
    apppool_session_close(session, APPPOOL_SESSION_BROKEN);
    wait_until_gone(pid);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("library_real");
    TCase *c = program_case(suite, "real", set_up, tear_down);

    tcase_add_test(c, application_answers_and_its_process_is_kept);
    tcase_add_test(c, start_fork_connect_detach_get_use_exit_wait);
    tcase_add_test(c, numbers_are_right);
    tcase_add_test(c, clear_ends_idle_processes_now_and_others_later);
    tcase_add_test(c, set_max_ends_what_is_over_it);
    tcase_add_test(c, idle_processes_end_after_their_time);
    tcase_add_test(c, failed_start_has_the_applications_own_words);
    tcase_add_test(c, root_that_is_none_is_an_error);
    tcase_add_test(c, restart_serves_new_code_and_a_broken_one_leaves_the_old);
    tcase_add_test(c, detached_process_ends_when_it_is_free);
    tcase_add_test(c, status_names_root_and_process);
    tcase_add_test(c, session_outlives_its_client);
    tcase_add_test(c, dead_clients_sessions_are_free_again);
    tcase_add_test(c, threads_share_client_and_processes);
    tcase_add_test(c, death_of_the_engine_is_not_noticed);
    tcase_add_test(c, a_limit_that_was_set_outlives_the_engine);
    tcase_add_test(c, engines_die_under_load_and_no_request_fails);
    tcase_add_test(c, waiting_ends_when_the_server_does);
    return program_run(suite);
}
