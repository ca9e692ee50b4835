/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.c - one descriptor that waits in a socket, for anybody to copy.
 */
#include "mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket.h"

/* What a message carries beside its one byte. */
union ancillary {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

int mailbox_open(struct mailbox *box)
{
    int ends[2];
    int rc = wire_pair(ends);

    box->reader = ends[0]; /* it learns who sends */
    box->writer = ends[1];
    return rc;
}

void mailbox_close(struct mailbox *box)
{
    fd_close(&box->reader);
    fd_close(&box->writer);
}

void mailbox_close_writer(struct mailbox *box)
{
    fd_close(&box->writer);
}

static ssize_t receive(int fd, int flags, struct msghdr *msg,
                       union ancillary *extra)
{
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    ssize_t n;

    *msg = (struct msghdr){.msg_iov = &piece, .msg_iovlen = 1,
                           .msg_control = extra->bytes,
                           .msg_controllen = sizeof(extra->bytes)};
    do {
        n = recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n;
}

/* The descriptor and the sender of a received message. */
static void unpack(struct msghdr *msg, int *fd_r, struct ucred *who_r)
{
    struct cmsghdr *c;

    *fd_r = -1;
    *who_r = (struct ucred){.pid = 0};
    for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            memcpy(fd_r, CMSG_DATA(c), sizeof(*fd_r));
        } else if (c->cmsg_level == SOL_SOCKET &&
                   c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(who_r, CMSG_DATA(c), sizeof(*who_r));
        }
    }
}

static void empty(struct mailbox *box)
{
    union ancillary extra;
    struct msghdr msg;
    struct ucred who;
    int fd;

    while (receive(box->reader, 0, &msg, &extra) > 0) {
        unpack(&msg, &fd, &who);
        fd_close(&fd);
    }
}

int mailbox_put(struct mailbox *box, int fd)
{
    union ancillary extra = {.bytes = {0}};
    char byte = 'm';
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1,
                         .msg_control = extra.bytes,
                         .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    ssize_t n;

    empty(box);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    do {
        n = sendmsg(box->writer, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int mailbox_look(const struct mailbox *box, pid_t parent, int *fd_r)
{
    union ancillary extra;
    struct msghdr msg;
    struct ucred who;
    ssize_t n = receive(box->reader, MSG_PEEK, &msg, &extra);

    *fd_r = -1;
    if (n <= 0) {
        return n < 0 ? -errno : -EPIPE;
    }
    unpack(&msg, fd_r, &who);
    if (who.pid != parent) {
        fd_close(fd_r);
        return -EPERM;
    }
    return *fd_r >= 0 ? 0 : -EAGAIN;
}
