/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_wire_socket.c - packets, descriptors, the rendezvous, real sockets.
 */
#include "leaks.h"
#include "program.h"
#include "socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int server_end, client_end;
static struct wire_message out, in;

static void set_up(void)
{
    int ends[2];

    leaks_begin();
    ck_assert_int_eq(wire_pair(ends), 0);
    server_end = ends[0];
    client_end = ends[1];
    wire_message_init(&out);
    wire_message_init(&in);
}

static void tear_down(void)
{
    wire_message_clear(&out);
    wire_message_clear(&in);
    fd_close(&server_end);
    fd_close(&client_end);
    leaks_end();
}

static int open_null(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* A packet of any kind: n_fds may be more than a message may have. */
static void send_raw(int fd, const void *bytes, size_t len, int n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = (void *)(uintptr_t)bytes,
                          .iov_len = len };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
    int fds[64];

    for (int i = 0; i < n_fds; i++) {
        fds[i] = open_null();
    }
    if (n_fds > 0) {
        struct cmsghdr *c = &control.align;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE((size_t)n_fds * sizeof(int));
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN((size_t)n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
    }
    ck_assert_int_eq(sendmsg(fd, &msg, MSG_NOSIGNAL), (ssize_t)len);
    for (int i = 0; i < n_fds; i++) {
        close(fds[i]);
    }
}

static void begin_offer(void)
{
    wire_message_begin(&out, MSG_OFFER, 3);
    wire_put_u32(&out, FIELD_SLOT, 1);
    wire_put_u32(&out, FIELD_SLOT_GENERATION, 2);
    wire_put_u32(&out, FIELD_PID, 3);
    wire_put_u32(&out, FIELD_PROTOCOL, PROTOCOL_SCGI);
    wire_put_u32(&out, FIELD_PROCESS, 4);
}

START_TEST(pair_is_close_on_exec_and_does_not_block)
{
    ck_assert_int_eq(fcntl(server_end, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(client_end, F_GETFD), FD_CLOEXEC);
    ck_assert(fcntl(server_end, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(client_end, F_GETFL) & O_NONBLOCK);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL),
                     -EAGAIN);
}
END_TEST

START_TEST(message_arrives_with_its_sender)
{
    wire_message_begin(&out, MSG_GET, 12);
    wire_put_text(&out, FIELD_ROOT, "/srv/blog");
    wire_put_u64(&out, FIELD_AGE_US, UINT64_MAX);
    ck_assert_int_eq(wire_send(client_end, &out), 0);
    ck_assert_int_eq(wire_wait_readable(server_end, 1000), 1);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL), 1);
    ck_assert_int_eq(wire_type(&in), MSG_GET);
    ck_assert_uint_eq(wire_request_id(&in), 12);
    ck_assert_str_eq(wire_get_text(&in, FIELD_ROOT, NULL), "/srv/blog");
    ck_assert_uint_eq(wire_get_u64(&in, FIELD_AGE_US, 0), UINT64_MAX);
    ck_assert_int_eq(in.sender.pid, getpid());
    ck_assert_uint_eq(in.sender.uid, getuid());
    ck_assert_uint_eq(in.sender.gid, getgid());
}
END_TEST

START_TEST(client_end_is_not_told_the_sender)
{
    begin_offer();
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL), 1);
    ck_assert_int_eq(in.sender.pid, 0);
}
END_TEST

START_TEST(longest_message_arrives_whole)
{
    char *text = malloc(WIRE_MAX_STRING + 1);

    memset(text, 'x', WIRE_MAX_STRING);
    text[WIRE_MAX_STRING] = '\0';
    wire_message_begin(&out, MSG_REFUSED, 1);
    wire_put_u32(&out, FIELD_STATUS, STATUS_SPAWN_FAILED);
    wire_put_text(&out, FIELD_MESSAGE, text);
    wire_put_text(&out, FIELD_PAGE, text);
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL), 1);
    ck_assert_str_eq(wire_get_text(&in, FIELD_PAGE, NULL), text);
    free(text);
}
END_TEST

START_TEST(descriptor_arrives_close_on_exec_and_is_kept)
{
    int pipe_ends[2];
    int got;
    char byte = 0;

    ck_assert_int_eq(pipe2(pipe_ends, O_CLOEXEC), 0);
    begin_offer();
    wire_put_fd(&out, &pipe_ends[1]);
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    ck_assert_int_ge(fcntl(out.fds[0], F_GETFD), 0);
    wire_message_clear(&out);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL), 1);
    got = wire_take_fd(&in, 0);
    ck_assert_int_eq(fcntl(got, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write(got, "x", 1), 1);
    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    close(got);
    close(pipe_ends[0]);
}
END_TEST

START_TEST(descriptor_not_taken_is_closed)
{
    int fd = open_null();

    begin_offer();
    wire_put_fd(&out, &fd);
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL), 1);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL),
                     -EAGAIN);
}
END_TEST

START_TEST(message_against_the_tables_is_not_sent)
{
    int fd = open_null();

    wire_message_begin(&out, MSG_RETURN, 0);
    ck_assert_int_eq(wire_send(client_end, &out), -EPROTO);
    wire_message_begin(&out, MSG_CHANNEL, 0);
    ck_assert_int_eq(wire_send(server_end, &out), -EPROTO);
    wire_put_fd(&out, &fd);
    fd = wire_take_fd(&out, 0);
    ck_assert_int_eq(wire_send(server_end, &out), -EPROTO);
    fd_close(&fd);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL),
                     -EAGAIN);
}
END_TEST

/* What is refused leaves nothing open, and the next message is fine. */
static void expect_refused(void)
{
    const char *why = NULL;
    unsigned before;

    wire_message_clear(&out);
    before = leaks_count_fds();
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, &why),
                     -EPROTO);
    ck_assert_ptr_nonnull(why);
    ck_assert_uint_eq(in.n_fds, 0);
    ck_assert_int_eq(in.sender.pid, getpid());
    ck_assert_uint_eq(leaks_count_fds(), before);
    wire_message_begin(&out, MSG_PING, 1);
    ck_assert_int_eq(wire_send(client_end, &out), 0);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, &why), 1);
    ck_assert_ptr_null(why);
}

START_TEST(unwanted_descriptors_are_closed)
{
    wire_message_begin(&out, MSG_PING, 1);
    send_raw(client_end, out.data, out.len, _i);
    expect_refused();
}
END_TEST

START_TEST(missing_descriptor_is_refused)
{
    const char *why;

    wire_message_begin(&out, MSG_CHANNEL, 1);
    send_raw(server_end, out.data, out.len, 0);
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, &why),
                     -EPROTO);
}
END_TEST

START_TEST(garbage_with_descriptors_is_refused_and_closed)
{
    send_raw(client_end, "garbage, and long enough for a header", 37, 4);
    expect_refused();
    send_raw(client_end, "g", 1, 2);
    expect_refused();
}
END_TEST

START_TEST(packet_longer_than_any_message_is_refused)
{
    size_t len = sizeof(struct wire_header) + WIRE_MAX_PAYLOAD + 1;
    char *bytes = calloc(1, len);

    send_raw(client_end, bytes, len, 1);
    free(bytes);
    expect_refused();
}
END_TEST

START_TEST(message_from_the_wrong_side_is_refused)
{
    int fd = open_null();

    begin_offer();
    wire_put_fd(&out, &fd);
    ck_assert_int_eq(wire_send(client_end, &out), 0);
    expect_refused();
}
END_TEST

START_TEST(empty_packet_is_not_the_end)
{
    send_raw(client_end, "", 0, 0);
    expect_refused();
}
END_TEST

/* The descriptor table is full: the message is dropped, not half taken. */
START_TEST(descriptors_that_do_not_fit_are_refused)
{
    struct rlimit limit, before;
    int fd = open_null();
    int fillers[64];
    int n = 0;

    begin_offer();
    wire_put_fd(&out, &fd);
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    wire_message_clear(&out);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit = before;
    limit.rlim_cur = 40;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (n < 64 && (fillers[n] = open_null()) >= 0) {
        n++;
    }
    ck_assert_int_eq(wire_receive(client_end, &in, FROM_ENGINE, NULL),
                     -EPROTO);
    ck_assert_uint_eq(in.n_fds, 0);
    while (n > 0) {
        close(fillers[--n]);
    }
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

START_TEST(what_was_sent_before_the_end_is_still_read)
{
    wire_message_begin(&out, MSG_PING, 1);
    ck_assert_int_eq(wire_send(client_end, &out), 0);
    /* Unread at the client: its end then carries a reset. */
    begin_offer();
    ck_assert_int_eq(wire_send(server_end, &out), 0);
    fd_close(&client_end);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL), 1);
    ck_assert_int_eq(wire_type(&in), MSG_PING);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL), 0);
    ck_assert_int_eq(wire_receive(server_end, &in, FROM_CLIENT, NULL), 0);
    ck_assert_int_eq(wire_send(server_end, &out), -EPIPE);
}
END_TEST

START_TEST(sending_to_nobody_is_an_error_without_a_signal)
{
    signal(SIGPIPE, SIG_DFL);
    fd_close(&server_end);
    wire_message_begin(&out, MSG_PING, 1);
    ck_assert_int_eq(wire_send(client_end, &out), -EPIPE);
    ck_assert_int_eq(wire_send(-1, &out), -EBADF);
    ck_assert_int_eq(wire_receive(-1, &in, FROM_CLIENT, NULL), -EBADF);
}
END_TEST

START_TEST(full_queue_is_an_answer)
{
    int n = 0;
    int rc;

    wire_message_begin(&out, MSG_PING, 1);
    do {
        rc = wire_send(client_end, &out);
        n++;
    } while (rc == 0 && n < 1000000);
    ck_assert_int_eq(rc, -EAGAIN);
    ck_assert_int_eq(wire_wait_writable(client_end, 0), 0);
    while (wire_receive(server_end, &in, FROM_CLIENT, NULL) == 1) {
        n--;
    }
    ck_assert_int_eq(n, 1);
    ck_assert_int_eq(wire_wait_writable(client_end, 1000), 1);
    ck_assert_int_eq(wire_send(client_end, &out), 0);
}
END_TEST

static void on_alarm(int signal)
{
    (void)signal;
}

START_TEST(waiting_keeps_its_time_in_spite_of_signals)
{
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    struct timespec from, to;
    long ms;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    clock_gettime(CLOCK_MONOTONIC, &from);
    ck_assert_int_eq(wire_wait_readable(server_end, 60), 0);
    clock_gettime(CLOCK_MONOTONIC, &to);
    setitimer(ITIMER_REAL, &never, NULL);
    ms = (to.tv_sec - from.tv_sec) * 1000 +
         (to.tv_nsec - from.tv_nsec) / 1000000;
    ck_assert_int_ge(ms, 59);
    ck_assert_int_eq(wire_wait_readable(-2, 0), 0); /* poll ignores it */
}
END_TEST

START_TEST(descriptors_are_copied_above_the_standard_ones)
{
    int copy = fd_duplicate(server_end);

    ck_assert_int_gt(copy, 2);
    ck_assert_int_eq(fcntl(copy, F_GETFD), FD_CLOEXEC);
    fd_close(&copy);
    ck_assert_int_eq(copy, -1);
    errno = 4711;
    fd_close(&copy);
    ck_assert_int_eq(errno, 4711);
    ck_assert_int_eq(fd_duplicate(-1), -EBADF);
    ck_assert_int_eq(fd_set_nonblocking(-1, 1), -EBADF);
    ck_assert_int_eq(fd_set_nonblocking(server_end, 0), 0);
    ck_assert(!(fcntl(server_end, F_GETFL) & O_NONBLOCK));
    ck_assert_int_eq(fd_set_nonblocking(server_end, 1), 0);
    ck_assert(fcntl(server_end, F_GETFL) & O_NONBLOCK);
}
END_TEST

/* The rendezvous ---------------------------------------------------------- */

/* A channel, as the server would make it; the other end to *other_r. */
static int make_channel(int *other_r)
{
    int ends[2];

    ck_assert_int_eq(wire_pair(ends), 0);
    *other_r = ends[0];
    return ends[1];
}

START_TEST(byte_out_channel_in)
{
    struct wire_sender who;
    char byte = 0;
    int other, got;
    int channel = make_channel(&other);

    ck_assert_int_eq(rendezvous_answer(server_end, channel), 0);
    ck_assert_int_eq(rendezvous_ask(client_end, RENDEZVOUS_CONFIG, 1000, &got),
                     0);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), 1);
    ck_assert_int_eq(byte, RENDEZVOUS_CONFIG);
    ck_assert_int_eq(who.pid, getpid());
    ck_assert_int_eq(fcntl(got, F_GETFD), FD_CLOEXEC);
    ck_assert(fcntl(got, F_GETFL) & O_NONBLOCK);
    wire_message_begin(&out, MSG_HELLO, 1);
    ck_assert_int_eq(wire_send(got, &out), 0);
    ck_assert_int_eq(wire_receive(other, &in, FROM_CLIENT, NULL), 1);
    fd_close(&got);
    fd_close(&channel);
    fd_close(&other);
}
END_TEST

START_TEST(dead_answers_are_skipped)
{
    int other, got;
    int channel = make_channel(&other);

    fd_close(&other);
    ck_assert_int_eq(rendezvous_answer(server_end, channel), 0);
    ck_assert_int_eq(rendezvous_answer(server_end, channel), 0);
    fd_close(&channel);
    channel = make_channel(&other);
    ck_assert_int_eq(rendezvous_answer(server_end, channel), 0);
    fd_close(&channel);
    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 1000, &got), 0);
    wire_message_begin(&out, MSG_HELLO, 1);
    ck_assert_int_eq(wire_send(got, &out), 0);
    fd_close(&got);
    fd_close(&other);
}
END_TEST

START_TEST(asking_ends_in_time_or_with_the_server)
{
    int got;

    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 30, &got), -ETIMEDOUT);
    ck_assert_int_eq(got, -1);
    fd_close(&server_end);
    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 1000, &got), -EPIPE);
}
END_TEST

START_TEST(answer_that_is_none_is_refused_and_closed)
{
    int got;

    send_raw(server_end, "ab", 2, 1);
    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 1000, &got), -EPROTO);
    send_raw(server_end, "a", 1, 0);
    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 1000, &got), -EPROTO);
    send_raw(server_end, "a", 1, 2);
    ck_assert_int_eq(rendezvous_ask(client_end, 'c', 1000, &got), -EPROTO);
    ck_assert_int_eq(got, -1);
}
END_TEST

START_TEST(question_that_is_none_is_refused_and_closed)
{
    struct wire_sender who;
    char byte;

    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), -EAGAIN);
    send_raw(client_end, "c", 1, 1);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), -EPROTO);
    ck_assert_int_eq(who.pid, getpid());
    send_raw(client_end, "cc", 2, 0);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), -EPROTO);
    send_raw(client_end, "", 0, 0);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), -EPROTO);
    send_raw(client_end, "c", 1, 60);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), -EPROTO);
    fd_close(&client_end);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), 0);
    ck_assert_int_eq(rendezvous_answer(server_end, server_end), -EPIPE);
}
END_TEST

/* Everybody who asks through the shared socket gets a channel of his own. */
/* SO_PASSPIDFD, Linux 6.5: who shares the socket may have set it. */
START_TEST(pidfd_that_comes_along_is_closed)
{
    struct wire_sender who;
    int on = 1;
    char byte;

    setsockopt(server_end, SOL_SOCKET, 76, &on, sizeof(on));
    send_raw(client_end, "c", 1, 0);
    ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), 1);
    ck_assert_int_eq(who.pid, getpid());
}
END_TEST

START_TEST(siblings_get_one_channel_each)
{
    enum { SIBLINGS = 8 };
    pid_t pids[SIBLINGS];
    struct wire_sender who;
    char byte;

    for (int i = 0; i < SIBLINGS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            int got;
            int rc = rendezvous_ask(client_end, 'c', 20000, &got);

            wire_message_begin(&out, MSG_HELLO, 1);
            _exit(rc == 0 && wire_send(got, &out) == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < SIBLINGS; i++) {
        int other;
        int channel = make_channel(&other);

        ck_assert_int_eq(wire_wait_readable(server_end, 20000), 1);
        ck_assert_int_eq(rendezvous_receive(server_end, &byte, &who), 1);
        ck_assert_int_eq(rendezvous_answer(server_end, channel), 0);
        fd_close(&channel);
        ck_assert_int_eq(wire_wait_readable(other, 20000), 1);
        ck_assert_int_eq(wire_receive(other, &in, FROM_CLIENT, NULL), 1);
        fd_close(&other);
    }
    for (int i = 0; i < SIBLINGS; i++) {
        int status;

        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire_socket");
    TCase *c = program_case(suite, "socket", set_up, tear_down);
    TCase *r = program_case(suite, "rendezvous", set_up, tear_down);

    tcase_add_test(c, pair_is_close_on_exec_and_does_not_block);
    tcase_add_test(c, message_arrives_with_its_sender);
    tcase_add_test(c, client_end_is_not_told_the_sender);
    tcase_add_test(c, longest_message_arrives_whole);
    tcase_add_test(c, descriptor_arrives_close_on_exec_and_is_kept);
    tcase_add_test(c, descriptor_not_taken_is_closed);
    tcase_add_test(c, message_against_the_tables_is_not_sent);
    tcase_add_loop_test(c, unwanted_descriptors_are_closed, 1, 16);
    tcase_add_test(c, missing_descriptor_is_refused);
    tcase_add_test(c, garbage_with_descriptors_is_refused_and_closed);
    tcase_add_test(c, packet_longer_than_any_message_is_refused);
    tcase_add_test(c, message_from_the_wrong_side_is_refused);
    tcase_add_test(c, empty_packet_is_not_the_end);
    tcase_add_test(c, descriptors_that_do_not_fit_are_refused);
    tcase_add_test(c, what_was_sent_before_the_end_is_still_read);
    tcase_add_test(c, sending_to_nobody_is_an_error_without_a_signal);
    tcase_add_test(c, full_queue_is_an_answer);
    tcase_add_test(c, waiting_keeps_its_time_in_spite_of_signals);
    tcase_add_test(c, descriptors_are_copied_above_the_standard_ones);
    tcase_add_test(r, byte_out_channel_in);
    tcase_add_test(r, dead_answers_are_skipped);
    tcase_add_test(r, asking_ends_in_time_or_with_the_server);
    tcase_add_test(r, answer_that_is_none_is_refused_and_closed);
    tcase_add_test(r, question_that_is_none_is_refused_and_closed);
    tcase_add_test(r, pidfd_that_comes_along_is_closed);
    tcase_add_test(r, siblings_get_one_channel_each);
    return program_run(suite);
}
