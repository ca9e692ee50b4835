/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_takeover.c - an engine that comes after another: what it is told
 * by the master, and what clients say before and after RESET.
 */
#include <check.h>
#include <unistd.h>

#include "board.h"
#include "engine_world.h"
#include "program.h"
#include "socket.h"

START_TEST(nothing_is_read_from_clients_before_everything_is_told)
{
    tell_client(CLIENT, getuid());
    say_hello();
    expect_silence(channel);
    tell_start();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
}
END_TEST

/* The engine before may have read the first or not. */
START_TEST(hello_that_is_repeated_after_a_reset_is_answered_once)
{
    tell_client(CLIENT, getuid());
    tell_start();
    say_hello();
    say_hello();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
    ask(MSG_PING, 2);
    expect(channel, FROM_ENGINE, MSG_PONG);
}
END_TEST

/* In one turn of the engine's loop, and so before its answer. */
START_TEST(status_that_is_asked_again_after_a_reset_is_answered_once)
{
    tell_client(CLIENT, getuid());
    say_hello();
    ask(MSG_STATUS, 5);
    ask(MSG_STATUS, 5);
    tell_start();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
    expect(channel, FROM_ENGINE, MSG_STATUS_TEXT);
    ask(MSG_PING, 6);
    expect(channel, FROM_ENGINE, MSG_PONG);
}
END_TEST

static void tell_generation(uint32_t generation)
{
    struct wire_message out;

    begin(&out, MSG_CONFIGURE, 0);
    wire_put_u32(&out, FIELD_GENERATION, generation);
    wire_put_u32(&out, FIELD_MAX, 1);
    wire_put_u32(&out, FIELD_MAX_IDLE_S, 300);
    finish(master, &out);
    begin(&out, MSG_COMMIT, 0);
    wire_put_u32(&out, FIELD_GENERATION, generation);
    finish(master, &out);
}

/* Of a generation that is not the one told last. */
static void tell_old_definition(uint32_t app, uint32_t generation,
                                enum apppool_type type)
{
    struct wire_message out;

    begin(&out, MSG_DEFINE, 0);
    wire_put_u32(&out, FIELD_APP, app);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u32(&out, FIELD_TYPE, type);
    wire_put_u32(&out, FIELD_GENERATION, generation);
    finish(master, &out);
}

static void tell_start_anew(void)
{
    struct wire_message out;

    begin(&out, MSG_START, 0);
    wire_put_u32(&out, FIELD_NUMBER, 10);
    wire_put_u32(&out, FIELD_STATUS, 1);
    finish(master, &out);
    expect(channel, FROM_ENGINE, MSG_RESET);
    epoch = wire_get_u32(&m, FIELD_EPOCH, 0);
    ck_assert_uint_ne(epoch, 0);
}

START_TEST(what_hello_says_is_told_to_the_master)
{
    struct wire_message out;

    tell_client(CLIENT, getuid());
    tell_start();
    begin(&out, MSG_HELLO, 1);
    wire_put_u32(&out, FIELD_GENERATION, 5);
    wire_put_u32(&out, FIELD_LEASES, 1);
    finish(channel, &out);
    expect(master, FROM_ENGINE, MSG_GREETED);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), CLIENT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_GENERATION, 0), 5);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_LEASES, 0), 1);
}
END_TEST

START_TEST(client_of_before_goes_on_without_a_hello_and_with_leases)
{
    uint32_t process, slot;
    int app;

    tell_old_client(0);
    tell_start_anew();
    app = get_session(&process, &slot);
    ck_assert(!slot_wanted(word_of(slot)));
    fd_close(&app);
}
END_TEST

START_TEST(application_ends_with_the_last_client_of_its_generation)
{
    tell_old_definition(1, 3, TYPE_WSGI);
    tell_old_definition(2, 4, TYPE_WSGI);
    tell_generation(7);
    tell_old_client(4);
    tell_start_anew();
    expect(master, FROM_ENGINE, MSG_FORGET);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_APP, 0), 1);
    expect_silence(master);
    fd_close(&channel);
    expect(master, FROM_ENGINE, MSG_DROP_CLIENT);
    expect(master, FROM_ENGINE, MSG_FORGET);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_APP, 0), 2);
}
END_TEST

static void tell_old_process(uint32_t process)
{
    struct wire_message out;

    begin(&out, MSG_SPAWNED, 0);
    wire_put_u32(&out, FIELD_PROCESS, process);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_u32(&out, FIELD_PID, 1234);
    wire_put_u32(&out, FIELD_STATUS, 1);
    finish(master, &out);
}

/* By number, of the engine that said RESET. */
static void say_get_app(uint32_t id)
{
    struct wire_message out;

    begin(&out, MSG_GET, id);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_u32(&out, FIELD_EPOCH, epoch);
    finish(channel, &out);
}

/* It may have been given back in mid-response, unseen: the engine asks. */
static void accept_probe(void)
{
    int app;

    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 9), 0);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_WAIT_ACCEPT, 0), 1);
    app = tell_connected();
    expect(master, FROM_ENGINE, MSG_REVOKE);
    fd_close(&app);
}

START_TEST(a_process_of_before_is_lent_when_it_has_accepted_a_probe)
{
    struct wire_message probe;
    int app;

    tell_old_definition(APP, 7, TYPE_WSGI);
    tell_generation(7);
    tell_old_process(5);
    tell_old_client(7);
    tell_start_anew();
    say_get_app(2);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 9), 0);
    wire_message_init(&probe);
    wire_copy(&probe, &m);
    expect_silence(master);
    wire_copy(&m, &probe);
    wire_message_clear(&probe);
    app = tell_connected();
    expect(master, FROM_ENGINE, MSG_REVOKE);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 9), CLIENT);
    fd_close(&app);
}
END_TEST

START_TEST(what_an_engine_before_was_asked_is_not_answered)
{
    int app;

    tell_old_definition(APP, 7, TYPE_WSGI);
    tell_generation(7);
    tell_old_process(5);
    tell_old_client(7);
    say(MSG_GET, 2, FIELD_APP, APP);
    tell_start_anew();
    accept_probe();
    expect_silence(master);
    say_get_app(2); /* once, so it is not told off */
    expect(master, FROM_ENGINE, MSG_CONNECT);
    app = tell_connected();
    expect(channel, FROM_ENGINE, MSG_OFFER);
    fd_close(&app);
}
END_TEST

/* The engine before has read what apppool-spawn found there; the application
 * has no second say in it. */
START_TEST(what_a_process_speaks_is_known_from_its_first_report)
{
    int app;

    tell_old_definition(APP, 7, TYPE_AUTO);
    tell_generation(7);
    tell_old_process(5);
    tell_report(5, "SPAWN type=4 uid=5 user=games");
    tell_old_client(7);
    tell_start_anew();
    tell_report(5, "SPAWN type=2 uid=0 user=root");
    accept_probe();
    say_get_app(2);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    app = tell_connected();
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROTOCOL, 0), PROTOCOL_HTTP);
    fd_close(&app);
}
END_TEST

static void tell_definition(enum apppool_type type, uint32_t flags,
                            uint32_t min_instances)
{
    struct wire_message out;

    begin(&out, MSG_DEFINE, 0);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u32(&out, FIELD_TYPE, type);
    wire_put_u32(&out, FIELD_GENERATION, 7);
    wire_put_u32(&out, FIELD_FLAGS, flags);
    wire_put_u32(&out, FIELD_MIN_INSTANCES, min_instances);
    finish(master, &out);
    tell_generation(7);
}

static void tell_pre_start(void)
{
    tell_definition(TYPE_NODE, DEFINE_PRE_START, 1);
    tell_old_client(7);
}

START_TEST(what_runs_is_not_started_again)
{
    tell_pre_start();
    tell_old_process(5);
    tell_start_anew();
    accept_probe();
    expect_silence(master);
}
END_TEST

START_TEST(what_does_not_run_is_started_under_a_new_number)
{
    tell_pre_start();
    expect_silence(master);
    tell_start_anew();
    expect(master, FROM_ENGINE, MSG_SPAWN);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROCESS, 0), 11);
}
END_TEST

/* One of them has not said yet what it is. */
START_TEST(all_that_run_are_known_before_another_is_started)
{
    struct wire_message out;

    tell_definition(TYPE_AUTO, 0, 2);
    begin(&out, MSG_LIMITS, 0);
    wire_put_u32(&out, FIELD_MAX, 6);
    wire_put_u32(&out, FIELD_MAX_IDLE_S, 300);
    finish(master, &out);
    tell_old_process(5);
    tell_old_process(6);
    tell_report(6, "SPAWN type=4 uid=5 user=games");
    tell_old_client(7);
    tell_start_anew();
    expect(master, FROM_ENGINE, MSG_CONNECT);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    expect_silence(master);
}
END_TEST

START_TEST(master_that_ends_before_start_ends_an_engine_with_kept_sessions)
{
    struct wire_message out;

    tell_old_definition(APP, 7, TYPE_AUTO);
    tell_generation(7);
    tell_old_process(5);
    tell_old_client(7);
    begin(&out, MSG_SLOT_KEPT, 0);
    wire_put_u32(&out, FIELD_CLIENT, CLIENT);
    wire_put_u32(&out, FIELD_SLOT, 3);
    wire_put_u32(&out, FIELD_PROCESS, 5);
    finish(master, &out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine: takeover");
    TCase *tcase = program_case(suite, "takeover", setup_untold, teardown);

    tcase_add_test(tcase,
                   nothing_is_read_from_clients_before_everything_is_told);
    tcase_add_test(tcase,
                   hello_that_is_repeated_after_a_reset_is_answered_once);
    tcase_add_test(tcase,
                   status_that_is_asked_again_after_a_reset_is_answered_once);
    tcase_add_test(tcase, what_hello_says_is_told_to_the_master);
    tcase_add_test(tcase,
                   client_of_before_goes_on_without_a_hello_and_with_leases);
    tcase_add_test(tcase,
                   application_ends_with_the_last_client_of_its_generation);
    tcase_add_test(tcase, what_a_process_speaks_is_known_from_its_first_report);
    tcase_add_test(tcase,
                   a_process_of_before_is_lent_when_it_has_accepted_a_probe);
    tcase_add_test(tcase, what_an_engine_before_was_asked_is_not_answered);
    tcase_add_test(tcase, what_runs_is_not_started_again);
    tcase_add_test(tcase, what_does_not_run_is_started_under_a_new_number);
    tcase_add_test(tcase, all_that_run_are_known_before_another_is_started);
    tcase_add_test(
        tcase, master_that_ends_before_start_ends_an_engine_with_kept_sessions);
    return program_run(suite);
}
