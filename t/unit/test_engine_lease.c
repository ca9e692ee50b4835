/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_lease.c - slots that clients keep without a message.
 */
#include <check.h>

#include "engine_world.h"
#include "program.h"
#include "socket.h"

START_TEST(a_lease_is_lent_without_want_and_kept_without_a_message)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(!slot_wanted(word_of(slot)));
    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    ck_assert_int_eq(slot_state(word_of(slot)), SLOT_FREE);
    ck_assert(slot_apply(&board[slot], SLOT_CLAIM, NULL));
    fd_close(&app);
}
END_TEST

START_TEST(a_free_lease_is_taken_back_for_who_asks)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    say_get(3);
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROCESS, 0), process);
    fd_close(&app);
}
END_TEST

START_TEST(a_busy_lease_gets_want_while_somebody_waits)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    say(MSG_SET_MAX, 4, FIELD_NUMBER, 1);
    expect(channel, FROM_ENGINE, MSG_DONE);
    say_get(5);
    expect_word(slot, SLOT_BUSY, true);
    give_back(slot, MSG_RETURN);
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
    fd_close(&app);
}
END_TEST

START_TEST(a_lease_that_turns_free_unseen_is_found_while_somebody_waits)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    say(MSG_SET_MAX, 4, FIELD_NUMBER, 1);
    expect(channel, FROM_ENGINE, MSG_DONE);
    say_get(5);
    slot_apply(&board[slot], SLOT_RELEASE, NULL);
    if (slot_state(word_of(slot)) == SLOT_EMPTY) {
        say(MSG_RETURN, 0, FIELD_SLOT, slot); /* want was quicker */
    }
    expect(channel, FROM_ENGINE, MSG_OFFER);
    fd_close(&app);
}
END_TEST

START_TEST(an_unused_lease_is_taken_back_after_a_while)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    expect_word(slot, SLOT_EMPTY, false);
    ask(MSG_GET_ACTIVE, 5);
    expect(channel, FROM_ENGINE, MSG_VALUE);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 9), 0);
    fd_close(&app);
}
END_TEST

START_TEST(requests_by_lease_are_counted)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    for (int i = 0; i < 41; i++) {
        slot_apply(&board[slot], SLOT_RELEASE, NULL);
        ck_assert(slot_apply(&board[slot], SLOT_CLAIM, NULL));
    }
    slot_apply(&board[slot], SLOT_RELEASE, NULL);
    expect_word(slot, SLOT_EMPTY, false);
    expect_status("\"requests\":42");
    fd_close(&app);
}
END_TEST

START_TEST(who_is_told_of_new_code_finds_no_lease_of_the_old)
{
    uint32_t process, slot, successor;
    int app = get_session(&process, &slot);

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    ask(MSG_RESTART, 6);
    expect(master, FROM_ENGINE, MSG_SPAWN);
    successor = wire_get_u32(&m, FIELD_PROCESS, 0);
    tell_spawned(successor, 1235);
    tell_report(successor, "READY");
    expect(channel, FROM_ENGINE, MSG_DONE);
    ck_assert_int_eq(slot_state(word_of(slot)), SLOT_EMPTY);
    fd_close(&app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_lease");

    ADD(suite, "leases", setup_leasing, teardown,
        a_lease_is_lent_without_want_and_kept_without_a_message,
        a_free_lease_is_taken_back_for_who_asks,
        a_busy_lease_gets_want_while_somebody_waits,
        a_lease_that_turns_free_unseen_is_found_while_somebody_waits,
        an_unused_lease_is_taken_back_after_a_while,
        requests_by_lease_are_counted,
        who_is_told_of_new_code_finds_no_lease_of_the_old);
    return program_run(suite);
}
