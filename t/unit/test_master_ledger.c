/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_ledger.c - what a master notes for the next, and what that ends.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leftovers.h"
#include "ledger.h"
#include "master_world.h"
#include "proc_stat.h"
#include "program.h"

static struct ledger *ledger;

static void begin(void)
{
    world_begin();
    ledger = ledger_open();
    ck_assert_ptr_nonnull(ledger);
}

static void end(void)
{
    ledger_close(&ledger);
    world_end();
}

static size_t n_noted(void)
{
    size_t n;

    free(ledger_read(ledger_fd(ledger), &n));
    return n;
}

START_TEST(session_is_noted_until_it_is_struck)
{
    struct ledger_entry *entries;
    struct proc_stat own;
    size_t n;

    ledger_note(ledger, getpid());
    ledger_note(ledger, getpid());
    ledger_note(ledger, 0);
    entries = ledger_read(ledger_fd(ledger), &n);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(proc_stat_read(getpid(), &own), 0);
    ck_assert_int_eq(entries[0].session, getpid());
    ck_assert_uint_eq(entries[0].leader_started, own.started);
    free(entries);
    ledger_strike(ledger, 0);
    ck_assert_uint_eq(n_noted(), 1);
    ledger_strike(ledger, getpid());
    ck_assert_uint_eq(n_noted(), 0);
}
END_TEST

START_TEST(full_ledger_takes_no_more_and_uses_what_is_struck)
{
    /* No pid is so great (pid_max). */
    for (int i = 0; i <= LEDGER_ENTRIES; i++) {
        struct ledger_entry entry = { .session = INT32_MAX - i };

        ledger_note_again(ledger, &entry);
    }
    ck_assert_uint_eq(n_noted(), LEDGER_ENTRIES);
    ledger_strike(ledger, INT32_MAX - 7);
    ck_assert_uint_eq(n_noted(), LEDGER_ENTRIES - 1);
    ledger_note(ledger, getpid());
    ck_assert_uint_eq(n_noted(), LEDGER_ENTRIES);
}
END_TEST

START_TEST(nobody_else_can_write_to_it)
{
    struct ledger_entry entry = { .session = 1 };
    int fd = ledger_fd(ledger);
    void *mapped = mmap(NULL, LEDGER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                        fd, 0);

    ck_assert_ptr_eq(mapped, MAP_FAILED);
    ck_assert_int_lt(pwrite(fd, &entry, sizeof(entry), 0), 0);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_lt(ftruncate(fd, 0), 0);
    ck_assert_uint_eq(n_noted(), 0);
}
END_TEST

START_TEST(what_somebody_may_have_written_is_no_ledger)
{
    int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct ledger_entry entry = { .session = getpid() };
    size_t n = 1;

    ck_assert_int_eq(ftruncate(fd, (off_t)LEDGER_SIZE), 0);
    ck_assert_int_eq(pwrite(fd, &entry, sizeof(entry), 0), sizeof(entry));
    ck_assert_ptr_null(ledger_read(fd, &n));
    ck_assert_uint_eq(n, 0);
    close(fd);
}
END_TEST

/* A child that leads a session of its own. */
static pid_t start_leader(void)
{
    int ends[2];
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        signal(SIGTERM, SIG_IGN);
        setsid();
        close(ends[1]);
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    return pid;
}

static void hand_over(void)
{
    struct wire_message msg;
    int fd = fd_duplicate(ledger_fd(ledger));

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_LEFT_BEHIND, 0);
    ck_assert_int_eq(wire_put_fd(&msg, &fd), 0);
    leftovers_on_ledger(world.m, &msg);
    wire_message_clear(&msg);
}

static void await_end_of_patience(void)
{
    while (world.m->leftovers != NULL) {
        loop_turn(world.m->loop, APR_USEC_PER_SEC); /* none is reaped */
    }
}

static bool runs(pid_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) == 0 && stat.state != 'Z';
}

static void end_leader(pid_t leader)
{
    kill(leader, SIGKILL);
    ck_assert_int_eq(waitpid(leader, NULL, 0), leader);
}

/* One that the kernel's clock of 10 ms takes for younger than us, too. */
static pid_t start_younger_leader(void)
{
    struct proc_stat own, its;
    pid_t leader = start_leader();

    ck_assert_int_eq(proc_stat_read(getpid(), &own), 0);
    ck_assert_int_eq(proc_stat_read(leader, &its), 0);
    while (its.started <= own.started) {
        end_leader(leader);
        leader = start_leader();
        ck_assert_int_eq(proc_stat_read(leader, &its), 0);
    }
    return leader;
}

START_TEST(whoever_is_younger_than_the_master_is_spared)
{
    pid_t leader = start_younger_leader();

    ledger_note(ledger, leader);
    hand_over();
    await_end_of_patience();
    ck_assert(runs(leader));
    end_leader(leader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master_ledger");
    TCase *tcase = program_case(suite, "ledger", begin, end);

    tcase_add_test(tcase, session_is_noted_until_it_is_struck);
    tcase_add_test(tcase, full_ledger_takes_no_more_and_uses_what_is_struck);
    tcase_add_test(tcase, nobody_else_can_write_to_it);
    tcase_add_test(tcase, what_somebody_may_have_written_is_no_ledger);
    tcase_add_test(tcase, whoever_is_younger_than_the_master_is_spared);
    return program_run(suite);
}
