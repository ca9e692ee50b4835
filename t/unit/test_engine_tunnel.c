/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_tunnel.c - sessions that have become another protocol.
 */
#include <check.h>
#include <signal.h>

#include "engine_world.h"
#include "program.h"
#include "socket.h"

static void setup_http(void)
{
    kind = (struct kind){ TYPE_COMMAND, PROTOCOL_HTTP, 0 };
    setup_leasing();
}

static void say_upgraded(uint32_t slot, uint16_t generation)
{
    struct wire_message out;

    wire_message_init(&out);
    begin(&out, MSG_UPGRADED, 0);
    wire_put_u32(&out, FIELD_SLOT, slot);
    wire_put_u32(&out, FIELD_SLOT_GENERATION, generation);
    finish(channel, &out);
}

/* The process of the session is to end. */
static void detach(void)
{
    say(MSG_DETACH_PROCESS, 9, FIELD_PID, 1234);
    expect(channel, FROM_ENGINE, MSG_DONE);
}

/* Longer than the engine's second between two looks. */
static void expect_no_revoke(void)
{
    int left_ms;

    for (left_ms = 1500; left_ms > 0 && wire_wait_readable(master, left_ms) == 1;
         left_ms -= 500) {
        ck_assert_int_eq(wire_receive(master, &m, FROM_ENGINE, NULL), 1);
        ck_assert_uint_ne(wire_type(&m), MSG_REVOKE);
    }
}

START_TEST(a_tunnel_ends_when_its_process_is_to_end)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    uint16_t generation = slot_generation(word_of(slot));

    say_upgraded(slot, generation);
    detach();
    expect(master, FROM_ENGINE, MSG_REVOKE);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), CLIENT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
    expect_word(slot, SLOT_EMPTY, false);
    ck_assert_uint_eq(slot_generation(word_of(slot)), generation + 1);
    fd_close(&app);
}
END_TEST

START_TEST(a_request_is_left_to_finish)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    detach();
    expect_no_revoke();
    fd_close(&app);
}
END_TEST

START_TEST(a_word_that_comes_late_makes_no_tunnel)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    say_upgraded(slot, (uint16_t)(slot_generation(word_of(slot)) + 1));
    say_upgraded(slot + 1, 1);
    detach();
    expect_no_revoke();
    fd_close(&app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_tunnel");
    TCase *tests = program_case(suite, "tunnel", setup_http, teardown);

    tcase_add_test(tests, a_tunnel_ends_when_its_process_is_to_end);
    tcase_add_test(tests, a_request_is_left_to_finish);
    tcase_add_test(tests, a_word_that_comes_late_makes_no_tunnel);
    return program_run(suite);
}
