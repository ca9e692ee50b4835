/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.c - packets with descriptors, out and in.
 *
 * The kernel may hand over descriptors with any packet, wanted or not, and
 * fewer than were sent when ours run out; take_control() is the one place that
 * receives them, and what it cannot keep it closes.
 */
#include "packet.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

int wire_pass_credentials(int fd)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
        return -errno;
    }
    return 0;
}

/* Linux 6.16 and 6.5; older headers do not have them. */
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

/* As they are at first; the last ones take the place of descriptors. */
static const struct {
    int option, value;
} defaults[] = {
    { SO_PEEK_OFF, -1 },   { SO_PASSRIGHTS, 1 },   { SO_TIMESTAMP, 0 },
    { SO_TIMESTAMPNS, 0 }, { SO_TIMESTAMPING, 0 }, { SO_PASSSEC, 0 },
    { SO_PASSPIDFD, 0 },
};

static bool set_option(int fd, int option, int value)
{
    socklen_t len = sizeof(int);
    int before = value;

    getsockopt(fd, SOL_SOCKET, option, &before, &len);
    return before != value &&
           setsockopt(fd, SOL_SOCKET, option, &value, sizeof(value)) == 0;
}

int wire_undo_options(int fd)
{
    bool undone = false;
    int unused = 0;

    for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
        undone |= set_option(fd, defaults[i].option, defaults[i].value);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused,
                   sizeof(unused)) == 0) {
        return 1;
    }
    return errno == EPERM ? -EPERM : undone;
}

int wire_pair(int ends[2])
{
    int rc = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   ends) < 0) {
        rc = -errno;
        ends[0] = ends[1] = -1;
        return rc;
    }
    rc = wire_pass_credentials(ends[0]);
    if (rc < 0) {
        fd_close(&ends[0]);
        fd_close(&ends[1]);
    }
    return rc;
}

int packet_send(int fd, const void *bytes, size_t len, const int *fds,
                unsigned n_fds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(WIRE_MAX_FDS * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = (void *)(uintptr_t)bytes,
                          .iov_len = len };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t sent;

    assert(n_fds <= WIRE_MAX_FDS);
    if (n_fds > 0) {
        struct cmsghdr *c;

        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
    }
    do {
        sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        /* ECONNRESET: gone, and it had not read all that we sent. */
        return errno == ECONNRESET ? -EPIPE : -errno;
    }
    return 0;
}

static void take_rights(struct packet *packet, const struct cmsghdr *c)
{
    const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
        if (packet->n_fds < WIRE_MAX_FDS) {
            packet->fds[packet->n_fds++] = fd;
        } else {
            fd_close(&fd);
            packet->is_cut = true;
        }
    }
}

/* Nobody of ours asks for it; who shares the socket may have. */
static void close_pidfd(const struct cmsghdr *c)
{
    int fd;

    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    fd_close(&fd);
}

static void take_control(struct packet *packet, struct msghdr *msg)
{
    struct cmsghdr *c;

    packet->is_cut = (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (c->cmsg_type == SCM_RIGHTS) {
            take_rights(packet, c);
        } else if (c->cmsg_type == WIRE_SCM_PIDFD) {
            close_pidfd(c);
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred who;

            memcpy(&who, CMSG_DATA(c), sizeof(who));
            packet->sender = (struct wire_sender){ .pid = who.pid,
                                                   .uid = who.uid,
                                                   .gid = who.gid };
        }
    }
}

int packet_receive(int fd, void *bytes, size_t size, struct packet *packet)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(WIRE_MAX_FDS * sizeof(int)) +
                   CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = { .iov_base = bytes, .iov_len = size };
    struct msghdr msg;
    ssize_t len;

    *packet = (struct packet){ 0 };
    do {
        msg = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1,
                               .msg_control = control.bytes,
                               .msg_controllen = sizeof(control.bytes) };
        len = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
        /* A peer that closes before it has read everything leaves an
         * ECONNRESET before what it had sent; it is told once. */
    } while (len < 0 && (errno == EINTR || errno == ECONNRESET));
    if (len < 0) {
        /* No memory for it now: it is still there, and the loop comes back. */
        return errno == ENOMEM || errno == ENOBUFS ? -EAGAIN : -errno;
    }
    take_control(packet, &msg);
    packet->len = (size_t)len;
    /* An empty packet looks like the end, but it has a sender. */
    return len > 0 || packet->sender.pid != 0 || packet->n_fds > 0;
}

void packet_close(struct packet *packet)
{
    for (unsigned i = 0; i < packet->n_fds; i++) {
        fd_close(&packet->fds[i]);
    }
    packet->n_fds = 0;
}

int wire_send(int fd, const struct wire_message *m)
{
    struct wire_message checked = *m; /* only its offsets are written */

    if (wire_check(&checked, ~0u, NULL) < 0) {
        return -EPROTO;
    }
    for (unsigned i = 0; i < m->n_fds; i++) {
        if (m->fds[i] < 0) {
            return -EPROTO;
        }
    }
    return packet_send(fd, m->data, m->len, m->fds, m->n_fds);
}

int wire_is_for_later(int rc)
{
    return rc == -EAGAIN || rc == -ENOMEM || rc == -ENOBUFS ||
           rc == -ETOOMANYREFS;
}

int wire_receive(int fd, struct wire_message *m, unsigned senders,
                 const char **why_r)
{
    struct packet packet;
    const char *why = NULL;
    int rc;

    wire_message_room(m);
    rc = packet_receive(fd, m->data, m->size, &packet);
    if (rc > 0) {
        m->len = packet.len;
        m->n_fds = packet.n_fds;
        memcpy(m->fds, packet.fds, packet.n_fds * sizeof(int));
        m->sender = packet.sender;
        if (packet.is_cut) {
            why = "data or descriptors were cut off";
            rc = -EPROTO;
        } else if (wire_check(m, senders, &why) < 0) {
            rc = -EPROTO;
        }
    }
    if (rc == -EPROTO) {
        wire_message_room(m);
        m->sender = packet.sender;
    }
    if (why_r != NULL) {
        *why_r = why;
    }
    return rc;
}
