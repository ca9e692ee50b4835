/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_wait.c - who waits for a session: until when, and beside whom.
 */
#include "apppool/error.h"
#include "client_world.h"
#include "program.h"

#include <apr_general.h>
#include <check.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

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
        asker_start(&askers[i]);
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

/* ASKERS threads, none of which is answered. */
static void start_waiting(struct asker *askers)
{
    fake_set_get(fake, FAKE_HOLD);
    start_askers(askers, ASKERS, 1, 0);
    fake_wait(fake, FAKE_GETS, ASKERS);
}

static void join_lost(struct asker *askers)
{
    join_askers(askers, ASKERS);
    for (int i = 0; i < ASKERS; i++) {
        ck_assert_int_eq(askers[i].status, APPPOOL_EIO);
    }
}

START_TEST(closing_the_client_wakes_who_waits)
{
    struct asker askers[ASKERS];

    start_waiting(askers);
    apppool_client_close(client);
    join_lost(askers);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CANCELS), ASKERS);
}
END_TEST

START_TEST(death_of_the_server_wakes_who_waits)
{
    struct asker askers[ASKERS];

    start_waiting(askers);
    fake_die(fake);
    join_lost(askers);
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

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("client_wait");
    TCase *c = program_case(suite, "waiting", client_world_begin,
                            client_world_end);

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
    return program_run(suite);
}
