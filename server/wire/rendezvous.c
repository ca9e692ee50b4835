/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rendezvous.c - one byte asks, one byte with a descriptor answers.
 *
 * Many processes share one end and read each other's answers, so nothing may
 * depend on which of them gets which: an answer is any fresh channel.
 */
#include "packet.h"

#include <errno.h>

static int left_ms(int64_t end_ms)
{
    int64_t left = end_ms - packet_now_ms();

    return left > 0 ? (int)left : 0;
}

static int send_byte(int fd, char byte, int64_t end_ms)
{
    for (;;) {
        int rc = packet_send(fd, &byte, 1, NULL, 0);

        if (rc != -EAGAIN) {
            return rc;
        }
        rc = wire_wait_writable(fd, left_ms(end_ms));
        if (rc <= 0) {
            return rc == 0 ? -ETIMEDOUT : rc;
        }
    }
}

/* Nobody is at the other end, and nothing is left to read: who asked for it
 * died before it took it, and the server has given it up. */
static bool is_at_end(int channel)
{
    char byte;

    return recv(channel, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* One answer. 0, -EAGAIN: a sibling was quicker, or it was a dead channel. */
static int take_answer(int fd, int *fd_r)
{
    struct packet packet;
    char byte;
    int rc = packet_receive(fd, &byte, 1, &packet);

    if (rc <= 0) {
        return rc == 0 ? -EPIPE : rc;
    }
    if (packet.is_cut || packet.len != 1 || packet.n_fds != 1) {
        packet_close(&packet);
        return -EPROTO;
    }
    rc = is_at_end(packet.fds[0]) ? -EAGAIN
                                  : fd_set_nonblocking(packet.fds[0], 1);
    if (rc < 0) {
        packet_close(&packet);
        return rc;
    }
    *fd_r = packet.fds[0];
    return 0;
}

int rendezvous_ask(int fd, char byte, int timeout_ms, int *fd_r)
{
    const int64_t end_ms = packet_now_ms() + timeout_ms;
    int rc;

    *fd_r = -1;
    rc = send_byte(fd, byte, end_ms);
    while (rc == 0) {
        rc = wire_wait_readable(fd, left_ms(end_ms));
        if (rc <= 0) {
            return rc == 0 ? -ETIMEDOUT : rc;
        }
        rc = take_answer(fd, fd_r);
        if (rc != -EAGAIN) {
            return rc;
        }
        rc = 0;
    }
    return rc;
}

int rendezvous_receive(int fd, char *byte_r, struct wire_sender *who_r)
{
    struct packet packet;
    int rc = packet_receive(fd, byte_r, 1, &packet);

    *who_r = packet.sender;
    if (rc > 0 && (packet.is_cut || packet.len != 1 || packet.n_fds != 0)) {
        packet_close(&packet);
        return -EPROTO;
    }
    return rc;
}

int rendezvous_answer(int fd, int channel)
{
    return packet_send(fd, "", 1, &channel, 1);
}
