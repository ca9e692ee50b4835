/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_lease.c - slots that the client keeps, claims and hands on.
 */
#include "apppool/error.h"
#include "client_world.h"
#include "program.h"

#include <apr_general.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_up(void)
{
    client_world_begin();
    fake_set_get(fake, FAKE_OFFER);
}

static void keep(struct apppool_session *session)
{
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}

static void expect_gets(unsigned n)
{
    ck_assert_uint_eq(fake_fact(fake, FAKE_GETS), n);
}

START_TEST(lease_is_claimed_without_a_message)
{
    keep(got());
    for (int i = 0; i < 50; i++) {
        struct apppool_session *session = got();

        ck_assert(apppool_session_is_reused(session));
        ck_assert_int_eq(apppool_session_pid(session), 1000);
        ck_assert_int_eq(apppool_session_protocol(session), APPPOOL_SCGI);
        expect_echo(session);
        keep(session);
    }
    expect_gets(1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_RETURNS), 0);
    ck_assert_uint_eq(fake_lent(fake), 1);
}
END_TEST

/* The warmest first: the others may then go. */
START_TEST(lease_used_last_is_claimed_first)
{
    struct apppool_session *first = got(), *second = got(), *session;
    pid_t pid = apppool_session_pid(second);

    keep(first);
    keep(second);
    session = got();
    ck_assert_int_eq(apppool_session_pid(session), pid);
    keep(session);
    expect_gets(2);
}
END_TEST

START_TEST(a_sticky_request_claims_its_own_process_or_asks)
{
    struct apppool_session *first = got(), *second = got(), *session;
    struct apppool_get_options sticky = blog;
    pid_t pid = apppool_session_pid(first);

    sticky.sticky = apppool_session_sticky(first);
    ck_assert_uint_ne(sticky.sticky, apppool_session_sticky(second));
    keep(first);
    keep(second); /* the warmest */
    session = got_with(&sticky, pool);
    ck_assert_int_eq(apppool_session_pid(session), pid);
    ck_assert_uint_eq(apppool_session_sticky(session), sticky.sticky);
    expect_gets(2);
    keep(got_with(&sticky, pool)); /* its own is in use */
    expect_gets(3);
    keep(session);
}
END_TEST

START_TEST(leases_are_for_what_was_asked_in_the_same_words)
{
    static const struct apppool_get_options others[] = {
        { .root = "/srv/other" },
        { .root = "/srv/blog", .keep_privilege = 1 },
        { .root = "/srv/blog", .lowest_user = "daemon" },
        { .root = "/srv/blog", .app = 4 },
        { .app = 4 },
        { .app = 5 },
        { .root = "" },
    };

    keep(got());
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        keep(got_with(&others[i], pool));
        expect_gets(2 + i);
        keep(got_with(&others[i], pool));
        expect_gets(2 + i);
    }
    keep(got());
    expect_gets(8);
}
END_TEST

START_TEST(lease_that_was_taken_back_is_asked_for_again)
{
    struct apppool_session *session;

    keep(got());
    ck_assert_uint_eq(fake_take(fake), 1);
    session = got();
    expect_gets(2);
    ck_assert(apppool_session_is_reused(session)); /* the connection is */
    expect_echo(session);
    keep(session);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CONNECTIONS), 1);
}
END_TEST

START_TEST(slot_that_is_wanted_goes_back)
{
    struct apppool_session *session = got();

    ck_assert_uint_eq(fake_want(fake), 1);
    keep(session);
    fake_wait(fake, FAKE_RETURNS, 1);
    ck_assert_uint_eq(fake_lent(fake), 0);
    keep(got());
    expect_gets(2);
}
END_TEST

START_TEST(lease_whose_process_is_gone_is_not_claimed)
{
    struct apppool_session *session;

    keep(got());
    fake_revoke(fake);
    session = got();
    expect_gets(2);
    ck_assert(!apppool_session_is_reused(session));
    expect_echo(session);
    keep(session);
}
END_TEST

START_TEST(revoked_session_leaves_its_successors_lease_alone)
{
    struct apppool_session *old = got(), *next;

    fake_revoke(fake);
    next = got();
    keep(old);
    expect_echo(next);
    keep(next);
    ck_assert_uint_eq(fake_lent(fake), 1);
    next = got();
    expect_gets(2);
    expect_echo(next);
    keep(next);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
}
END_TEST

static const enum apppool_session_end bad_ends[] = { APPPOOL_SESSION_ENDED,
                                                     APPPOOL_SESSION_BROKEN };

START_TEST(lease_that_ends_goes_back)
{
    struct apppool_session *session;

    keep(got());
    session = got();
    apppool_session_close(session, bad_ends[_i]);
    fake_wait(fake, FAKE_SHUT, 1);
    ck_assert_uint_eq(fake_lent(fake), 0);
    session = got();
    expect_gets(2);
    ck_assert(!apppool_session_is_reused(session));
    keep(session);
}
END_TEST

START_TEST(closing_the_client_gives_leases_up)
{
    struct apppool_session *session = got();

    keep(got());
    apppool_client_close(client);
    expect_echo(session);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CLIENTS_GONE), 0);
    keep(session);
    fake_wait(fake, FAKE_CLIENTS_GONE, 1);
}
END_TEST

START_TEST(forked_copy_claims_nothing)
{
    int status;
    pid_t pid;

    keep(got());
    pid = fork();
    if (pid == 0) {
        struct apppool_session *session;
        int is_right = apppool_get(client, &blog, &session, NULL, pool) ==
                       APPPOOL_EIO;

        apr_pool_destroy(pool);
        _exit(is_right ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    keep(got());
    expect_gets(1);
}
END_TEST

/* Threads ------------------------------------------------------------------ */

static void start_asker(struct asker *asker, unsigned n_rounds,
                        enum apppool_session_end end)
{
    *asker = (struct asker){ .n_rounds = n_rounds, .end = end };
    asker_start(asker);
}

static void join_asker(struct asker *asker)
{
    pthread_join(asker->thread, NULL);
    ck_assert_int_eq(asker->status, 0);
    ck_assert_uint_eq(asker->n_got, asker->n_rounds);
}

#define ASKERS 8
#define ROUNDS 300

/* One process, eight threads: it goes from hand to hand, and the engine hears
 * of it now and then only. */
START_TEST(full_application_is_handed_from_thread_to_thread)
{
    struct asker askers[ASKERS];

    fake_set_full(fake, true, 1);
    keep(got());
    for (int i = 0; i < ASKERS; i++) {
        start_asker(&askers[i], ROUNDS, APPPOOL_SESSION_KEPT);
    }
    /* Whoever has waited too long asks the fake, which only answers when the
     * slot is empty: take it back as an engine does for those in its queue. */
    for (int i = 0; i < ASKERS; i++) {
        while (pthread_tryjoin_np(askers[i].thread, NULL) != 0) {
            if (fake_waiting(fake) > 0) {
                fake_want(fake);
                fake_take(fake);
            }
            poll(NULL, 0, 2);
        }
        ck_assert_int_eq(askers[i].status, 0);
        ck_assert_uint_eq(askers[i].n_got, ROUNDS);
    }
    ck_assert_uint_eq(fake_fact(fake, FAKE_CONNECTIONS), 1);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
    ck_assert_uint_lt(fake_fact(fake, FAKE_GETS), ASKERS * ROUNDS / 2);
}
END_TEST

/* What waits for an answer of the engine's is older: the slot goes there, and
 * nobody in line overtakes it. */
START_TEST(slot_goes_back_while_a_thread_asks)
{
    struct apppool_session *first;
    struct asker asker;

    fake_set_full(fake, true, 1);
    fake_set_get(fake, FAKE_OFFER);
    first = got();
    start_asker(&asker, 1, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_GETS, 2);
    ck_assert_uint_eq(fake_waiting(fake), 1);
    keep(first);
    join_asker(&asker);
    ck_assert_uint_eq(fake_fact(fake, FAKE_RETURNS), 1);
    ck_assert_uint_eq(fake_lent(fake), 1);
    expect_gets(2);
}
END_TEST

/* In line, with a request whose first bytes are known. */
struct beginner {
    struct apppool_get_options options;
    char word[sizeof("ping")];
    struct iovec first;
    apr_size_t sent;
    bool was_answered;
};

static void *begin(void *baton)
{
    struct beginner *beginner = baton;
    struct apppool_session *session;
    apr_pool_t *own;

    apr_pool_create(&own, NULL);
    session = got_with(&beginner->options, own);
    beginner->sent = apppool_session_sent(session);
    if (beginner->sent > 0) {
        struct pollfd poller = { .fd = apppool_session_reader(session),
                                 .events = POLLIN };
        char bytes[4] = "";

        beginner->was_answered = poll(&poller, 1, 20000) == 1 &&
                                 read(poller.fd, bytes, 4) == 4 &&
                                 memcmp(bytes, "ping", 4) == 0;
    }
    keep(session);
    apr_pool_destroy(own);
    return NULL;
}

/* It echoes; what it says is left unread. */
static void have_it_say(const struct apppool_session *session,
                        const char *word)
{
    struct pollfd poller = { .fd = apppool_session_reader(session),
                             .events = POLLIN };

    ck_assert_int_eq(write(poller.fd, word, 4), 4);
    ck_assert_int_eq(poll(&poller, 1, 20000), 1);
}

/* Try until a thread was in line in time: it asks the engine after 10 ms. */
static struct beginner hand_over_to_beginner(
    enum apppool_session_protocol protocol, bool says_more)
{
    struct beginner beginner;
    unsigned n_gets;

    do {
        struct apppool_session *session = got();
        pthread_t thread;

        n_gets = fake_fact(fake, FAKE_GETS);
        beginner = (struct beginner){ .options = blog, .word = "ping" };
        beginner.first = (struct iovec){ .iov_base = beginner.word,
                                         .iov_len = 4 };
        beginner.options.first = &beginner.first;
        beginner.options.n_first = 1;
        beginner.options.first_protocol = protocol;
        beginner.options.first_if_silent = 1;
        ck_assert_int_eq(pthread_create(&thread, NULL, begin, &beginner), 0);
        poll(NULL, 0, 3); /* most likely it is in line then; the loop tells */
        if (says_more) {
            have_it_say(session, "more");
        }
        keep(session);
        pthread_join(thread, NULL);
    } while (fake_fact(fake, FAKE_GETS) != n_gets ||
             (protocol == APPPOOL_SCGI && !says_more && beginner.sent == 0));
    return beginner;
}

START_TEST(who_hands_over_begins_the_next_request)
{
    struct beginner beginner;

    fake_set_full(fake, true, 1);
    beginner = hand_over_to_beginner(APPPOOL_SCGI, false);
    ck_assert_uint_eq(beginner.sent, 4);
    ck_assert(beginner.was_answered);
    /* Made for another protocol than the process speaks: it stays unsent. */
    ck_assert_uint_eq(hand_over_to_beginner(APPPOOL_HTTP, false).sent, 0);
    /* Something waits there already: no request is begun behind it. */
    ck_assert_uint_eq(hand_over_to_beginner(APPPOOL_SCGI, true).sent, 0);
}
END_TEST

/* Who waits beside a long request asks the engine after 10 ms. */
START_TEST(waiting_in_line_ends_soon)
{
    struct apppool_session *session;
    struct asker asker;

    fake_set_full(fake, true, 1);
    session = got();
    start_asker(&asker, 1, APPPOOL_SESSION_KEPT);
    fake_wait(fake, FAKE_GETS, 2);
    ck_assert_uint_eq(fake_want(fake), 1);
    keep(session);
    join_asker(&asker);
    ck_assert_uint_eq(fake_fact(fake, FAKE_CONNECTIONS), 1);
}
END_TEST

/* All ways of ending at once, slots taken and wanted all the time. */
START_TEST(leases_survive_confusion)
{
    struct asker askers[ASKERS];

    for (int round = 0; round < 2; round++) {
        fake_set_full(fake, round == 1, round == 1 ? 3 : FAKE_SLOTS);
        for (int i = 0; i < ASKERS; i++) {
            start_asker(&askers[i], ROUNDS,
                        i % 4 == 0   ? APPPOOL_SESSION_ENDED
                        : i % 4 == 1 ? APPPOOL_SESSION_BROKEN
                                     : APPPOOL_SESSION_KEPT);
        }
        for (int i = 0; i < ASKERS; i++) {
            while (pthread_tryjoin_np(askers[i].thread, NULL) != 0) {
                fake_want(fake);
                fake_take(fake);
                poll(NULL, 0, 1);
            }
            ck_assert_int_eq(askers[i].status, 0);
            ck_assert_uint_eq(askers[i].n_got, ROUNDS);
        }
    }
    fake_take(fake);
    ck_assert_uint_eq(fake_lent(fake), 0);
    ck_assert_uint_eq(fake_fact(fake, FAKE_BAD), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_lease");
    TCase *c = program_case(suite, "lease", set_up, client_world_end);

    tcase_add_test(c, lease_is_claimed_without_a_message);
    tcase_add_test(c, lease_used_last_is_claimed_first);
    tcase_add_test(c, a_sticky_request_claims_its_own_process_or_asks);
    tcase_add_test(c, leases_are_for_what_was_asked_in_the_same_words);
    tcase_add_test(c, lease_that_was_taken_back_is_asked_for_again);
    tcase_add_test(c, slot_that_is_wanted_goes_back);
    tcase_add_test(c, lease_whose_process_is_gone_is_not_claimed);
    tcase_add_test(c, revoked_session_leaves_its_successors_lease_alone);
    tcase_add_loop_test(c, lease_that_ends_goes_back, 0, 2);
    tcase_add_test(c, closing_the_client_gives_leases_up);
    tcase_add_test(c, forked_copy_claims_nothing);
    tcase_add_test(c, full_application_is_handed_from_thread_to_thread);
    tcase_add_test(c, slot_goes_back_while_a_thread_asks);
    tcase_add_test(c, who_hands_over_begins_the_next_request);
    tcase_add_test(c, waiting_in_line_ends_soon);
    tcase_add_test(c, leases_survive_confusion);
    return program_run(suite);
}
