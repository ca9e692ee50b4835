/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_engine.c - what an engine's end means for processes, and what its
 * successor is told.
 */
#include <check.h>
#include <unistd.h>

#include "connect.h"
#include "engine_keeper.h"
#include "master_world.h"
#include "program.h"

START_TEST(next_engine_is_told_everything_in_order)
{
    int channel, connection;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    world_expect_report(process, "READY");
    world_say(MSG_READY, FIELD_PROCESS, process, 0);
    world_say(MSG_MAKE_CHANNEL, FIELD_CLIENT, client, FIELD_CHANNEL, 1, 0);
    world_expect(MSG_CHANNEL_NEW);
    ck_assert_uint_eq(world.in.n_fds, 2);
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, 5, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    connection = wire_take_fd(&world.in, 0);
    world.m->engine_before = true;
    world_replace_engine();
    engine_keeper_tell(world.m);
    world_expect(MSG_DEFINE);
    world_expect(MSG_CLIENT_NEW);
    ck_assert_uint_eq(world.in.n_fds, 2);
    world_expect(MSG_CHANNEL_NEW);
    ck_assert_uint_eq(world.in.n_fds, 1);
    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(world_field(FIELD_STATUS), 1);
    ck_assert_uint_eq(world.in.n_fds, 1);
    world_expect_report(process, "READY"); /* the first it said, once more */
    world_expect(MSG_SLOT_KEPT);
    ck_assert_uint_eq(world_field(FIELD_SLOT), 5);
    world_expect(MSG_START);
    ck_assert_uint_eq(world_field(FIELD_STATUS), 1);
    ck_assert_uint_eq(world_field(FIELD_NUMBER), process);
    ck_assert(!world_is_at_end(connection));
    close(connection);
    close(channel);
}
END_TEST

START_TEST(engine_that_was_up_is_followed_at_once_for_longer)
{
    ck_assert_int_eq(engine_keeper_delay(0, false), 0);
    ck_assert_int_eq(engine_keeper_delay(1, false), APR_USEC_PER_SEC / 10);
    ck_assert_int_eq(engine_keeper_delay(20, true), 0);
    ck_assert_int_eq(engine_keeper_delay(1000, true), 5 * APR_USEC_PER_SEC);
    ck_assert_int_eq(engine_keeper_delay(1000, false), 5 * APR_USEC_PER_SEC);
}
END_TEST

START_TEST(report_without_an_engine_waits_for_the_next)
{
    uint32_t process = world_process("dd count=1 bs=1 >/dev/null 2>&1 <&3;"
                                     REPORT_READY "exec sleep 1000");

    world_replace_engine();
    world_expect_report(process, "READY");
}
END_TEST

START_TEST(probes_and_what_waited_are_revoked_with_their_engine)
{
    uint32_t process = world_process("exec sleep 1000");

    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 1, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 2, FIELD_PROCESS,
              process, FIELD_WAIT_ACCEPT, 1, 0);
    connect_engine_lost(world.m);
    ck_assert_uint_eq(apr_hash_count(world.m->connections), 0);
}
END_TEST

/* An application that reports without end is held up by its socket; the master
 * does not grow, and goes on. */
START_TEST(flood_of_reports_waits_in_the_application)
{
    uint32_t process = world_process("while printf FLOOD >&4; do :; done");
    struct link_packet *packet;
    unsigned queued = 0;

    for (int i = 0; i < 100; i++) {
        world_turn();
    }
    for (packet = STAILQ_FIRST(&world.m->link_queue); packet != NULL;
         packet = *(struct link_packet **)(void *)packet) {
        queued++;
    }
    ck_assert_uint_le(queued, 32);
    for (int i = 0; i < 1000; i++) {
        world_expect_report(process, "FLOOD");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_engine");
    TCase *c = program_case(suite, "engine", world_begin, world_end);

    tcase_add_test(c, next_engine_is_told_everything_in_order);
    tcase_add_test(c, engine_that_was_up_is_followed_at_once_for_longer);
    tcase_add_test(c, report_without_an_engine_waits_for_the_next);
    tcase_add_test(c, probes_and_what_waited_are_revoked_with_their_engine);
    tcase_add_test(c, flood_of_reports_waits_in_the_application);
    return program_run(suite);
}
