/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_processes.c - processes as the master keeps them: spawned,
 * forked, connected to, signalled, ended; with shell scripts as applications.
 */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_keeper.h"
#include "connect.h"
#include "listener.h"
#include "master_world.h"
#include "processes.h"
#include "program.h"
#include "stop.h"

#define REPORT_READY "printf READY >&4;"

static uint32_t field(enum wire_field f)
{
    return wire_get_u32(&world.in, f, 0);
}

static void assert_reported(uint32_t process, const char *text)
{
    size_t len;
    const char *bytes;

    world_expect(MSG_REPORTED);
    bytes = wire_get_text(&world.in, FIELD_REPORT, &len);
    ck_assert_uint_eq(field(FIELD_PROCESS), process);
    ck_assert_msg(len == strlen(text) && memcmp(bytes, text, len) == 0,
                  "reported \"%.*s\", not \"%s\"", (int)len, bytes, text);
}

static void assert_gone(uint32_t process)
{
    world_expect(MSG_GONE);
    ck_assert_uint_eq(field(FIELD_PROCESS), process);
}

static bool is_at_end(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Spawning ------------------------------------------------------------------- */

START_TEST(process_is_spawned_reports_prints_and_ends)
{
    char text[64] = "";
    uint32_t process = world_process(
        REPORT_READY "echo printed; exit 3");
    pid_t pid = (pid_t)field(FIELD_PID);
    int output = wire_take_fd(&world.in, 0);

    ck_assert_int_gt(pid, 0);
    assert_reported(process, "READY");
    assert_gone(process);
    ck_assert_int_eq(WEXITSTATUS((int)field(FIELD_EXIT_STATUS)), 3);
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
    process = world_process("printf '%s' \"$*\" >&4; n=$(wc -c); printf $n >&4");
    world_expect(MSG_REPORTED);
    /* Without a configuration no user is kept for the engine alone. */
    ck_assert_ptr_nonnull(strstr(wire_get_text(&world.in, FIELD_REPORT, NULL),
                                 "--listeners 1 --nofile 77"));
    world_expect(MSG_REPORTED);
    ck_assert_int_gt(atoi(wire_get_text(&world.in, FIELD_REPORT, NULL)), 40);
    assert_gone(process);
}
END_TEST

START_TEST(what_it_says_last_is_heard_before_it_is_gone)
{
    uint32_t process = world_process(
        "for i in 1 2 3 4 5; do printf \"ERROR $i\" >&4; done; exit 1");

    for (int i = 1; i <= 5; i++) {
        char text[32];

        snprintf(text, sizeof(text), "ERROR %d", i);
        assert_reported(process, text);
    }
    assert_gone(process);
}
END_TEST

static void assert_spawn_error(uint32_t number, int error, const char *part)
{
    world_expect(MSG_SPAWN_ERROR);
    ck_assert_uint_eq(field(FIELD_PROCESS), number);
    ck_assert_uint_eq(field(FIELD_STATUS), (uint32_t)error);
    ck_assert_ptr_nonnull(strstr(wire_get_text(&world.in, FIELD_MESSAGE, NULL),
                                 part));
    ck_assert_ptr_null(process_find(world.m, number));
}

START_TEST(what_cannot_be_spawned_is_told_with_its_reason)
{
    uint32_t app = world_definition();

    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, 99, 0);
    assert_spawn_error(1, ENOENT, "definition is gone");
    world_say(MSG_SPAWN, FIELD_PROCESS, 2, FIELD_APP, app, FIELD_LISTENERS,
              1000, 0);
    assert_spawn_error(2, EINVAL, "too many listeners");
    world.m->options.runtime_dir = "/nonexistent";
    world_say(MSG_SPAWN, FIELD_PROCESS, 3, FIELD_APP, app, 0);
    assert_spawn_error(3, ENOENT, "below /nonexistent");
    world_say(MSG_FORK, FIELD_PROCESS, 4, FIELD_PRELOADER, 3, FIELD_LISTENER, 0,
              0);
    assert_spawn_error(4, ESRCH, "preloader is gone");
}
END_TEST

START_TEST(spawn_server_that_cannot_run_is_the_processes_error)
{
    uint32_t process;

    world_set_spawn_server("exit 0");
    world.m->options.spawn_server = "/nonexistent/spawn";
    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, world_definition(), 0);
    world_expect(MSG_SPAWNED);
    process = field(FIELD_PROCESS);
    assert_reported(process, "ERROR /nonexistent/spawn cannot be run: "
                             "No such file or directory");
    assert_gone(process);
}
END_TEST

START_TEST(number_of_a_process_is_never_used_twice)
{
    uint32_t process = world_process(REPORT_READY);

    assert_reported(process, "READY");
    assert_gone(process);
    world_say(MSG_SPAWN, FIELD_PROCESS, process, FIELD_APP, 1, 0);
    world_expect_nothing();
}
END_TEST

/* Ends ----------------------------------------------------------------------- */

START_TEST(process_is_signalled_by_number)
{
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    assert_reported(process, "READY");
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGSTOP, 0);
    world_say(MSG_KILL, FIELD_PROCESS, process + 1, FIELD_SIGNAL, SIGKILL, 0);
    world_expect_nothing();
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGTERM, 0);
    assert_gone(process);
    ck_assert_int_eq(WTERMSIG((int)field(FIELD_EXIT_STATUS)), SIGTERM);
}
END_TEST

/* Both in its session and out of it, the latter known by its output. */
START_TEST(with_a_process_ends_all_that_it_left_behind)
{
    uint32_t process = world_process(
        "exec setsid -w sh -c 'sleep 1000 & (setsid sleep 1000 &);"
        "(sleep 1000 &); printf READY >&4; exit 0'");

    assert_reported(process, "READY");
    assert_gone(process);
    for (int i = 0; i < 1000 && waitpid(-1, NULL, WNOHANG) != -1; i++) {
        world_turn();
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

/* Connections ---------------------------------------------------------------- */

START_TEST(connection_is_made_and_revoked_by_client_and_slot)
{
    int channel;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");
    int connection;

    assert_reported(process, "READY");
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, 5, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    ck_assert_uint_eq(field(FIELD_CLIENT), client);
    ck_assert_uint_eq(field(FIELD_SLOT), 5);
    connection = wire_take_fd(&world.in, 0);
    ck_assert(!is_at_end(connection));
    world_say(MSG_REVOKE, FIELD_CLIENT, client, FIELD_SLOT, 6, 0);
    ck_assert(!is_at_end(connection));
    world_say(MSG_REVOKE, FIELD_CLIENT, client, FIELD_SLOT, 5, 0);
    ck_assert(is_at_end(connection));
    close(connection);
    close(channel);
}
END_TEST

START_TEST(end_of_the_process_or_the_client_revokes_its_connections)
{
    int channel, connection[2];
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    assert_reported(process, "READY");
    for (uint32_t slot = 0; slot < 2; slot++) {
        world_say(MSG_CONNECT, FIELD_CLIENT, slot == 0 ? client : 0, FIELD_SLOT,
                  slot, FIELD_PROCESS, process, 0);
        world_expect(MSG_CONNECTED);
        connection[slot] = wire_take_fd(&world.in, 0);
    }
    world_say(MSG_DROP_CLIENT, FIELD_CLIENT, client, 0);
    ck_assert(is_at_end(connection[0]));
    ck_assert(is_at_end(channel));
    ck_assert(!is_at_end(connection[1]));
    world_say(MSG_KILL, FIELD_PROCESS, process, FIELD_SIGNAL, SIGKILL, 0);
    assert_gone(process);
    ck_assert(is_at_end(connection[1]));
    close(connection[0]);
    close(connection[1]);
    close(channel);
}
END_TEST

static void assert_connect_error(uint32_t client, uint32_t slot,
                                 uint32_t process, int error)
{
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, slot,
              FIELD_PROCESS, process, 0);
    world_expect(MSG_CONNECT_ERROR);
    ck_assert_uint_eq(field(FIELD_CLIENT), client);
    ck_assert_uint_eq(field(FIELD_SLOT), slot);
    ck_assert_uint_eq(field(FIELD_PROCESS), process);
    ck_assert_uint_eq(field(FIELD_STATUS), (uint32_t)error);
}

START_TEST(numbers_that_do_not_exist_are_no_connections)
{
    int channel;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process("exec sleep 1000");

    assert_connect_error(client, 0, process + 1, ESRCH);
    assert_connect_error(client + 1, 0, process, EINVAL);
    assert_connect_error(client, 1024, process, EINVAL);
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
    assert_connect_error(0, slot, process, EAGAIN);
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
    assert_gone(process);
}
END_TEST

/* Preloaders ----------------------------------------------------------------- */

/* Two listeners at 3 and 4, reports at 5. A fork is forked twice with setsid
 * between, as loaders do it. */
static const char preloader_script[] =
    "printf READY >&5\n"
    "while true; do\n"
    "  set -- $(dd bs=64 count=1 <&5 2>/dev/null)\n"
    "  [ \"$1\" = FORK ] || exit 0\n"
    "  if [ -e \"$0.fail\" ]; then printf \"FAILED $2 no\" >&5\n"
    "  else setsid sh -c \"(printf 'READY $2' >&5; exec sleep 1000) & exit 0\"\n"
    "  fi\n"
    "done\n";

static uint32_t make_preloader(void)
{
    uint32_t app = world_definition();

    world_set_spawn_server(preloader_script);
    world_say(MSG_SPAWN, FIELD_PROCESS, 1, FIELD_APP, app, FIELD_LISTENERS, 2,
              0);
    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(field(FIELD_LISTENERS), 2);
    assert_reported(1, "READY");
    return 1;
}

static void assert_forked(uint32_t number, uint32_t listener)
{
    char ready[16];

    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(field(FIELD_PROCESS), number);
    ck_assert_uint_eq(field(FIELD_PRELOADER), 1);
    ck_assert_uint_eq(field(FIELD_LISTENER), listener);
    snprintf(ready, sizeof(ready), "READY %u", listener);
    assert_reported(number, ready);
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
    assert_gone(3);
    ck_assert_int_eq(WTERMSIG((int)field(FIELD_EXIT_STATUS)), SIGTERM);
    world_say(MSG_KILL, FIELD_PROCESS, 1, FIELD_SIGNAL, SIGKILL, 0);
    assert_gone(1);
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
    assert_connect_error(0, 1, 1, ESRCH); /* a preloader serves nobody */
    world_say(MSG_CONNECT, FIELD_CLIENT, 0, FIELD_SLOT, 1, FIELD_PROCESS, 2, 0);
    world_expect(MSG_CONNECTED);
    connection = wire_take_fd(&world.in, 0);
    world_say(MSG_KILL, FIELD_PROCESS, 2, FIELD_SIGNAL, SIGKILL, 0);
    assert_gone(2);
    ck_assert(is_at_end(connection));
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
    assert_reported(1, "FAILED 0 no");
    assert_spawn_error(2, ECHILD, "could not fork");
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
    assert_spawn_error(2, ECANCELED, "before it was forked");
    kill(process_find(world.m, 1)->pid, SIGCONT);
    assert_forked(3, 1);
    world_say(MSG_KILL, FIELD_PROCESS, 1, FIELD_SIGNAL, SIGKILL, 0);
    assert_gone(1);
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
    assert_spawn_error(3, ECHILD, "preloader has ended");
    assert_spawn_error(2, ECHILD, "preloader has ended");
    assert_gone(1);
}
END_TEST

/* The engine ------------------------------------------------------------------ */

START_TEST(next_engine_is_told_everything_in_order)
{
    int channel, connection;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process(REPORT_READY "exec sleep 1000");

    assert_reported(process, "READY");
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
    ck_assert_uint_eq(field(FIELD_STATUS), 1);
    ck_assert_uint_eq(world.in.n_fds, 1);
    assert_reported(process, "READY"); /* the first it said, once more */
    world_expect(MSG_SLOT_KEPT);
    ck_assert_uint_eq(field(FIELD_SLOT), 5);
    world_expect(MSG_START);
    ck_assert_uint_eq(field(FIELD_STATUS), 1);
    ck_assert_uint_eq(field(FIELD_NUMBER), process);
    ck_assert(!is_at_end(connection));
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
    assert_reported(process, "READY");
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
        assert_reported(process, "FLOOD");
    }
}
END_TEST

/* The end --------------------------------------------------------------------- */

START_TEST(stopping_ends_what_ignores_it)
{
    uint32_t process = world_process("trap '' TERM; printf READY >&4;"
                                     "while true; do sleep 1000; done");
    apr_time_t begin = loop_now(world.m->loop);

    assert_reported(process, "READY");
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
    assert_spawn_error(1, ESHUTDOWN, "going down");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master: processes");
    TCase *spawn = program_case(suite, "spawn", world_begin, world_end);
    TCase *ends = program_case(suite, "connect", world_begin, world_end);
    TCase *forks = program_case(suite, "forks", world_begin, world_end);
    TCase *engine = program_case(suite, "engine", world_begin, world_end);
    int result;

    if (wire_pair(elsewhere) < 0 || (stranger = fork()) < 0) {
        return EXIT_FAILURE;
    }
    if (stranger == 0) {
        be_a_stranger();
    }
    fd_close(&elsewhere[1]);
    tcase_add_test(spawn, process_is_spawned_reports_prints_and_ends);
    tcase_add_test(spawn,
                   spawn_server_is_told_the_definition_and_what_was_at_start);
    tcase_add_test(spawn, what_it_says_last_is_heard_before_it_is_gone);
    tcase_add_test(spawn, what_cannot_be_spawned_is_told_with_its_reason);
    tcase_add_test(spawn, spawn_server_that_cannot_run_is_the_processes_error);
    tcase_add_test(spawn, number_of_a_process_is_never_used_twice);
    tcase_add_test(spawn, process_is_signalled_by_number);
    tcase_add_test(spawn, with_a_process_ends_all_that_it_left_behind);
    tcase_add_test(ends, connection_is_made_and_revoked_by_client_and_slot);
    tcase_add_test(ends,
                   end_of_the_process_or_the_client_revokes_its_connections);
    tcase_add_test(ends, numbers_that_do_not_exist_are_no_connections);
    tcase_add_test(ends, full_backlog_is_an_answer);
    tcase_add_test(ends, waiting_for_accept_is_answered_when_it_was_accepted);
    tcase_add_test(forks, preloader_forks_one_after_the_other);
    tcase_add_test(
        forks, connection_to_a_fork_is_ended_with_it_though_the_listener_stays);
    tcase_add_test(forks, fork_that_fails_is_told_and_the_next_one_asked_for);
    tcase_add_test(forks, fork_that_was_cancelled_is_killed_when_it_comes);
    tcase_add_test(forks, process_from_elsewhere_is_taken_for_no_fork);
    tcase_add_test(forks, forks_end_with_a_preloader_that_never_forked);
    tcase_add_test(engine, next_engine_is_told_everything_in_order);
    tcase_add_test(engine,
                   engine_that_was_up_is_followed_at_once_for_longer);
    tcase_add_test(engine, report_without_an_engine_waits_for_the_next);
    tcase_add_test(engine,
                   probes_and_what_waited_are_revoked_with_their_engine);
    tcase_add_test(engine, flood_of_reports_waits_in_the_application);
    tcase_add_test(engine, stopping_ends_what_ignores_it);
    tcase_add_test(engine, nothing_is_spawned_while_stopping);
    result = program_run(suite);
    fd_close(&elsewhere[0]); /* it ends */
    waitpid(stranger, NULL, 0);
    return result;
}
