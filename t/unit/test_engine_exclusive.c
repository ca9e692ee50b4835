/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_engine_exclusive.c - processes that serve a connection until its end.
 */
#include <check.h>
#include <signal.h>

#include "engine_world.h"
#include "program.h"
#include "socket.h"

#define OTHER (CLIENT + 1)

static void setup_kind(uint32_t type, uint32_t protocol, uint32_t concurrency)
{
    kind = (struct kind){ type, protocol, concurrency };
    setup_leasing();
    say(MSG_SET_MAX, 4, FIELD_NUMBER, 1);
    expect(channel, FROM_ENGINE, MSG_DONE);
}

static void setup_php(void)
{
    setup_kind(TYPE_PHP, PROTOCOL_FASTCGI, 1);
}

static void setup_two_at_once(void)
{
    setup_kind(TYPE_COMMAND, PROTOCOL_FASTCGI, 2);
}

static void setup_foreign_scgi(void)
{
    setup_kind(TYPE_COMMAND, PROTOCOL_SCGI, 0);
}

static void setup_http(void)
{
    setup_kind(TYPE_COMMAND, PROTOCOL_HTTP, 1);
}

static void expect_revoke(uint32_t client, uint32_t slot)
{
    expect(master, FROM_ENGINE, MSG_REVOKE);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), client);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
}

static void expect_connect(uint32_t client)
{
    expect(master, FROM_ENGINE, MSG_CONNECT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_CLIENT, 0), client);
}

/* OFFER, accepted. Returns its slot. */
static uint32_t accept_offer(void)
{
    uint32_t slot;

    expect(channel, FROM_ENGINE, MSG_OFFER);
    slot = wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS);
    ck_assert(slot_apply(&board[slot], SLOT_ACCEPT, NULL));
    return slot;
}

START_TEST(the_former_connection_ends_before_another_client_gets_one)
{
    uint32_t process, slot, generation;
    int app = get_session(&process, &slot);
    int other;

    generation = slot_generation(word_of(slot));
    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    be_client(OTHER);
    say_get(3);
    expect_revoke(CLIENT, slot);
    expect_connect(OTHER);
    other = tell_connected();
    accept_offer();
    be_client(CLIENT);
    ck_assert_uint_eq(slot_generation(word_of(slot)), generation + 1);
    ck_assert(!slot_apply(&board[slot], SLOT_CLAIM, NULL));
    fd_close(&other);
    fd_close(&app);
}
END_TEST

START_TEST(a_busy_connection_is_left_until_its_request_is_over)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    int other;

    be_client(OTHER);
    say_get(3);
    be_client(CLIENT);
    expect_word(slot, SLOT_BUSY, true);
    expect_silence(master);
    give_back(slot, MSG_RETURN);
    expect_revoke(CLIENT, slot);
    expect_connect(OTHER);
    other = tell_connected();
    be_client(OTHER);
    accept_offer();
    fd_close(&other);
    fd_close(&app);
}
END_TEST

START_TEST(the_same_client_keeps_its_connection)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    expect_word(slot, SLOT_EMPTY, false); /* unused for a while */
    say_get(3);
    ck_assert_uint_eq(accept_offer(), slot);
    ck_assert_uint_eq(m.n_fds, 0);
    expect_silence(master);
    fd_close(&app);
}
END_TEST

START_TEST(a_process_that_ends_sees_its_kept_connection_end_first)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    say(MSG_DETACH_PROCESS, 6, FIELD_PID, 1234);
    expect(channel, FROM_ENGINE, MSG_DONE);
    expect_revoke(CLIENT, slot);
    expect(master, FROM_ENGINE, MSG_KILL);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SIGNAL, 0), SIGTERM);
    fd_close(&app);
}
END_TEST

START_TEST(only_as_many_connections_end_as_are_in_the_way)
{
    uint32_t process, first, second;
    int app[3];

    app[0] = get_session(&process, &first);
    say_get(3);
    expect_connect(CLIENT);
    app[1] = tell_connected();
    second = accept_offer();
    give_back(second, MSG_RETURN);
    be_client(OTHER);
    say_get(3);
    be_client(CLIENT);
    if (slot_state(word_of(second)) == SLOT_FREE) {
        expect_word(second, SLOT_EMPTY, false);
    }
    expect_revoke(CLIENT, second);
    expect_connect(OTHER);
    app[2] = tell_connected();
    ck_assert_int_eq(slot_state(word_of(first)), SLOT_BUSY);
    for (int i = 0; i < 3; i++) {
        fd_close(&app[i]);
    }
}
END_TEST

START_TEST(without_a_bound_no_connection_outlives_its_request)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);

    ck_assert(slot_wanted(word_of(slot)));
    give_back(slot, MSG_RETURN);
    expect_revoke(CLIENT, slot);
    say_get(3);
    expect_connect(CLIENT);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS), slot);
    fd_close(&app);
}
END_TEST

START_TEST(an_http_server_keeps_a_connection_for_every_client)
{
    uint32_t process, slot;
    int app = get_session(&process, &slot);
    int other;

    ck_assert(slot_apply(&board[slot], SLOT_RELEASE, NULL));
    be_client(OTHER);
    say_get(3);
    expect_connect(OTHER);
    other = tell_connected();
    accept_offer();
    fd_close(&other);
    fd_close(&app);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine, exclusive");

    ADD(suite, "php", setup_php, teardown,
        the_former_connection_ends_before_another_client_gets_one,
        a_busy_connection_is_left_until_its_request_is_over,
        the_same_client_keeps_its_connection,
        a_process_that_ends_sees_its_kept_connection_end_first);
    ADD(suite, "two at once", setup_two_at_once, teardown,
        only_as_many_connections_end_as_are_in_the_way);
    ADD(suite, "foreign scgi", setup_foreign_scgi, teardown,
        without_a_bound_no_connection_outlives_its_request);
    ADD(suite, "http", setup_http, teardown,
        an_http_server_keeps_a_connection_for_every_client);
    return program_run(suite);
}
