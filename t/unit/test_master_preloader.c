/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_preloader.c - processes that a preloader forks.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connect.h"
#include "listener.h"
#include "master_world.h"
#include "processes.h"
#include "program.h"

/* Two listeners at 3 and 4, reports at 5. A fork is forked twice with setsid
 * between, as loaders do it. */
static const char preloader_script[] =
    "printf READY >&5\n"
    "while true; do\n"
    "  set -- $(dd bs=64 count=1 <&5 2>/dev/null)\n"
    "  [ \"$1\" = FORK ] || exit 0\n"
    "  if [ -e \"$0.fail\" ]; then printf \"FAILED $2 no\" >&5\n"
    "  else setsid sh -c"
    "    \"(printf 'READY $2' >&5; exec sleep 1000) & exit 0\"\n"
    "  fi\n"
    "done\n";

static uint32_t make_preloader(void)
{
    uint32_t app = world_definition();

    world_set_spawn_server(preloader_script);
    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, app, FIELD_LISTENERS, 2,
              0);
    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(world_field(FIELD_LISTENERS), 2);
    world_expect_report(1, "READY");
    return 1;
}

static void assert_forked(uint32_t number, uint32_t listener)
{
    char ready[16];

    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(world_field(FIELD_PROCESS), number);
    ck_assert_uint_eq(world_field(FIELD_PRELOADER), 1);
    ck_assert_uint_eq(world_field(FIELD_LISTENER), listener);
    snprintf(ready, sizeof(ready), "READY %u", listener);
    world_expect_report(number, ready);
}

static void fork_from_preloader(uint32_t number, uint32_t listener)
{
    world_say(MSG_FORK, FIELD_PROCESS, number, FIELD_PRELOADER, 1,
              FIELD_LISTENER, listener, 0);
}

START_TEST(preloader_forks_one_after_the_other)
{
    make_preloader();
    fork_from_preloader(2, 1);
    fork_from_preloader(3, 0);
    assert_forked(2, 1);
    assert_forked(3, 0);
    world_say(MSG_KILL, FIELD_PROCESS, 3, FIELD_SIGNAL, SIGTERM, 0);
    world_expect_gone(3);
    ck_assert_int_eq(WTERMSIG((int)world_field(FIELD_EXIT_STATUS)), SIGTERM);
    world_say(MSG_KILL, FIELD_PROCESS, 1, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_gone(1);
    world_expect_nothing(); /* the other fork goes on */
    ck_assert_ptr_nonnull(process_find(world.m, 2));
}
END_TEST

START_TEST(connection_to_a_fork_is_ended_with_it_though_the_listener_stays)
{
    int connection;

    make_preloader();
    fork_from_preloader(2, 1);
    assert_forked(2, 1);
    world_expect_connect_error(0, 1, 1, ESRCH); /* a preloader serves nobody */
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 1, FIELD_PROCESS, 2, 0);
    world_expect(MSG_CONNECTED);
    connection = wire_take_fd(&world.in, 0);
    world_say(MSG_KILL, FIELD_PROCESS, 2, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_gone(2);
    ck_assert(world_is_at_end(connection));
    ck_assert(!listener_has_waiting(process_find(world.m, 1)->listeners[1]));
    close(connection);
}
END_TEST

START_TEST(fork_that_fails_is_told_and_the_next_one_asked_for)
{
    char path[128];
    FILE *file;

    make_preloader();
    snprintf(path, sizeof(path), "%s/spawn.fail", world.folder);
    file = fopen(path, "we");
    fclose(file);
    fork_from_preloader(2, 0);
    world_expect_report(1, "FAILED 0 no");
    world_expect_spawn_error(2, ECHILD, "could not fork");
    unlink(path);
    fork_from_preloader(3, 0);
    assert_forked(3, 0);
}
END_TEST

START_TEST(fork_that_was_cancelled_is_killed_when_it_comes)
{
    make_preloader();
    kill(process_find(world.m, 1)->pid, SIGSTOP);
    fork_from_preloader(2, 0);
    fork_from_preloader(3, 1);
    world_say(MSG_KILL, FIELD_PROCESS, 2, FIELD_SIGNAL, SIGTERM, 0);
    world_expect_spawn_error(2, ECANCELED, "before it was forked");
    kill(process_find(world.m, 1)->pid, SIGCONT);
    assert_forked(3, 1);
    world_say(MSG_KILL, FIELD_PROCESS, 1, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_gone(1);
}
END_TEST

/* Somebody who is not below the master, but may be of an application's user. */
static int elsewhere[2];
static pid_t stranger;

/* It speaks with each descriptor that it is sent, and says that it has. */
static void be_a_stranger(void)
{
    struct wire_message m;

    close(elsewhere[0]);
    wire_message_init(&m);
    while (wire_wait_readable(elsewhere[1], -1) == 1 &&
           wire_receive(elsewhere[1], &m, FROM_ENGINE, NULL) == 1) {
        int fd = wire_take_fd(&m, 0);

        if (write(fd, "READY 0", 7) != 7 || write(elsewhere[1], "", 1) != 1) {
            break;
        }
        close(fd);
    }
    _exit(0);
}

static void have_the_stranger_report(pid_t preloader)
{
    int pidfd = (int)syscall(SYS_pidfd_open, preloader, 0);
    int reports = (int)syscall(SYS_pidfd_getfd, pidfd, 5, 0);
    struct wire_message m;
    char done;

    ck_assert_int_ge(reports, 0);
    wire_message_init(&m);
    wire_message_begin(&m, MSG_CHANNEL, 1);
    wire_put_fd(&m, &reports);
    ck_assert_int_eq(wire_send(elsewhere[0], &m), 0);
    wire_message_clear(&m);
    ck_assert_int_eq(wire_wait_readable(elsewhere[0], 5000), 1);
    ck_assert_int_eq(read(elsewhere[0], &done, 1), 1);
    close(pidfd);
}

START_TEST(process_from_elsewhere_is_taken_for_no_fork)
{
    pid_t preloader;

    make_preloader();
    preloader = process_find(world.m, 1)->pid;
    kill(preloader, SIGSTOP);
    fork_from_preloader(2, 0);
    have_the_stranger_report(preloader);
    world_expect_nothing();
    ck_assert_int_eq(process_find(world.m, 2)->pid, 0);
    kill(preloader, SIGCONT);
    assert_forked(2, 0);
    ck_assert_int_eq(kill(stranger, 0), 0);
}
END_TEST

START_TEST(forks_end_with_a_preloader_that_never_forked)
{
    make_preloader();
    kill(process_find(world.m, 1)->pid, SIGSTOP);
    fork_from_preloader(2, 0);
    fork_from_preloader(3, 1);
    world_say(MSG_KILL, FIELD_PROCESS, 1, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_spawn_error(3, ECHILD, "preloader has ended");
    world_expect_spawn_error(2, ECHILD, "preloader has ended");
    world_expect_gone(1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_preloader");
    TCase *c = program_case(suite, "forks", world_begin, world_end);
    int result;

    if (wire_pair(elsewhere) < 0 || (stranger = fork()) < 0) {
        return EXIT_FAILURE;
    }
    if (stranger == 0) {
        be_a_stranger();
    }
    fd_close(&elsewhere[1]);
    tcase_add_test(c, preloader_forks_one_after_the_other);
    tcase_add_test(
        c, connection_to_a_fork_is_ended_with_it_though_the_listener_stays);
    tcase_add_test(c, fork_that_fails_is_told_and_the_next_one_asked_for);
    tcase_add_test(c, fork_that_was_cancelled_is_killed_when_it_comes);
    tcase_add_test(c, process_from_elsewhere_is_taken_for_no_fork);
    tcase_add_test(c, forks_end_with_a_preloader_that_never_forked);
    result = program_run(suite);
    fd_close(&elsewhere[0]); /* it ends */
    waitpid(stranger, NULL, 0);
    return result;
}
