/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_get.c - sessions: got, used, closed, refused, given up.
 */
#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/protocol.h"
#include "apppool/server.h"
#include "fake_server.h"
#include "leaks.h"
#include "program.h"

#include <apr_general.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static apr_pool_t *pool;
static struct fake *fake;
static struct apppool_server *server;
static struct apppool_client *client;
static const struct apppool_get_options blog = { .root = "/srv/blog" };

static void set_up(void)
{
    struct apppool_server_state state = { .pid = 0, .admin = -1, .pidfd = -1 };

    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    fake = fake_start(&state.rendezvous);
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    fake_stop(fake);
    leaks_end();
    apr_terminate();
}

static struct apppool_session *got(void)
{
    struct apppool_session *session;
    struct apppool_failure failure;

    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool), 0);
    ck_assert_ptr_null(failure.message);
    return session;
}

static void expect_get(apr_status_t status)
{
    struct apppool_session *session = (void *)1;
    struct apppool_failure failure = { .message = NULL };

    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool),
                     status);
    ck_assert_ptr_null(session);
    ck_assert_ptr_nonnull(failure.message);
}

/* The application sends back what it gets. */
static void expect_echo(const struct apppool_session *session)
{
    struct pollfd poller = { .fd = apppool_session_reader(session),
                             .events = POLLIN };
    char bytes[4] = "";

    ck_assert_int_eq(write(apppool_session_writer(session), "ping", 4), 4);
    ck_assert_int_eq(poll(&poller, 1, 20000), 1);
    ck_assert_int_eq(read(poller.fd, bytes, 4), 4);
    ck_assert_mem_eq(bytes, "ping", 4);
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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

/* Waiting ----------------------------------------------------------------- */

START_TEST(waiting_ends_in_time)
{
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .timeout = 50000 };
    struct apppool_session *session;
    int64_t before = now_ms();

    fake_set_get(fake, FAKE_HOLD);
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool),
                     APPPOOL_ETIMEOUT);
    ck_assert_int_ge(now_ms() - before, 50);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CANCELS), 1);
    fake_release(fake);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 1);
}
END_TEST

/* An engine that does not even answer CANCEL costs the channel. */
START_TEST(unanswered_cancel_does_not_hold_the_caller)
{
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .timeout = 10000 };
    struct apppool_session *session;
    int64_t before = now_ms();

    fake_set_get(fake, FAKE_HOLD_FOR_EVER);
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool),
                     APPPOOL_ETIMEOUT);
    ck_assert_int_lt(now_ms() - before, 10000);
    fake_release(fake);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CHANNELS), 2);
}
END_TEST

static int give_up_third_time(void *baton)
{
    return ++*(int *)baton >= 3;
}

START_TEST(caller_is_asked_every_250_ms)
{
    int n_asked = 0;
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .abandoned = give_up_third_time,
                                           .baton = &n_asked };
    struct apppool_session *session;
    int64_t before = now_ms();

    fake_set_get(fake, FAKE_HOLD);
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool),
                     APPPOOL_EABANDONED);
    ck_assert_int_eq(n_asked, 3);
    ck_assert_int_ge(now_ms() - before, 700);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CANCELS), 1);
}
END_TEST

/* How a client's connection can end while its request waits. */
static void leave_by_closing(int *ends)
{
    close(ends[1]);
    ends[1] = -1;
}

static void leave_by_half_closing(int *ends)
{
    shutdown(ends[1], SHUT_WR);
}

static void (*const leavings[])(int *ends) = { leave_by_closing,
                                               leave_by_half_closing };

struct leaver {
    pthread_t thread;
    int ends[2];
    void (*leave)(int *ends);
};

static void *leave_when_waited_for(void *baton)
{
    struct leaver *leaver = baton;

    fake_wait(fake, FAKE_GETS, 1);
    leaver->leave(leaver->ends);
    return NULL;
}

START_TEST(watched_connection_that_ends_abandons)
{
    struct leaver leaver = { .leave = leavings[_i] };
    struct apppool_get_options options = { .root = "/srv/blog" };
    struct apppool_session *session;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
                                leaver.ends), 0);
    ck_assert_int_eq(write(leaver.ends[1], "more", 4), 4); /* pipelined */
    options.watch_fd = leaver.ends[0];
    fake_set_get(fake, FAKE_HOLD);
    pthread_create(&leaver.thread, NULL, leave_when_waited_for, &leaver);
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool),
                     APPPOOL_EABANDONED);
    pthread_join(leaver.thread, NULL);
    close(leaver.ends[0]);
    if (leaver.ends[1] >= 0) {
        close(leaver.ends[1]);
    }
    ck_assert_uint_eq(fake_fact(fake, FAKE_CANCELS), 1);
}
END_TEST

/* One that is answered at once, though it has said all it had to say. */
START_TEST(watched_connection_that_is_half_closed_gets_a_session)
{
    struct apppool_get_options options = { .root = "/srv/blog" };
    struct apppool_session *session;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                     0);
    leave_by_half_closing(ends);
    options.watch_fd = ends[0];
    ck_assert_int_eq(apppool_get(client, &options, &session, NULL, pool), 0);
    close(ends[0]);
    close(ends[1]);
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}
END_TEST

/* Threads ----------------------------------------------------------------- */

struct asker {
    pthread_t thread;
    apr_interval_time_t timeout;
    apr_status_t status;
    enum apppool_session_end end;
    unsigned n_rounds, n_got;
};

static void *ask(void *baton)
{
    struct asker *asker = baton;
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .timeout = asker->timeout };
    struct apppool_session *session;
    apr_pool_t *own;

    apr_pool_create(&own, NULL);
    for (unsigned i = 0; i < asker->n_rounds; i++) {
        asker->status = apppool_get(client, &options, &session, NULL, own);
        if (asker->status == APR_SUCCESS) {
            asker->n_got++;
            expect_echo(session);
            apppool_session_close(session, asker->end);
        }
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return NULL;
}

static void start_askers(struct asker *askers, int n, unsigned n_rounds,
                         apr_interval_time_t timeout)
{
    for (int i = 0; i < n; i++) {
        askers[i] = (struct asker){ .n_rounds = n_rounds, .timeout = timeout,
                                    .end = i % 3 == 0
                                               ? APPPOOL_SESSION_ENDED
                                           : i % 3 == 1
                                               ? APPPOOL_SESSION_BROKEN
                                               : APPPOOL_SESSION_KEPT };
        ck_assert_int_eq(pthread_create(&askers[i].thread, NULL, ask,
                                        &askers[i]), 0);
    }
}

static void join_askers(struct asker *askers, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_join(askers[i].thread, NULL);
    }
}

#define ASKERS 24

/* More threads than slots, all ways of ending, no session lost or mixed up. */
START_TEST(threads_share_a_client)
{
    struct asker askers[ASKERS];

    start_askers(askers, ASKERS, 100, 0);
    join_askers(askers, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].status, 0);
        ck_assert_uint_eq(askers[i].n_got, 100);
    }
    ck_assert_uint_eq(fake_lent(fake), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
    ck_assert_uint_le(fake_fact(fake, FAKE_CHANNELS), ASKERS);
}
END_TEST

/* Cancels and offers that cross. */
START_TEST(impatient_threads_lose_no_slot)
{
    struct asker askers[ASKERS];

    start_askers(askers, ASKERS, 100, 300);
    join_askers(askers, ASKERS);
    apppool_session_close(got(), APPPOOL_SESSION_KEPT);
    ck_assert_int_eq(apppool_ping(client, APR_USEC_PER_SEC), 0);
    ck_assert_uint_eq(fake_lent(fake), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
}
END_TEST

START_TEST(closing_the_client_wakes_who_waits)
{
    struct asker askers[ASKERS];

    fake_set_get(fake, FAKE_HOLD);
    start_askers(askers, ASKERS, 1, 0);
    fake_wait(fake, FAKE_GETS, ASKERS);
    apppool_client_close(client);
    join_askers(askers, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].status, APPPOOL_EIO);
    }
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CANCELS), ASKERS);
}
END_TEST

START_TEST(death_of_the_server_wakes_who_waits)
{
    struct asker askers[ASKERS];

    fake_set_get(fake, FAKE_HOLD);
    start_askers(askers, ASKERS, 1, 0);
    fake_wait(fake, FAKE_GETS, ASKERS);
    fake_die(fake);
    join_askers(askers, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].status, APPPOOL_EIO);
    }
    ck_assert(apppool_client_is_lost(client));
}
END_TEST

START_TEST(reset_makes_everybody_ask_again)
{
    struct asker askers[FAKE_SLOTS];

    fake_set_get(fake, FAKE_HOLD);
    start_askers(askers, FAKE_SLOTS, 1, 0);
    fake_wait(fake, FAKE_GETS, FAKE_SLOTS);
    fake_reset(fake);
    fake_wait(fake, FAKE_GETS, 2 * FAKE_SLOTS);
    fake_release(fake);
    join_askers(askers, FAKE_SLOTS);
    for (int i = 0; i < FAKE_SLOTS; i++) {
        ck_assert_int_eq(askers[i].status, 0);
    }
    ck_assert_uint_eq(fake_lent(fake), 0);
}
END_TEST

/* Sessions travel between threads and outlive client and pool. */
static void *close_later(void *baton)
{
    apppool_session_close(baton, APPPOOL_SESSION_KEPT);
    return NULL;
}

START_TEST(other_threads_close_sessions_while_the_client_closes)
{
    for (int round = 0; round < 20; round++) {
        pthread_t threads[FAKE_SLOTS];
        struct apppool_session *session;
        apr_pool_t *own[FAKE_SLOTS];

        for (int i = 0; i < FAKE_SLOTS; i++) {
            apr_pool_create(&own[i], NULL);
            ck_assert_int_eq(apppool_get(client, &blog, &session, NULL,
                                         own[i]), 0);
            pthread_create(&threads[i], NULL, close_later, session);
        }
        apppool_client_close(client);
        for (int i = 0; i < FAKE_SLOTS; i++) {
            pthread_join(threads[i], NULL);
            apr_pool_destroy(own[i]);
        }
        fake_wait(fake, FAKE_CLIENTS_GONE, (unsigned)round + 1);
        ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
    }
}
END_TEST

static void add_sessions(Suite *suite)
{
    TCase *c = program_case(suite, "sessions", set_up, tear_down);

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
}

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void add_waiting(Suite *suite)
{
    TCase *c = program_case(suite, "waiting", set_up, tear_down);

    tcase_add_loop_test(c, refusal_has_words_and_the_next_get_works, 0,
                        COUNT(refusals));
    tcase_add_test(c, longest_error_arrives_whole);
    tcase_add_loop_test(c, misdeed_of_the_server_is_an_error, 0,
                        COUNT(misdeeds));
    tcase_add_loop_test(c, question_is_asked_again_until_it_counts, 0, 3);
    tcase_add_test(c, client_without_further_channels_is_busy);
    tcase_add_test(c, waiting_ends_in_time);
    tcase_add_test(c, unanswered_cancel_does_not_hold_the_caller);
    tcase_add_test(c, caller_is_asked_every_250_ms);
    tcase_add_loop_test(c, watched_connection_that_ends_abandons, 0,
                        COUNT(leavings));
    tcase_add_test(c, watched_connection_that_is_half_closed_gets_a_session);
    tcase_add_test(c, threads_share_a_client);
    tcase_add_test(c, impatient_threads_lose_no_slot);
    tcase_add_test(c, closing_the_client_wakes_who_waits);
    tcase_add_test(c, death_of_the_server_wakes_who_waits);
    tcase_add_test(c, reset_makes_everybody_ask_again);
    tcase_add_test(c, other_threads_close_sessions_while_the_client_closes);
}

int main(void)
{
    Suite *suite = suite_create("client_get");

    add_sessions(suite);
    add_waiting(suite);
    return program_run(suite);
}
