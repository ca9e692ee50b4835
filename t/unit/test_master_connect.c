/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_connect.c - connections to processes: made, waited for, revoked.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "connect.h"
#include "listener.h"
#include "master_world.h"
#include "processes.h"
#include "program.h"

START_TEST(connection_is_made_and_revoked_by_client_and_slot)
{
    int channel;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");
    int connection;

    world_expect_report(process, "READY");
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, 5, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    ck_assert_uint_eq(world_field(FIELD_CLIENT), client);
    ck_assert_uint_eq(world_field(FIELD_SLOT), 5);
    connection = wire_take_fd(&world.in, 0);
    ck_assert(!world_is_at_end(connection));
    world_say(MSG_REVOKE, FIELD_CLIENT, client, FIELD_SLOT, 6, 0);
    ck_assert(!world_is_at_end(connection));
    world_say(MSG_REVOKE, FIELD_CLIENT, client, FIELD_SLOT, 5, 0);
    ck_assert(world_is_at_end(connection));
    close(connection);
    close(channel);
}
END_TEST

START_TEST(end_of_the_process_or_the_client_revokes_its_connections)
{
    int channel, connection[2];
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    world_expect_report(process, "READY");
    for (uint32_t slot = 0; slot < 2; slot++) {
        world_say(MSG_CONNECT, FIELD_CLIENT, slot == 0 ? client : 0, FIELD_SLOT,
                  slot, FIELD_PROCESS, process, 0);
        world_expect(MSG_CONNECTED);
        connection[slot] = wire_take_fd(&world.in, 0);
    }
    world_say(MSG_DROP_CLIENT, FIELD_CLIENT, client, 0);
    ck_assert(world_is_at_end(connection[0]));
    ck_assert(world_is_at_end(channel));
    ck_assert(!world_is_at_end(connection[1]));
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_gone(process);
    ck_assert(world_is_at_end(connection[1]));
    close(connection[0]);
    close(connection[1]);
    close(channel);
}
END_TEST

START_TEST(numbers_that_do_not_exist_are_no_connections)
{
    int channel;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process("exec sleep 1000");

    world_expect_connect_error(client, 0, process + 1, ESRCH);
    world_expect_connect_error(client + 1, 0, process, EINVAL);
    world_expect_connect_error(client, 1024, process, EINVAL);
    world_say(MSG_REVOKE, FIELD_CLIENT, 77, FIELD_SLOT, 0, 0);
    world_say(MSG_DROP_CLIENT, FIELD_CLIENT, 77, 0);
    world_say(MSG_DROP_CHANNEL, FIELD_CLIENT, 77, FIELD_CHANNEL, 0, 0);
    world_expect_nothing();
    close(channel);
}
END_TEST

START_TEST(full_backlog_is_an_answer)
{
    uint32_t process = world_process("exec sleep 1000");
    uint32_t slot = 0;
    int fd;

    while (listener_connect(process_listener(process_find(world.m, process)),
                            &fd) == 0) {
        close(fd); /* waits to be accepted all the same */
        slot++;
    }
    ck_assert_uint_gt(slot, 500);
    world_expect_connect_error(0, slot, process, EAGAIN);
}
END_TEST

START_TEST(waiting_for_accept_is_answered_when_it_was_accepted)
{
    uint32_t process = world_process("exec sleep 1000");
    struct listener *listener =
        process_listener(process_find(world.m, process));
    int accepted;

    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 1, FIELD_PROCESS,
              process, FIELD_WAIT_ACCEPT, 1, 0);
    world_expect_nothing();
    accepted = accept(listener->fd, NULL, NULL);
    world_expect(MSG_CONNECTED);
    close(accepted);
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 2, FIELD_PROCESS,
              process, FIELD_WAIT_ACCEPT, 1, 0);
    world_expect_nothing();
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGKILL, 0);
    world_expect(MSG_CONNECT_ERROR);
    world_expect_gone(process);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_connect");
    TCase *c = program_case(suite, "connections", world_begin, world_end);

    tcase_add_test(c, connection_is_made_and_revoked_by_client_and_slot);
    tcase_add_test(c, end_of_the_process_or_the_client_revokes_its_connections);
    tcase_add_test(c, numbers_that_do_not_exist_are_no_connections);
    tcase_add_test(c, full_backlog_is_an_answer);
    tcase_add_test(c, waiting_for_accept_is_answered_when_it_was_accepted);
    return program_run(suite);
}
