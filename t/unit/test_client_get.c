/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_get.c - sessions: got, used, closed, refused.
 */
#include "apppool/error.h"
#include "apppool/protocol.h"
#include "client_world.h"
#include "program.h"

#include <apr_general.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Sessions ---------------------------------------------------------------- */

START_TEST(session_leads_to_the_application)
{
    struct apppool_session *session = got();

    expect_echo(session);
    ck_assert_int_eq(apppool_session_pid(session), 1000);
    ck_assert_int_eq(apppool_session_protocol(session), APPPOOL_SCGI);
    ck_assert_int_eq(apppool_session_queue_time(session), 2000);
    ck_assert_int_eq(apppool_session_spawn_time(session), 1000);
    ck_assert(!apppool_session_is_reused(session));
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_RETURNS, 1);
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

START_TEST(what_was_asked_for_arrives)
{
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .keep_privilege = 1,
                                           .age = 3000000 };
    struct apppool_session *session;

    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_LAST_LOWER), 0);
    ck_assert_uint_ge(fake_fact(fake, FAKE_LAST_AGE_MS), 3000);
    ck_assert_uint_lt(fake_fact(fake, FAKE_LAST_AGE_MS), 9000);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    options = (struct apppool_get_options){ .app = 17 };
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_LAST_APP), 17);
    ck_assert_uint_eq(fake_fact(fake, FAKE_LAST_LOWER), 99); /* not said */
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}
END_TEST

START_TEST(nonsense_is_not_asked_for)
{
    struct apppool_get_options options = { .app = 0 };
    struct apppool_session *session;
    struct apppool_failure failure;
    char root[WIRE_MAX_ROOT + 2];

    ck_assert_int_eq(apppool_get(client, &options, &session, &failure, pool),
                     APR_EINVAL);
    ck_assert_ptr_nonnull(failure.message);
    memset(root, 'a', sizeof(root));
    root[sizeof(root) - 1] = '\0';
    options.root = root;
    ck_assert_int_eq(apppool_get(client, &options, &session, &failure, pool),
                     APR_ENAMETOOLONG);
    ck_assert_uint_eq(fake_fact(fake, FAKE_GETS), 0);
    root[WIRE_MAX_ROOT] = '\0';
    ck_assert_int_eq(apppool_get(client, &options, &session, &failure, pool),
                     0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}
END_TEST

START_TEST(kept_connection_comes_back)
{
    struct apppool_session *session = got();
    apr_uint64_t id = apppool_session_id(session);

    for (int i = 0; i < 20; i++) {
        apppool_session_close(session, APPPOOL_SESSION_KEPT);
        session = got();
        ck_assert(apppool_session_is_reused(session));
        ck_assert_uint_gt(apppool_session_id(session), id);
        id = apppool_session_id(session);
        expect_echo(session);
    }
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CONNECTIONS), 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_SHUT), 0);
}
END_TEST

START_TEST(ended_and_broken_connections_are_shut_down_and_replaced)
{
    struct apppool_session *session = got();
    int copy = dup(apppool_session_reader(session)); /* as the master has */

    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    fake_wait(fake, FAKE_ENDED, 1);
    fake_wait(fake, FAKE_SHUT, 1);
    close(copy);
    session = got();
    ck_assert(!apppool_session_is_reused(session));
    copy = dup(apppool_session_reader(session));
    apppool_session_close(session, APPPOOL_SESSION_BROKEN);
    fake_wait(fake, FAKE_CLOSED, 1);
    fake_wait(fake, FAKE_SHUT, 2);
    close(copy);
    apppool_session_close(NULL, APPPOOL_SESSION_BROKEN);
    ck_assert_uint_eq(fake_fact(fake, FAKE_RETURNS), 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

START_TEST(half_closed_session_is_not_kept)
{
    struct apppool_session *session = got();
    char byte;

    ck_assert_int_eq(apppool_session_close_writer(session), 0);
    ck_assert_int_eq(apppool_session_close_writer(session), 0);
    ck_assert_int_eq(apppool_session_writer(session), -1);
    ck_assert_int_eq(read(apppool_session_reader(session), &byte, 1), 0);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_ENDED, 1);
    session = got();
    ck_assert(!apppool_session_is_reused(session));
    ck_assert_int_eq(apppool_session_close_reader(session), 0);
    ck_assert_int_eq(apppool_session_close_writer(session), 0);
    ck_assert_int_eq(apppool_session_reader(session), -1);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_ENDED, 2);
}
END_TEST

START_TEST(pool_closes_a_forgotten_session_as_broken)
{
    struct apppool_session *session;
    apr_pool_t *request;

    apr_pool_create(&request, pool);
    ck_assert_int_eq(apppool_get(client, &blog, &session, NULL, request), 0);
    apr_pool_destroy(request);
    fake_wait(fake, FAKE_CLOSED, 1);
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

/* The original's clients could hold one, or deadlock. */
START_TEST(sessions_are_closed_in_any_order)
{
    struct apppool_session *sessions[FAKE_SLOTS];

    for (int round = 0; round < FAKE_SLOTS; round++) {
        for (int i = 0; i < FAKE_SLOTS; i++) {
            sessions[i] = got();
        }
        ck_assert_uint_eq(fake_lent(fake), FAKE_SLOTS);
        for (int i = 0; i < FAKE_SLOTS; i++) {
            int k = (i * 3 + round) % FAKE_SLOTS;

            expect_echo(sessions[k]);
            apppool_session_close(sessions[k], (k + round) % 3 == 0
                                                   ? APPPOOL_SESSION_BROKEN
                                                   : APPPOOL_SESSION_KEPT);
        }
        fake_wait(fake, FAKE_RETURNS, 1);
    }
    ck_assert_uint_eq(fake_lent(fake), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
}
END_TEST

START_TEST(session_outlives_its_client)
{
    struct apppool_session *session, *second;
    struct apppool_client *own;
    apr_pool_t *clients_pool;

    apr_pool_create(&clients_pool, pool);
    ck_assert_int_eq(apppool_server_connect(server, &own, clients_pool), 0);
    ck_assert_int_eq(apppool_get(own, &blog, &session, NULL, pool), 0);
    ck_assert_int_eq(apppool_get(own, &blog, &second, NULL, pool), 0);
    apr_pool_destroy(clients_pool);
    expect_echo(session);
    expect_echo(second);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_RETURNS, 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLIENTS_GONE), 0);
    apppool_session_close(second, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
}
END_TEST

START_TEST(client_outlives_its_sessions_and_closes_before_them)
{
    struct apppool_session *session = got();

    apppool_client_close(client);
    expect_get(APPPOOL_EIO);
    expect_echo(session);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
}
END_TEST

START_TEST(session_goes_on_after_detaching_and_the_servers_death)
{
    struct apppool_session *session = got();
    struct apppool_session *second = got();

    ck_assert_int_eq(apppool_server_detach(server), 0);
    expect_echo(session);
    fake_die(fake);
    ck_assert(apppool_client_is_lost(client));
    expect_get(APPPOOL_EIO);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    apppool_session_close(second, APPPOOL_SESSION_BROKEN);
}
END_TEST

/* The copy's end of a session must not end the owner's. */
START_TEST(forked_copy_of_a_session_only_closes)
{
    struct apppool_session *session = got();
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        apppool_session_close(session, APPPOOL_SESSION_BROKEN);
        apr_pool_destroy(pool);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    expect_echo(session);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_RETURNS, 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLOSED), 0);
}
END_TEST

/* A session closed after its connection was revoked must not release what the
 * slot was lent for since. */
START_TEST(revoked_session_does_not_disturb_its_successor)
{
    struct apppool_session *old = got();
    struct apppool_session *next;

    fake_revoke(fake);
    next = got();
    ck_assert(!apppool_session_is_reused(next));
    apppool_session_close(old, APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_lent(fake), 1);
    expect_echo(next);
    apppool_session_close(next, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_RETURNS, 1);
    next = got();
    ck_assert(apppool_session_is_reused(next));
    expect_echo(next);
    apppool_session_close(next, APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
}
END_TEST

START_TEST(lease_is_left_on_the_board_and_claimed_without_a_message)
{
    struct apppool_session *session;

    fake_set_get(fake, FAKE_OFFER);
    session = got();
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_lent(fake), 1);
    fake_set_get(fake, FAKE_REFUSE); /* whoever asks now gets nothing */
    session = got();
    ck_assert(apppool_session_is_reused(session));
    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    fake_wait(fake, FAKE_ENDED, 1);
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

/* Refusals ---------------------------------------------------------------- */

static const struct {
    unsigned wire;
    apr_status_t status;
} refusals[] = {
    { STATUS_SPAWN_FAILED, APPPOOL_ESPAWN },
    { STATUS_BUSY, APPPOOL_EBUSY },
    { STATUS_TIMEOUT, APPPOOL_ETIMEOUT },
    { STATUS_UNKNOWN_APP, APPPOOL_EUNKNOWN },
    { STATUS_DENIED, APPPOOL_EDENIED },
    { STATUS_BAD_MESSAGE, APPPOOL_EPROTO },
    { STATUS_STOPPING, APPPOOL_EIO },
    { STATUS_FAILED, APPPOOL_EFAILED },
    { STATUS_OK, APPPOOL_EPROTO },
    { 4711, APPPOOL_EPROTO },
};

START_TEST(refusal_has_words_and_the_next_get_works)
{
    struct apppool_session *session;
    struct apppool_failure failure;

    fake_refuse(fake, refusals[_i].wire, "because", "<p>Because");
    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool),
                     refusals[_i].status);
    ck_assert_str_eq(failure.message, "because");
    ck_assert_str_eq(failure.page, "<p>Because");
    ck_assert_uint_eq(failure.retry_after_s, 7);
    ck_assert_int_eq(apppool_get(client, &blog, &session, NULL, pool),
                     refusals[_i].status);
    fake_refuse(fake, refusals[_i].wire, "", NULL);
    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool),
                     refusals[_i].status);
    ck_assert_str_eq(failure.message, "");
    ck_assert_ptr_null(failure.page);
    fake_release(fake);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 1);
}
END_TEST

START_TEST(longest_error_arrives_whole)
{
    struct apppool_session *session;
    struct apppool_failure failure;
    char *text = malloc(WIRE_MAX_STRING + 1);

    memset(text, 'x', WIRE_MAX_STRING);
    text[WIRE_MAX_STRING] = '\0';
    fake_refuse(fake, STATUS_SPAWN_FAILED, text, text);
    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool),
                     APPPOOL_ESPAWN);
    ck_assert_str_eq(failure.message, text);
    ck_assert_str_eq(failure.page, text);
    free(text);
}
END_TEST

static const struct {
    enum fake_get get;
    apr_status_t status;
    int is_lost;
} misdeeds[] = {
    { FAKE_CLOSE_CHANNEL, APPPOOL_EIO, 0 },
    { FAKE_CLOSE_ALL, APPPOOL_EIO, 1 },
    { FAKE_GARBAGE, APPPOOL_EPROTO, 0 },
    { FAKE_PONG, APPPOOL_EPROTO, 0 },
    { FAKE_BAD_SLOT, APPPOOL_EPROTO, 0 },
};

START_TEST(misdeed_of_the_server_is_an_error)
{
    fake_set_get(fake, misdeeds[_i].get);
    expect_get(misdeeds[_i].status);
    ck_assert_int_eq(apppool_client_is_lost(client), misdeeds[_i].is_lost);
    fake_set_get(fake, FAKE_OFFER_WANT);
    if (misdeeds[_i].is_lost) {
        expect_get(APPPOOL_EIO);
    } else {
        apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    }
}
END_TEST

START_TEST(question_is_asked_again_until_it_counts)
{
    static const enum fake_get once[] = { FAKE_RESET_ONCE, FAKE_REVOKED_ONCE,
                                          FAKE_NO_FD_ONCE };

    fake_set_get(fake, once[_i]);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_RETURNS, 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_GETS), 2);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

START_TEST(client_without_further_channels_is_busy)
{
    fake_set_channels(fake, false);
    expect_get(APPPOOL_EBUSY);
    fake_set_channels(fake, true);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("client_get");
    TCase *c = program_case(suite, "sessions", client_world_begin,
                            client_world_end);
    TCase *r = program_case(suite, "refusals", client_world_begin,
                            client_world_end);

    tcase_add_test(c, session_leads_to_the_application);
    tcase_add_test(c, what_was_asked_for_arrives);
    tcase_add_test(c, nonsense_is_not_asked_for);
    tcase_add_test(c, kept_connection_comes_back);
    tcase_add_test(c, ended_and_broken_connections_are_shut_down_and_replaced);
    tcase_add_test(c, half_closed_session_is_not_kept);
    tcase_add_test(c, pool_closes_a_forgotten_session_as_broken);
    tcase_add_test(c, sessions_are_closed_in_any_order);
    tcase_add_test(c, session_outlives_its_client);
    tcase_add_test(c, client_outlives_its_sessions_and_closes_before_them);
    tcase_add_test(c, session_goes_on_after_detaching_and_the_servers_death);
    tcase_add_test(c, forked_copy_of_a_session_only_closes);
    tcase_add_test(c, revoked_session_does_not_disturb_its_successor);
    tcase_add_test(c, lease_is_left_on_the_board_and_claimed_without_a_message);
    tcase_add_loop_test(r, refusal_has_words_and_the_next_get_works, 0,
                        COUNT(refusals));
    tcase_add_test(r, longest_error_arrives_whole);
    tcase_add_loop_test(r, misdeed_of_the_server_is_an_error, 0,
                        COUNT(misdeeds));
    tcase_add_loop_test(r, question_is_asked_again_until_it_counts, 0, 3);
    tcase_add_test(r, client_without_further_channels_is_busy);
    return program_run(suite);
}
