/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_watcher.c - a whole watcher, confined as it is under a real master,
 * which is the test.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apppool/protocol.h"
#include "leaks.h"
#include "program.h"
#include "socket.h"
#include "watcher.h"

#define PATIENCE_MS 5000
#define MANY 1000 /* more than its socket takes */

static char root[64];
static char restart[128], always[128];
static int watcher; /* the master's end */
static pid_t pid;
static struct wire_message m; /* the one received last */

static void be_the_watcher(int end)
{
    if (dup2(end, 3) < 0 || close_range(4, ~0u, 0) < 0 ||
        fcntl(3, F_SETFD, 0) < 0) {
        _exit(1);
    }
    _exit(watcher_main());
}

static void setup(void)
{
    char folder[80];
    int ends[2];

    leaks_begin();
    strcpy(root, program_scratch());
    snprintf(folder, sizeof folder, "%s/tmp", root);
    ck_assert_int_eq(mkdir(folder, 0755), 0);
    snprintf(restart, sizeof restart, "%s/restart.txt", folder);
    snprintf(always, sizeof always, "%s/always_restart.txt", folder);
    ck_assert_int_eq(wire_pair(ends), 0);
    pid = fork();
    if (pid == 0) {
        be_the_watcher(ends[1]);
    }
    close(ends[1]);
    watcher = ends[0];
    wire_message_init(&m);
}

static void teardown(void)
{
    char folder[80];
    int status;

    fd_close(&watcher);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    wire_message_clear(&m);
    unlink(restart);
    unlink(always);
    snprintf(folder, sizeof folder, "%s/tmp", root);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(rmdir(root), 0);
    leaks_end();
}

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void send_it(struct wire_message *out)
{
    int rc = wire_send(watcher, out);

    while (rc == -EAGAIN && wire_wait_writable(watcher, PATIENCE_MS) == 1) {
        rc = wire_send(watcher, out);
    }
    ck_assert_int_eq(rc, 0);
    wire_message_clear(out);
}

static void watch(uint32_t app, uint32_t how)
{
    struct wire_message out;

    wire_message_init(&out);
    wire_message_begin(&out, MSG_WATCH, 0);
    wire_put_u32(&out, FIELD_APP, app);
    wire_put_u32(&out, FIELD_NUMBER, how);
    send_it(&out);
}

static void define(uint32_t app)
{
    struct wire_message out;

    wire_message_init(&out);
    wire_message_begin(&out, MSG_DEFINE, 0);
    wire_put_u32(&out, FIELD_APP, app);
    wire_put_text(&out, FIELD_ROOT, root);
    wire_put_u32(&out, FIELD_TYPE, 0);
    send_it(&out);
}

/* What comes next, and of which application. */
static uint32_t expect_seen(uint32_t seen)
{
    ck_assert_int_eq(wire_wait_readable(watcher, PATIENCE_MS), 1);
    ck_assert_int_eq(wire_receive(watcher, &m, FROM_WATCHER, NULL), 1);
    ck_assert_int_eq(wire_type(&m), MSG_SEEN);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_NUMBER, 0), seen);
    return wire_get_u32(&m, FIELD_APP, 0);
}

static void begin_watching(uint32_t app, uint32_t seen)
{
    define(app);
    watch(app, WATCH_FRESH);
    ck_assert_uint_eq(expect_seen(seen), app);
}

/* The bytes of such messages that a socket takes. */
static int room_of_a_socket(void)
{
    int ends[2], room;

    ck_assert_int_eq(wire_pair(ends), 0);
    while (wire_send(ends[1], &m) == 0) {
    }
    ck_assert_int_eq(ioctl(ends[0], SIOCINQ, &room), 0);
    close(ends[0]);
    close(ends[1]);
    return room;
}

static void wait_until_it_is_full(void)
{
    int room = room_of_a_socket(), waiting = 0;

    for (int i = 0; i < PATIENCE_MS && waiting < room; i++) {
        ck_assert_int_eq(wire_wait_readable(watcher, PATIENCE_MS), 1);
        ck_assert_int_eq(ioctl(watcher, SIOCINQ, &waiting), 0);
        poll(NULL, 0, 1);
    }
    ck_assert_int_eq(waiting, room);
}

START_TEST(what_the_master_does_not_take_is_told_later)
{
    static bool told[MANY];

    for (uint32_t app = 0; app < MANY; app++) {
        begin_watching(app, 0);
    }
    touch(restart);
    wait_until_it_is_full();
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t app = expect_seen(SEEN_RESTART);

        ck_assert_uint_lt(app, MANY);
        ck_assert(!told[app]);
        told[app] = true;
    }
}
END_TEST

START_TEST(what_is_watched_no_more_is_forgotten)
{
    begin_watching(1, 0);
    begin_watching(2, 0);
    watch(1, WATCH_OFF);
    watch(1, WATCH_ON); /* without its definition */
    touch(restart);
    ck_assert_uint_eq(expect_seen(SEEN_RESTART), 2);
    touch(restart);
    ck_assert_uint_eq(expect_seen(SEEN_RESTART), 2);
}
END_TEST

/* Else each of its requests would get a process of its own for ever. */
START_TEST(always_restart_that_went_while_nobody_looked_is_told)
{
    touch(always);
    begin_watching(1, SEEN_ALWAYS);
    watch(1, WATCH_OFF);
    ck_assert_int_eq(unlink(always), 0);
    begin_watching(1, 0);
    touch(always);
    ck_assert_uint_eq(expect_seen(SEEN_ALWAYS), 1);
    ck_assert_int_eq(unlink(always), 0);
    ck_assert_uint_eq(expect_seen(0), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watcher");
    TCase *c = program_case(suite, "watcher", setup, teardown);

    tcase_add_test(c, what_the_master_does_not_take_is_told_later);
    tcase_add_test(c, what_is_watched_no_more_is_forgotten);
    tcase_add_test(c, always_restart_that_went_while_nobody_looked_is_told);
    return program_run(suite);
}
