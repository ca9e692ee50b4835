/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client.c - connecting, admin operations, closing, against a fake server.
 */
#include "apppool/error.h"
#include "apppool/protocol.h"
#include "client_world.h"
#include "program.h"
#include "socket.h"

#include <apr_general.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct apppool_client *connected(void)
{
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
    return client;
}

/* Connecting -------------------------------------------------------------- */

START_TEST(connecting_says_hello)
{
    client = connected();
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLIENTS), 1);
    ck_assert(!apppool_client_is_lost(client));
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    ck_assert_int_eq(apppool_server_pid(server), 0);
}
END_TEST

START_TEST(connecting_again_makes_another_client)
{
    struct apppool_client *first = connected();
    struct apppool_client *second = connected();

    ck_assert_ptr_ne(first, second);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLIENTS), 2);
    ck_assert_int_eq(apppool_ping(first, APR_USEC_PER_SEC), 0);
    ck_assert_int_eq(apppool_ping(second, APR_USEC_PER_SEC), 0);
}
END_TEST

START_TEST(clients_own_pool_closes_it)
{
    apr_pool_t *own;

    apr_pool_create(&own, pool);
    ck_assert_int_eq(apppool_server_connect(server, &client, own), 0);
    apr_pool_destroy(own);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
}
END_TEST

static const struct {
    enum fake_hello hello;
    apr_status_t status;
} bad_hellos[] = {
    { FAKE_WELCOME_UNSEALED, APPPOOL_EPROTO },
    { FAKE_WELCOME_MANY, APPPOOL_EPROTO },
    { FAKE_HELLO_SILENT, APPPOOL_ETIMEOUT },
    { FAKE_HELLO_CLOSE, APPPOOL_EIO },
    { FAKE_HELLO_REFUSE, APPPOOL_EIO },
    { FAKE_HELLO_GARBAGE, APPPOOL_EPROTO },
    { FAKE_HELLO_PONG, APPPOOL_EPROTO },
};

START_TEST(bad_welcome_is_an_error_and_leaves_nothing)
{
    client = (void *)1;
    fake_set_hello(fake, bad_hellos[_i].hello);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     bad_hellos[_i].status);
    ck_assert_ptr_null(client);
    fake_set_hello(fake, FAKE_WELCOME);
    ck_assert_int_eq(apppool_ping(connected(), APR_USEC_PER_SEC), 0);
}
END_TEST

START_TEST(hello_is_said_again_after_a_reset)
{
    fake_set_hello(fake, FAKE_WELCOME_AFTER_RESET);
    ck_assert_int_eq(apppool_ping(connected(), APR_USEC_PER_SEC), 0);
}
END_TEST

START_TEST(connecting_to_a_server_that_is_gone_fails_at_once)
{
    fake_die(fake);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     APPPOOL_EIO);
}
END_TEST

START_TEST(detaching_ends_connecting_and_nothing_else)
{
    struct apppool_client *before = connected();

    ck_assert_int_eq(apppool_server_detach(server), 0);
    ck_assert_int_eq(apppool_server_detach(server), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     APPPOOL_EDETACHED);
    ck_assert_int_eq(apppool_server_connect_admin(server, &client, pool),
                     APPPOOL_EDETACHED);
    ck_assert_int_eq(apppool_ping(before, APR_USEC_PER_SEC), 0);
}
END_TEST

START_TEST(server_that_was_shut_down_is_no_longer_there)
{
    const char *message = NULL;

    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool),
                     APPPOOL_EIO);
    ck_assert_int_eq(apppool_server_restart(server, &message), APR_EINVAL);
    ck_assert_ptr_nonnull(message);
}
END_TEST

START_TEST(exported_server_belongs_to_the_state)
{
    struct apppool_server_state state;
    apr_pool_t *own;

    apppool_server_export(server, &state);
    apr_pool_create(&own, pool);
    ck_assert_int_eq(apppool_server_import(&server, &state, own), 0);
    apppool_server_export(server, &state);
    ck_assert_int_eq(apppool_server_connect(server, &client, own), 0);
    apr_pool_destroy(own);
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
}
END_TEST

START_TEST(admin_client_comes_through_the_admin_pair_only)
{
    struct apppool_server_state state = { .pid = 0, .rendezvous = -1,
                                          .pidfd = -1 };
    struct apppool_session *session;
    struct apppool_get_options options = { .root = "/srv/a" };

    ck_assert_int_eq(apppool_server_connect_admin(server, &client, pool),
                     APPPOOL_EDENIED);
    apppool_server_export(server, &state);
    state.admin = state.rendezvous;
    state.rendezvous = -1;
    fake_set_hello(fake, FAKE_WELCOME_ADMIN);
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
    ck_assert_int_eq(apppool_server_connect_admin(server, &client, pool), 0);
    ck_assert_int_eq(apppool_clear(client), 0);
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool),
                     APPPOOL_EDENIED);
    ck_assert_int_eq(apppool_client_from_admin(state.admin, &client, pool), 0);
    ck_assert_int_eq(apppool_clear(client), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLEARS), 2);
}
END_TEST

/* Admin operations -------------------------------------------------------- */

START_TEST(numbers_go_out_and_come_in)
{
    unsigned n = 99;
    pid_t pid = 0;

    client = connected();
    ck_assert_int_eq(apppool_set_max(client, 0), APR_EINVAL);
    ck_assert_int_eq(apppool_set_max(client, 17), 0);
    ck_assert_int_eq(apppool_set_max_idle_time(client, 0), 0);
    ck_assert_int_eq(apppool_set_max_idle_time(client, UINT32_MAX), 0);
    ck_assert_int_eq(apppool_clear(client), 0);
    ck_assert_int_eq(apppool_detach_process(client, 4242), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_MAX), 17);
    ck_assert_uint_eq(fake_fact(fake, FAKE_MAX_IDLE), UINT32_MAX);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLEARS), 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_DETACHED_PID), 4242);
    ck_assert_int_eq(apppool_get_active(client, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(apppool_get_count(client, &n), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(apppool_get_spawn_server_pid(client, &pid), 0);
    ck_assert_int_eq(pid, getpid());
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 1);
}
END_TEST

START_TEST(restart_tells_why_it_failed)
{
    const char *message = NULL;

    client = connected();
    ck_assert_int_eq(apppool_restart(client, NULL, &message, pool), 0);
    ck_assert_ptr_null(message);
    ck_assert_int_eq(apppool_restart(client, "/srv/a", NULL, pool), 0);
    ck_assert_int_eq(apppool_restart(client, "/broken", &message, pool),
                     APPPOOL_EFAILED);
    ck_assert_str_eq(message, "SyntaxError, line 3");
    ck_assert_int_eq(apppool_restart(client, "/unknown", &message, pool),
                     APPPOOL_EUNKNOWN);
    ck_assert_str_eq(message, "no such thing");
    ck_assert_int_eq(apppool_restart(client, "/unknown", NULL, pool),
                     APPPOOL_EUNKNOWN);
}
END_TEST

START_TEST(root_over_its_limit_is_not_sent)
{
    const char *message = NULL;
    char root[WIRE_MAX_ROOT + 2];

    client = connected();
    memset(root, 'a', sizeof(root));
    root[sizeof(root) - 1] = '\0';
    ck_assert_int_eq(apppool_restart(client, root, &message, pool),
                     APR_ENAMETOOLONG);
    ck_assert_ptr_nonnull(message);
    root[WIRE_MAX_ROOT] = '\0';
    ck_assert_int_eq(apppool_restart(client, root, &message, pool), 0);
}
END_TEST

START_TEST(status_is_read_whole)
{
    const char *json;
    apr_size_t len;

    client = connected();
    ck_assert_int_eq(apppool_status(client, &json, &len, pool), 0);
    ck_assert_str_eq(json, "{\"fake\":true}");
    ck_assert_uint_eq(len, strlen(json));
    fake_set_admin(fake, FAKE_UNSEALED_TEXT);
    ck_assert_int_eq(apppool_status(client, &json, &len, pool),
                     APPPOOL_EPROTO);
}
END_TEST

START_TEST(denied_is_denied)
{
    const char *text;
    apr_size_t len;
    unsigned n;

    client = connected();
    fake_set_admin(fake, FAKE_DENY);
    ck_assert_int_eq(apppool_clear(client), APPPOOL_EDENIED);
    ck_assert_int_eq(apppool_set_max(client, 3), APPPOOL_EDENIED);
    ck_assert_int_eq(apppool_get_count(client, &n), APPPOOL_EDENIED);
    ck_assert_int_eq(apppool_status(client, &text, &len, pool),
                     APPPOOL_EDENIED);
    ck_assert_int_eq(apppool_restart(client, NULL, &text, pool),
                     APPPOOL_EDENIED);
    ck_assert_str_eq(text, "not you");
}
END_TEST

/* An answer that comes late must not be taken for the next one's. */
START_TEST(silence_is_a_timeout_and_the_next_question_is_clean)
{
    client = connected();
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    fake_set_admin(fake, FAKE_SILENT);
    ck_assert_int_eq(apppool_ping(client, 20000), APPPOOL_ETIMEOUT);
    ck_assert_int_eq(apppool_ping(client, 0), APPPOOL_ETIMEOUT);
    fake_set_admin(fake, FAKE_ANSWER);
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    ck_assert_uint_ge(fake_fact(fake, FAKE_CHANNELS), 2);
}
END_TEST

START_TEST(resets_are_ignored_while_nothing_is_asked)
{
    client = connected();
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
        fake_reset(fake);
        fake_reset(fake);
        ck_assert(!apppool_client_is_lost(client));
    }
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 1);
}
END_TEST

/* Losing ------------------------------------------------------------------ */

START_TEST(lost_server_is_noticed)
{
    unsigned n;

    client = connected();
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    fake_reset(fake); /* unread on both channels */
    fake_die(fake);
    ck_assert(apppool_client_is_lost(client));
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), APPPOOL_EIO);
    ck_assert_int_eq(apppool_get_count(client, &n), APPPOOL_EIO);
}
END_TEST

START_TEST(closed_client_answers_nothing)
{
    client = connected();
    apppool_client_close(client);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
    apppool_client_close(client);
    ck_assert(apppool_client_is_lost(client));
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), APPPOOL_EIO);
}
END_TEST

/* A copy may neither use nor spoil what its parent has. */
START_TEST(client_does_not_work_in_a_forked_copy)
{
    int status;
    pid_t pid;

    client = connected();
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    pid = fork();
    if (pid == 0) {
        int is_right = apppool_ping(client, APR_USEC_PER_SEC) == APPPOOL_EIO &&
                       apppool_clear(client) == APPPOOL_EIO &&
                       apppool_client_is_lost(client);

        apppool_client_close(client);
        apr_pool_destroy(pool);
        _exit(is_right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLIENTS_GONE), 0);
}
END_TEST

START_TEST(forked_copy_connects_for_itself)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        int is_right = apppool_server_connect(server, &client, pool) == 0 &&
                       apppool_server_detach(server) == 0 &&
                       apppool_ping(client, APR_USEC_PER_SEC) == 0;

        apr_pool_destroy(pool);
        _exit(is_right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
    connected();
}
END_TEST

START_TEST(every_error_has_a_sentence)
{
    char text[100], other[100];

    for (apr_status_t rv = APPPOOL_ESPAWN; rv <= APPPOOL_EFAILED; rv++) {
        ck_assert_ptr_eq(apppool_strerror(rv, text, sizeof(text)), text);
        ck_assert_uint_gt(strlen(text), 5);
        apr_strerror(rv, other, sizeof(other));
        ck_assert_str_ne(text, other);
    }
    ck_assert_str_eq(apppool_strerror(APR_ENOENT, text, sizeof(text)),
                     strerror(ENOENT));
    ck_assert_str_eq(apppool_strerror(APPPOOL_EIO, text, 4), "The");
    apppool_strerror(APPPOOL_EIO, text, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *c = program_case(suite, "client", client_world_begin_without_client,
                            client_world_end);

    tcase_add_test(c, connecting_says_hello);
    tcase_add_test(c, connecting_again_makes_another_client);
    tcase_add_test(c, clients_own_pool_closes_it);
    tcase_add_loop_test(c, bad_welcome_is_an_error_and_leaves_nothing, 0,
                        (int)(sizeof(bad_hellos) / sizeof(bad_hellos[0])));
    tcase_add_test(c, hello_is_said_again_after_a_reset);
    tcase_add_test(c, connecting_to_a_server_that_is_gone_fails_at_once);
    tcase_add_test(c, detaching_ends_connecting_and_nothing_else);
    tcase_add_test(c, server_that_was_shut_down_is_no_longer_there);
    tcase_add_test(c, exported_server_belongs_to_the_state);
    tcase_add_test(c, admin_client_comes_through_the_admin_pair_only);
    tcase_add_test(c, numbers_go_out_and_come_in);
    tcase_add_test(c, restart_tells_why_it_failed);
    tcase_add_test(c, root_over_its_limit_is_not_sent);
    tcase_add_test(c, status_is_read_whole);
    tcase_add_test(c, denied_is_denied);
    tcase_add_test(c, silence_is_a_timeout_and_the_next_question_is_clean);
    tcase_add_test(c, resets_are_ignored_while_nothing_is_asked);
    tcase_add_test(c, lost_server_is_noticed);
    tcase_add_test(c, closed_client_answers_nothing);
    tcase_add_test(c, client_does_not_work_in_a_forked_copy);
    tcase_add_test(c, forked_copy_connects_for_itself);
    tcase_add_test(c, every_error_has_a_sentence);
    return program_run(suite);
}
