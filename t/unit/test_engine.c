/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine.c - who may say what to the engine, and what administrators ask;
 * the test plays its master and its clients.
 */
#include <check.h>
#include <sys/socket.h>

#include "engine_world.h"
#include "program.h"
#include "socket.h"

START_TEST(hello_is_answered_with_a_board)
{
    say_hello();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 0), BOARD_SLOTS);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), CLIENT);
    ck_assert_uint_eq(m.n_fds, 1);
}
END_TEST

static void expect_dropped(void)
{
    expect(master, FROM_ENGINE, MSG_DROP_CLIENT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), CLIENT);
    ck_assert_int_eq(wire_wait_readable(channel, PATIENCE_MS), 1);
    ck_assert_int_eq(wire_receive(channel, &m, FROM_ENGINE, NULL), 0);
}

START_TEST(a_get_before_hello_ends_the_client)
{
    say_get(1);
    expect_dropped();
}
END_TEST

START_TEST(a_second_hello_ends_the_client)
{
    say_hello();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
    ask(MSG_HELLO, 2);
    expect_dropped();
}
END_TEST

START_TEST(a_second_get_before_the_answer_ends_the_client)
{
    say_get(2);
    say_get(3);
    expect(master, FROM_ENGINE, MSG_ADOPT);
    expect_dropped();
}
END_TEST

START_TEST(a_message_for_the_master_ends_the_client)
{
    uint8_t nonsense[64] = { APPPOOL_WIRE_VERSION, MSG_SPAWN };

    ck_assert_int_eq(send(channel, nonsense, sizeof nonsense, 0),
                     sizeof nonsense);
    expect_dropped();
}
END_TEST

START_TEST(a_configured_server_takes_admin_messages_from_admins_only)
{
    struct wire_message out;

    begin(&out, MSG_CONFIGURE, 0);
    wire_put_u32(&out, FIELD_GENERATION, 1);
    wire_put_u32(&out, FIELD_MAX, 3);
    wire_put_u32(&out, FIELD_MAX_IDLE_S, 300);
    finish(master, &out);
    begin(&out, MSG_COMMIT, 0);
    wire_put_u32(&out, FIELD_GENERATION, 1);
    finish(master, &out);
    begin(&out, MSG_PING, 9);
    finish(master, &out);
    expect(master, FROM_ENGINE, MSG_PONG);
    say(MSG_SET_MAX, 4, FIELD_NUMBER, 5);
    expect(channel, FROM_ENGINE, MSG_REFUSED);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_STATUS, 0), STATUS_DENIED);
}
END_TEST

START_TEST(an_unconfigured_server_takes_limits_from_any_client)
{
    say(MSG_SET_MAX, 4, FIELD_NUMBER, 5);
    expect(channel, FROM_ENGINE, MSG_DONE);
    say(MSG_SET_MAX, 5, FIELD_NUMBER, 0);
    expect(channel, FROM_ENGINE, MSG_REFUSED);
}
END_TEST

START_TEST(limits_are_left_with_the_master_and_taken_from_it)
{
    struct wire_message out;

    say(MSG_SET_MAX, 5, FIELD_NUMBER, 3);
    expect(channel, FROM_ENGINE, MSG_DONE);
    expect(master, FROM_ENGINE, MSG_LIMITS);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_MAX, 0), 3);
    begin(&out, MSG_LIMITS, 0);
    wire_put_u32(&out, FIELD_MAX, 17);
    wire_put_u32(&out, FIELD_MAX_IDLE_S, 5);
    finish(master, &out);
    begin(&out, MSG_PING, 1); /* what came before has been read then */
    finish(master, &out);
    expect(master, FROM_ENGINE, MSG_PONG);
    expect_status("\"max\":17");
}
END_TEST

START_TEST(the_status_is_json_in_a_memfd)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    expect_status("\"root\":\"" ROOT "\"");
    expect_status("\"pid\":1234");
    fd_close(&app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine");

    ADD(suite, "before HELLO", setup, teardown,
        hello_is_answered_with_a_board,
        a_get_before_hello_ends_the_client, a_second_hello_ends_the_client);
    ADD(suite, "rights", setup_greeted, teardown,
        a_second_get_before_the_answer_ends_the_client,
        a_message_for_the_master_ends_the_client,
        a_configured_server_takes_admin_messages_from_admins_only,
        an_unconfigured_server_takes_limits_from_any_client);
    ADD(suite, "admin", setup_greeted, teardown,
        limits_are_left_with_the_master_and_taken_from_it,
        the_status_is_json_in_a_memfd);
    return program_run(suite);
}
