/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mailbox.c - a mailbox between a parent, its children, and others that
 * have inherited both its ends.
 */
#include "leaks.h"
#include "mailbox.h"
#include "program.h"
#include "socket.h"

#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct mailbox box;
static int ours[2];

static void set_up(void)
{
    leaks_begin();
    ck_assert_int_eq(mailbox_open(&box), 0);
    ck_assert_int_eq(pipe(ours), 0);
}

static void tear_down(void)
{
    mailbox_close(&box);
    close(ours[0]);
    close(ours[1]);
    leaks_end();
}

/* Run it in somebody else, who has the same descriptors. */
static void as_heir(void (*what)(void))
{
    pid_t heir = fork();
    int status;

    if (heir == 0) {
        what();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(heir, &status, 0), heir);
    ck_assert_int_eq(status, 0);
}

static void drain(void)
{
    char byte;

    while (recv(box.reader, &byte, 1, MSG_DONTWAIT) >= 0) {
        /* and the next */
    }
}

/* The heir's own offer, and one that looks like an end of file. */
static void plant(void)
{
    struct mailbox copy = box;
    int theirs[2];

    drain();
    if (pipe(theirs) < 0 || mailbox_put(&copy, theirs[0]) < 0 ||
        send(box.writer, "", 0, MSG_DONTWAIT) < 0) {
        _exit(1);
    }
}

static void hide_senders(void)
{
    int off = 0;

    if (setsockopt(box.reader, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off)) <
        0) {
        _exit(1);
    }
}

static void shut_down(void)
{
    shutdown(box.reader, SHUT_RDWR);
}

static void set(int option, int value)
{
    if (setsockopt(box.reader, SOL_SOCKET, option, &value, sizeof(value)) < 0) {
        _exit(1);
    }
}

static void peek_elsewhere(void)
{
    set(SO_PEEK_OFF, 1000);
}

static void take_no_descriptor(void)
{
    int off = 0;

    /* Linux 6.16; before there is nothing to refuse it with. */
    setsockopt(box.reader, SOL_SOCKET, 83, &off, sizeof(off));
}

/* What takes the place of the descriptor, beside who has sent it. */
static void stamp_times(void)
{
    set(SO_TIMESTAMP, 1);
}

static void stamp_exact_times(void)
{
    set(SO_TIMESTAMPNS, 1);
}

static void hold_senders(void)
{
    int on = 1;

    /* SO_PASSPIDFD, Linux 6.5; before there is no such thing. */
    setsockopt(box.reader, SOL_SOCKET, 76, &on, sizeof(on));
}

static void drop_all(void)
{
    struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog filter = { .len = 1, .filter = &none };

    if (setsockopt(box.reader, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                   sizeof(filter)) < 0) {
        _exit(1);
    }
}

static void drop_all_for_ever(void)
{
    drop_all();
    set(SO_LOCK_FILTER, 1);
}

static void expect_ours(void)
{
    struct stat found, put;
    int fd;

    ck_assert_int_eq(mailbox_look(&box, getpid(), &fd), 0);
    ck_assert_int_eq(fstat(fd, &found), 0);
    ck_assert_int_eq(fstat(ours[0], &put), 0);
    ck_assert_uint_eq(found.st_ino, put.st_ino);
    close(fd);
}

static void expect(int rc)
{
    int fd;

    ck_assert_int_eq(mailbox_look(&box, getpid(), &fd), rc);
    ck_assert_int_eq(fd, -1);
}

START_TEST(what_was_put_is_found_again_and_again)
{
    expect(-EAGAIN);
    ck_assert_int_eq(mailbox_put(&box, ours[1]), 0);
    ck_assert_int_eq(mailbox_put(&box, ours[0]), 0);
    expect_ours();
    expect_ours();
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), 0);
    expect_ours();
}
END_TEST

START_TEST(what_others_put_in_front_is_passed_over)
{
    as_heir(plant);
    expect(-EAGAIN);
    as_heir(plant);
    ck_assert_int_eq(mailbox_put(&box, ours[0]), 0);
    expect_ours();
}
END_TEST

/* Several descriptors at a time. */
static void plant_many(void)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(9 * sizeof(int))];
    } control = { .bytes = { 0 } };
    char byte = 'm';
    struct iovec piece = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1,
                          .msg_control = control.bytes };

    drain();
    for (size_t n = 1; n <= 9; n++) {
        memset(&control, 0, sizeof(control)); /* standard input */
        control.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                          .cmsg_type = SCM_RIGHTS,
                                          .cmsg_len = CMSG_LEN(
                                              n * sizeof(int)) };
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        if (sendmsg(box.writer, &msg, MSG_DONTWAIT) < 0) {
            _exit(1);
        }
    }
}

START_TEST(what_others_send_along_leaves_no_descriptor)
{
    unsigned before = leaks_count_fds();

    as_heir(plant_many);
    expect(-EAGAIN); /* all of it is thrown away */
    ck_assert_uint_eq(leaks_count_fds(), before);
    as_heir(plant_many);
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), 1);
    expect_ours();
    ck_assert_uint_eq(leaks_count_fds(), before);
}
END_TEST

START_TEST(parent_notices_that_it_was_emptied)
{
    ck_assert_int_eq(mailbox_put(&box, ours[0]), 0);
    as_heir(drain);
    expect(-EAGAIN);
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), 1);
    expect_ours();
    as_heir(plant);
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), 1);
    expect_ours();
}
END_TEST

static void (*const options[])(void) = { hide_senders, peek_elsewhere,
                                         take_no_descriptor, stamp_times,
                                         stamp_exact_times, hold_senders,
                                         drop_all };

START_TEST(what_heirs_set_is_undone)
{
    as_heir(options[_i]);
    ck_assert_int_eq(mailbox_put(&box, ours[0]), 0);
    as_heir(options[_i]);
    expect_ours();
    as_heir(options[_i]);
    as_heir(drain);
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), 1);
    expect_ours();
}
END_TEST

START_TEST(what_cannot_be_undone_is_told)
{
    ck_assert_int_eq(mailbox_put(&box, ours[0]), 0);
    as_heir(drop_all_for_ever);
    expect_ours();
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), -EPERM);
    ck_assert_int_eq(mailbox_put(&box, ours[0]), -EPERM);
}
END_TEST

START_TEST(one_that_was_shut_down_is_told)
{
    as_heir(shut_down);
    expect(-EPIPE);
    ck_assert_int_eq(mailbox_keep(&box, ours[0]), -EPIPE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mailbox");
    TCase *c = program_case(suite, "mailbox", set_up, tear_down);

    tcase_add_test(c, what_was_put_is_found_again_and_again);
    tcase_add_test(c, what_others_put_in_front_is_passed_over);
    tcase_add_test(c, what_others_send_along_leaves_no_descriptor);
    tcase_add_test(c, parent_notices_that_it_was_emptied);
    tcase_add_loop_test(c, what_heirs_set_is_undone, 0,
                        sizeof(options) / sizeof(*options));
    tcase_add_test(c, what_cannot_be_undone_is_told);
    tcase_add_test(c, one_that_was_shut_down_is_told);
    return program_run(suite);
}
