/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_session.c - a request from GET to the end of its session, and its
 * process from spawning to its end.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "engine_world.h"
#include "program.h"
#include "socket.h"

START_TEST(a_first_get_adopts_spawns_connects_and_offers)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    fd_close(&app);
}
END_TEST

START_TEST(a_second_session_needs_no_connection_and_no_descriptor)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    give_back(slot, MSG_RETURN);
    say_get(3);
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
    ck_assert_uint_eq(m.n_fds, 0);
    expect_silence(master);
    fd_close(&app);
}
END_TEST

static void get_by_root(uint32_t id, const char *root)
{
    struct wire_message out;

    begin(&out, MSG_GET, id);
    wire_put_text(&out, FIELD_ROOT, root);
    finish(channel, &out);
}

/* A client that invents roots gets no other one out of the pool server. */
START_TEST(roots_that_nobody_uses_make_room_for_new_ones)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    unsigned forgotten = 0;

    for (uint32_t i = 1; i < MAX_ADOPTED; i++) {
        ck_assert_int_eq(wire_wait_writable(master, PATIENCE_MS), 1);
        tell_define(APP + i);
    }
    ask(MSG_PING, 5); /* is answered when these have been read */
    expect(channel, FROM_ENGINE, MSG_PONG);
    get_by_root(6, "/srv/another");
    do {
        ck_assert_int_eq(wire_wait_readable(master, PATIENCE_MS), 1);
        ck_assert_int_eq(wire_receive(master, &m, FROM_ENGINE, NULL), 1);
        forgotten += wire_type(&m) == MSG_FORGET;
        ck_assert(wire_type(&m) != MSG_FORGET ||
                  wire_get_u32(&m, FIELD_APP, 0) != APP);
    } while (wire_type(&m) != MSG_ADOPT);
    ck_assert_uint_gt(forgotten, 0);
    give_back(slot, MSG_RETURN);
    fd_close(&app);
}
END_TEST

START_TEST(a_return_that_comes_twice_changes_nothing)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    give_back(slot, MSG_RETURN);
    say(MSG_RETURN, 0, FIELD_SLOT, slot);
    say(MSG_RETURN, 0, FIELD_SLOT, BOARD_SLOTS + 1);
    ask(MSG_GET_ACTIVE, 5);
    expect(channel, FROM_ENGINE, MSG_VALUE);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 9), 0);
    ask(MSG_GET_COUNT, 6);
    expect(channel, FROM_ENGINE, MSG_VALUE);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 9), 1);
    fd_close(&app);
}
END_TEST

START_TEST(a_dirty_session_keeps_the_process_until_a_probe_is_accepted)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    int probe;

    give_back(slot, MSG_CLOSED);
    expect(master, FROM_ENGINE, MSG_REVOKE);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 99), 0);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_WAIT_ACCEPT, 0), 1);
    probe = tell_connected();
    expect(master, FROM_ENGINE, MSG_REVOKE);
    say_get(3);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 99), CLIENT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROCESS, 0), process);
    fd_close(&app);
    fd_close(&probe);
}
END_TEST

START_TEST(a_cancelled_get_is_answered_and_lends_nothing)
{
    say_get(2);
    expect(master, FROM_ENGINE, MSG_ADOPT);
    uint32_t adoption = wire_request_id(&m);

    ask(MSG_CANCEL, 2);
    expect(channel, FROM_ENGINE, MSG_CANCELLED);
    tell_define(APP);
    tell_adopted(adoption);
    expect_silence(channel);
    expect_silence(master);
}
END_TEST

START_TEST(a_failed_start_is_told_with_its_words_and_a_page)
{
    uint32_t process = get_up_to_spawn();

    tell_spawned(process, 1234);
    tell_report(process, "ERROR no module named <flask>");
    tell_gone(process, 1 << 8);
    expect(channel, FROM_ENGINE, MSG_REFUSED);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_STATUS, 0), STATUS_SPAWN_FAILED);
    ck_assert_str_eq(wire_get_text(&m, FIELD_MESSAGE, NULL),
                     "no module named <flask>");
    ck_assert_ptr_nonnull(strstr(wire_get_text(&m, FIELD_PAGE, NULL),
                                 "no module named &lt;flask&gt;"));
}
END_TEST

START_TEST(only_the_exact_word_of_its_own_makes_a_process_ready)
{
    uint32_t process = get_up_to_spawn();

    tell_spawned(process, 1234);
    tell_report(process, "READY 3");
    tell_report(process, "READYMADE");
    expect_silence(master);
    tell_report(process, "READY");
    expect(master, FROM_ENGINE, MSG_READY);
}
END_TEST

START_TEST(a_sticky_get_waits_for_its_process)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    uint64_t sticky = wire_get_u64(&m, FIELD_STICKY, 0);
    struct wire_message out;

    ck_assert_uint_ne(sticky, 0);
    begin(&out, MSG_GET, 5);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u64(&out, FIELD_STICKY, sticky);
    finish(channel, &out);
    expect_silence(master); /* any other GET would have had a process started */
    give_back(slot, MSG_RETURN);
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROCESS, 0), process);
    fd_close(&app);
}
END_TEST

START_TEST(a_process_that_dies_silently_is_described_by_its_end)
{
    uint32_t process = get_up_to_spawn();

    tell_spawned(process, 1234);
    tell_gone(process, SIGKILL);
    expect(channel, FROM_ENGINE, MSG_REFUSED);
    ck_assert_ptr_nonnull(strstr(wire_get_text(&m, FIELD_MESSAGE, NULL),
                                 "signal 9"));
}
END_TEST

START_TEST(the_death_of_a_process_revokes_its_slots)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    uint16_t generation = slot_generation(atomic_load(&board[slot].word));

    tell_gone(process, SIGKILL);
    tell_report(process, "too late");
    say_get(3);
    expect(master, FROM_ENGINE, MSG_SPAWN);
    ck_assert_uint_eq(slot_generation(atomic_load(&board[slot].word)),
                      generation + 1u);
    ck_assert_int_eq(slot_state(atomic_load(&board[slot].word)), SLOT_EMPTY);
    fd_close(&app);
}
END_TEST

START_TEST(the_end_of_a_client_gives_its_sessions_back)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    fd_close(&channel);
    expect(master, FROM_ENGINE, MSG_DROP_CLIENT);
    expect(master, FROM_ENGINE, MSG_CONNECT); /* it was busy: a probe */
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 99), 0);
    fd_close(&app);
}
END_TEST

START_TEST(a_touched_restart_file_starts_new_code)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    struct wire_message out;

    begin(&out, MSG_SEEN, 0);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_u32(&out, FIELD_NUMBER, SEEN_RESTART);
    finish(master, &out);
    expect(master, FROM_ENGINE, MSG_SPAWN); /* its successor comes up first */
    ck_assert_uint_ne(wire_get_u32(&m, FIELD_PROCESS, 0), process);
    fd_close(&app);
}
END_TEST

/* GET of a root whose type nobody knows: its preloader comes first. */
static uint32_t get_of_unknown_type(void)
{
    struct wire_message out;

    say_get(2);
    expect(master, FROM_ENGINE, MSG_ADOPT);
    begin(&out, MSG_DEFINE, 0);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u32(&out, FIELD_TYPE, TYPE_AUTO);
    finish(master, &out);
    tell_adopted(wire_request_id(&m));
    expect(master, FROM_ENGINE, MSG_SPAWN);
    ck_assert_uint_gt(wire_get_u32(&m, FIELD_LISTENERS, 0), 0);
    return wire_get_u32(&m, FIELD_PROCESS, 0);
}

START_TEST(what_has_no_preloader_is_started_directly_and_spoken_to_by_its_type)
{
    uint32_t preloader = get_of_unknown_type(), process;
    int app;

    tell_spawned(preloader, 1234);
    tell_report(preloader, "SPAWN type=4 uid=5 user=games");
    expect(master, FROM_ENGINE, MSG_SPAWN);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_LISTENERS, 0), 0);
    process = wire_get_u32(&m, FIELD_PROCESS, 0);
    tell_gone(preloader, 0);
    tell_spawned(process, 1235);
    tell_report(process, "SPAWN type=4 uid=5 user=games");
    tell_report(process, "READY");
    expect(master, FROM_ENGINE, MSG_READY);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    app = tell_connected();
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROTOCOL, 0), PROTOCOL_HTTP);
    say_get(3); /* one process takes any number of requests */
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_PROCESS, 0), process);
    fd_close(&app);
}
END_TEST

START_TEST(a_command_is_ready_when_it_has_accepted_a_probe)
{
    uint32_t process = get_up_to_spawn();
    int probe, app;

    tell_spawned(process, 1234);
    tell_report(process, "SPAWN type=7 uid=5 user=games");
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 9), 0);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_WAIT_ACCEPT, 0), 1);
    probe = tell_connected();
    expect(master, FROM_ENGINE, MSG_REVOKE);
    expect(master, FROM_ENGINE, MSG_READY);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), CLIENT);
    app = tell_connected();
    expect(channel, FROM_ENGINE, MSG_OFFER);
    fd_close(&probe);
    fd_close(&app);
}
END_TEST

START_TEST(files_are_watched_until_the_last_process_ends)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    give_back(slot, MSG_RETURN);
    tell_gone(process, 0);
    expect(master, FROM_ENGINE, MSG_WATCH);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 9), WATCH_OFF);
    fd_close(&app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_session");

    ADD(suite, "sessions", setup_greeted, teardown,
        a_first_get_adopts_spawns_connects_and_offers,
        roots_that_nobody_uses_make_room_for_new_ones,
        a_second_session_needs_no_connection_and_no_descriptor,
        a_return_that_comes_twice_changes_nothing,
        a_dirty_session_keeps_the_process_until_a_probe_is_accepted,
        a_cancelled_get_is_answered_and_lends_nothing,
        a_failed_start_is_told_with_its_words_and_a_page,
        only_the_exact_word_of_its_own_makes_a_process_ready,
        a_sticky_get_waits_for_its_process,
        a_process_that_dies_silently_is_described_by_its_end,
        the_death_of_a_process_revokes_its_slots,
        the_end_of_a_client_gives_its_sessions_back,
        a_touched_restart_file_starts_new_code,
        files_are_watched_until_the_last_process_ends,
        what_has_no_preloader_is_started_directly_and_spoken_to_by_its_type,
        a_command_is_ready_when_it_has_accepted_a_probe);
    return program_run(suite);
}
