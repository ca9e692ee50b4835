/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_processes.c - processes as the master keeps them: spawned,
 * signalled, ended; with shell scripts as applications.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master_world.h"
#include "processes.h"
#include "program.h"
#include "stop.h"

START_TEST(process_is_spawned_reports_prints_and_ends)
{
    char text[64] = "";
    uint32_t process = world_process(
        REPORT_READY "echo printed; exit 3");
    pid_t pid = (pid_t)world_field(FIELD_PID);
    int output = wire_take_fd(&world.in, 0);

    ck_assert_int_gt(pid, 0);
    world_expect_report(process, "READY");
    world_expect_gone(process);
    ck_assert_int_eq(WEXITSTATUS((int)world_field(FIELD_EXIT_STATUS)), 3);
    ck_assert_int_gt(read(output, text, sizeof(text) - 1), 0);
    ck_assert_str_eq(text, "printed\n");
    close(output);
    ck_assert_ptr_null(process_find(world.m, process));
}
END_TEST

START_TEST(spawn_server_is_told_the_definition_and_what_was_at_start)
{
    uint32_t process;

    world.m->nofile = 77;
    process = world_process("printf '%s' \"$*\" >&4;"
                            "n=$(wc -c); printf $n >&4");
    world_expect(MSG_REPORTED);
    /* Without a configuration no user is kept for the engine alone. */
    ck_assert_ptr_nonnull(strstr(wire_get_text(&world.in, FIELD_REPORT, NULL),
                                 "--listeners 1 --nofile 77"));
    world_expect(MSG_REPORTED);
    ck_assert_int_gt(atoi(wire_get_text(&world.in, FIELD_REPORT, NULL)), 40);
    world_expect_gone(process);
}
END_TEST

START_TEST(what_it_says_last_is_heard_before_it_is_gone)
{
    uint32_t process = world_process(
        "for i in 1 2 3 4 5; do printf \"ERROR $i\" >&4; done; exit 1");

    for (int i = 1; i <= 5; i++) {
        char text[32];

        snprintf(text, sizeof(text), "ERROR %d", i);
        world_expect_report(process, text);
    }
    world_expect_gone(process);
}
END_TEST

START_TEST(what_cannot_be_spawned_is_told_with_its_reason)
{
    uint32_t app = world_definition();

    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, 99, 0);
    world_expect_spawn_error(1, ENOENT, "definition is gone");
    world_say(MSG_SPAWN, FIELD_PROCESS, 2, FIELD_APP, app, FIELD_LISTENERS,
              1000, 0);
    world_expect_spawn_error(2, EINVAL, "too many listeners");
    world.m->options.runtime_dir = "/nonexistent";
    world_say(MSG_SPAWN, FIELD_PROCESS, 3, FIELD_APP, app, 0);
    world_expect_spawn_error(3, ENOENT, "below /nonexistent");
    world_say(MSG_FORK, FIELD_PROCESS, 4, FIELD_PRELOADER, 3, FIELD_LISTENER, 0,
              0);
    world_expect_spawn_error(4, ESRCH, "preloader is gone");
}
END_TEST

START_TEST(spawn_server_that_cannot_run_is_the_processes_error)
{
    uint32_t process;

    world_set_spawn_server("exit 0");
    world.m->options.spawn_server = "/nonexistent/spawn";
    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, world_definition(), 0);
    world_expect(MSG_SPAWNED);
    process = world_field(FIELD_PROCESS);
    world_expect_report(process, "ERROR /nonexistent/spawn cannot be run: "
                             "No such file or directory");
    world_expect_gone(process);
}
END_TEST

START_TEST(number_of_a_process_is_never_used_twice)
{
    uint32_t process = world_process(REPORT_READY);

    world_expect_report(process, "READY");
    world_expect_gone(process);
    world_say(MSG_SPAWN, FIELD_PROCESS, process, FIELD_APP, 1, 0);
    world_expect_nothing();
}
END_TEST

START_TEST(process_is_signalled_by_number)
{
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    world_expect_report(process, "READY");
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGSTOP, 0);
    world_say(MSG_KILL, FIELD_PROCESS, process + 1, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_nothing();
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGTERM, 0);
    world_expect_gone(process);
    ck_assert_int_eq(WTERMSIG((int)world_field(FIELD_EXIT_STATUS)), SIGTERM);
}
END_TEST

/* Both in its session and out of it, the latter known by its output. */
START_TEST(with_a_process_ends_all_that_it_left_behind)
{
    uint32_t process = world_process(
        "exec setsid -w sh -c 'sleep 1000 & (setsid sleep 1000 &);"
        "(sleep 1000 &); printf READY >&4; exit 0'");

    world_expect_report(process, "READY");
    world_expect_gone(process);
    for (int i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG) != -1; i++) {
        world_turn();
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(stopping_ends_what_ignores_it)
{
    uint32_t process = world_process("trap '' TERM; printf READY >&4;"
                                     "while true; do sleep 1000; done");
    apr_time_t begin = loop_now(world.m->loop);

    world_expect_report(process, "READY");
    stop_quickly(world.m, "a test");
    world_expect(MSG_STOP);
    for (int i = 0; i < 1000 && process_find(world.m, process) != NULL; i++) {
        world_turn();
    }
    ck_assert_ptr_null(process_find(world.m, process));
    ck_assert_int_ge(loop_now(world.m->loop) - begin, 1400000);
    ck_assert_int_eq(world.m->link, -1);
}
END_TEST

START_TEST(nothing_is_spawned_while_stopping)
{
    uint32_t app = world_definition();

    stop_begin(world.m, "a test");
    world_expect(MSG_STOP);
    world.m->phase = MASTER_DRAINING; /* with nothing to wait for it is over */
    ck_assert_int_eq(world.m->link, -1);
    world_replace_engine();
    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, app, 0);
    world_expect_spawn_error(1, ESHUTDOWN, "going down");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_processes");
    TCase *c = program_case(suite, "processes", world_begin, world_end);

    tcase_add_test(c, process_is_spawned_reports_prints_and_ends);
    tcase_add_test(c,
                   spawn_server_is_told_the_definition_and_what_was_at_start);
    tcase_add_test(c, what_it_says_last_is_heard_before_it_is_gone);
    tcase_add_test(c, what_cannot_be_spawned_is_told_with_its_reason);
    tcase_add_test(c, spawn_server_that_cannot_run_is_the_processes_error);
    tcase_add_test(c, number_of_a_process_is_never_used_twice);
    tcase_add_test(c, process_is_signalled_by_number);
    tcase_add_test(c, with_a_process_ends_all_that_it_left_behind);
    tcase_add_test(c, stopping_ends_what_ignores_it);
    tcase_add_test(c, nothing_is_spawned_while_stopping);
    return program_run(suite);
}
