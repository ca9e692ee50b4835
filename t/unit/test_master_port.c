/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_port.c - loopback ports, and programs that are to open them.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listener.h"
#include "master_world.h"
#include "port.h"
#include "processes.h"
#include "program.h"

#define STRANGER 1234567 /* a user id that is nobody's */

static bool is_none(void *baton, uint16_t port)
{
    (void)baton;
    (void)port;
    return false;
}

static bool is_first(void *baton, uint16_t port)
{
    uint16_t *first = baton;

    if (*first == 0) {
        *first = port;
    }
    return port == *first;
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    return fd;
}

/* A process that is to open the port, and somebody who waits for it. */
static uint32_t wait_for(uint16_t port)
{
    uint32_t process = world_process("exec sleep 1000");

    process_listener(process_find(world.m, process))->port = port;
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 1, FIELD_PROCESS,
              process, FIELD_WAIT_ACCEPT, 1, 0);
    world_expect_nothing();
    return process;
}

START_TEST(chosen_port_is_free_and_promised_to_nobody)
{
    uint16_t promised = 0;
    uint16_t port = port_choose(is_first, &promised);
    int fd = listen_at(port);

    ck_assert_uint_gt(port, 1023);
    ck_assert_uint_ne(port, promised);
    close(fd);
}
END_TEST

START_TEST(port_is_connected_to_once_somebody_listens)
{
    uint16_t port = port_choose(is_none, NULL);
    uid_t uid = STRANGER;
    int fd, listener;

    ck_assert_int_eq(port_connect(port, &fd), -ECONNREFUSED);
    ck_assert_int_eq(fd, -1);
    ck_assert(!port_owner(port, &uid));
    listener = listen_at(port);
    ck_assert_int_eq(port_connect(port, &fd), 0);
    ck_assert(port_owner(port, &uid));
    ck_assert_uint_eq(uid, geteuid());
    close(fd);
    close(listener);
}
END_TEST

START_TEST(program_is_waited_for_until_its_port_is_open)
{
    uint16_t port = port_choose(is_none, NULL);
    uint32_t process = wait_for(port);
    int listener = listen_at(port);
    int connection;

    world_expect(MSG_CONNECTED);
    connection = wire_take_fd(&world.in, 0);
    ck_assert_int_ge(connection, 0);
    close(connection);
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 2, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    close(listener);
}
END_TEST

START_TEST(program_that_ends_before_its_port_is_open_is_told)
{
    uint32_t process = wait_for(port_choose(is_none, NULL));

    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGKILL, 0);
    world_expect(MSG_CONNECT_ERROR);
    world_expect(MSG_GONE);
}
END_TEST

static uint16_t stranger_port;

static void listen_as_stranger(void)
{
    ck_assert_int_eq(setuid(STRANGER), 0);
    listen_at(stranger_port);
    pause();
}

START_TEST(port_that_another_user_has_taken_ends_the_program)
{
    uint32_t process;
    pid_t stranger;

    if (geteuid() != 0) {
        printf("port of another user: skipped, it needs root\n");
        return;
    }
    stranger_port = port_choose(is_none, NULL);
    process = wait_for(stranger_port);
    stranger = fork();
    if (stranger == 0) {
        listen_as_stranger();
    }
    world_expect(MSG_CONNECT_ERROR);
    world_expect(MSG_GONE);
    ck_assert_uint_eq(wire_get_u32(&world.in, FIELD_PROCESS, 0), process);
    ck_assert_int_eq(kill(stranger, SIGKILL), 0);
    ck_assert_int_eq(waitpid(stranger, NULL, 0), stranger);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_port");
    TCase *tcase = program_case(suite, "port", world_begin, world_end);

    tcase_add_test(tcase, chosen_port_is_free_and_promised_to_nobody);
    tcase_add_test(tcase, port_is_connected_to_once_somebody_listens);
    tcase_add_test(tcase, program_is_waited_for_until_its_port_is_open);
    tcase_add_test(tcase, program_that_ends_before_its_port_is_open_is_told);
    tcase_add_test(tcase, port_that_another_user_has_taken_ends_the_program);
    return program_run(suite);
}
