/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile.c - see hostile.h.
 */
#include "hostile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

int hostile_rendezvous = -1;
const char *hostile_folder = "";
pid_t hostile_victims[3];

void hostile_must(bool ok, const char *what, int line)
{
    if (!ok) {
        fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, line, what,
                strerror(errno));
        _exit(1);
    }
}

/* A channel, not yet greeted; -1: the server gives no more. */
int hostile_ask(int patience_ms)
{
    int fd = -1;

    rendezvous_ask(hostile_rendezvous, RENDEZVOUS_CHANNEL, patience_ms, &fd);
    return fd;
}

/* An answer; false: the server has hung up. */
bool hostile_hear(int fd, struct wire_message *m)
{
    MUST(wire_wait_readable(fd, HOSTILE_PATIENCE_MS) == 1);
    return wire_receive(fd, m, FROM_ENGINE, NULL) == 1;
}

void hostile_say(int fd, enum wire_type type, uint32_t id)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, id);
    wire_send(fd, &m);
    wire_message_clear(&m);
}

void hostile_say_number(int fd, enum wire_type type, enum wire_field field,
                       uint32_t number)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, 7);
    wire_put_u32(&m, field, number);
    wire_send(fd, &m);
    wire_message_clear(&m);
}

int hostile_greet(struct slot_line **board_r)
{
    int fd = hostile_ask(HOSTILE_PATIENCE_MS);
    struct wire_message m;
    int board;

    MUST(fd >= 0);
    hostile_say_number(fd, MSG_HELLO, FIELD_GENERATION, 1);
    wire_message_init(&m);
    MUST(hostile_hear(fd, &m) && wire_type(&m) == MSG_WELCOME);
    board = wire_take_fd(&m, 0);
    if (board_r != NULL) {
        MUST(board_map(board, board_r) == 0);
    }
    fd_close(&board);
    wire_message_clear(&m);
    return fd;
}

void hostile_send(int fd, const void *bytes, size_t len, int passed,
                       unsigned n)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(253 * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = (void *)(uintptr_t)bytes,
                          .iov_len = len };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };

    if (n > 0) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n * sizeof(int));
        for (unsigned i = 0; i < n; i++) {
            memcpy(CMSG_DATA(c) + i * sizeof(int), &passed, sizeof(int));
        }
    }
    sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Wait until it has been read, or somebody has hung up; an answer is dropped.
 * True: hung up. */
bool hostile_is_hung_up(int fd)
{
    struct wire_message m;
    bool lives;

    hostile_say(fd, MSG_PING, 99);
    wire_message_init(&m);
    do {
        lives = hostile_hear(fd, &m);
    } while (lives && wire_type(&m) != MSG_PONG);
    wire_message_clear(&m);
    return !lives;
}

/* As many channels as there are to be had; their number. */
unsigned hostile_open_channels(int *fds)
{
    struct wire_message m;
    unsigned n = 1;

    fds[0] = hostile_greet(NULL);
    wire_message_init(&m);
    for (;;) {
        hostile_say(fds[0], MSG_OPEN_CHANNEL, n);
        MUST(hostile_hear(fds[0], &m));
        if (wire_type(&m) != MSG_CHANNEL) {
            break;
        }
        MUST(n < HOSTILE_CHANNELS);
        fds[n++] = wire_take_fd(&m, 0);
    }
    wire_message_clear(&m);
    return n;
}
