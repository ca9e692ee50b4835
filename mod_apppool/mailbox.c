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

/* A bound on what is thrown away at a time. More than a socket's buffer has. */
#define MAX_FOREIGN 1024

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

/* Who shares it may have had other wishes. 0, -EPERM: they are locked. */
static int undo_others(const struct mailbox *box)
{
    int rc = wire_undo_options(box->reader);

    wire_pass_credentials(box->reader);
    return rc < 0 ? rc : 0;
}

/* One message. len 0 and nobody who sent it: the end. */
struct letter {
    ssize_t len;
    int fd;      /* -1: none */
    pid_t sender;
};

/* The first. There is room for a second one, since it is rounded up; more the
 * kernel has closed. */
static void take_descriptor(const struct cmsghdr *c, struct letter *letter)
{
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int), i;

    for (i = 0; i < n; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
        if (letter->fd < 0) {
            letter->fd = fd;
        } else {
            fd_close(&fd);
        }
    }
}

static void unpack(struct msghdr *msg, struct letter *letter)
{
    struct letter unwanted = {.fd = -1};
    struct ucred who;
    struct cmsghdr *c;

    for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (c->cmsg_type == SCM_RIGHTS) {
            take_descriptor(c, letter);
        } else if (c->cmsg_type == WIRE_SCM_PIDFD) {
            take_descriptor(c, &unwanted);
            fd_close(&unwanted.fd);
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            letter->sender = who.pid;
        }
    }
}

static struct letter receive(int fd, int flags)
{
    union ancillary extra;
    struct letter letter = {.fd = -1};
    char byte;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    struct msghdr msg;

    do {
        msg = (struct msghdr){.msg_iov = &piece, .msg_iovlen = 1,
                              .msg_control = extra.bytes,
                              .msg_controllen = sizeof(extra.bytes)};
        letter.len = recvmsg(fd, &msg,
                             flags | MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (letter.len < 0 && errno == EINTR);
    if (letter.len < 0) {
        letter.len = -errno;
    } else {
        unpack(&msg, &letter);
    }
    return letter;
}

static int is_message(const struct letter *letter)
{
    return letter->len > 0 || (letter->len == 0 && letter->sender != 0);
}

static void empty(struct mailbox *box)
{
    struct letter letter;
    int i;

    for (i = 0; i < MAX_FOREIGN; i++) {
        letter = receive(box->reader, 0);
        fd_close(&letter.fd);
        if (!is_message(&letter)) {
            return;
        }
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

    if (undo_others(box) < 0) {
        return -EPERM;
    }
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

/* What is first, as `flags` have it taken or not. 0; -EPERM: it is not the
 * parent's, and its descriptor has been closed; -EAGAIN, -EPIPE, -errno. */
static int read_first(const struct mailbox *box, int flags, pid_t parent,
                      int *fd_r)
{
    struct letter letter = receive(box->reader, flags);

    *fd_r = letter.fd;
    if (!is_message(&letter)) {
        return letter.len < 0 ? (int)letter.len : -EPIPE;
    }
    if (letter.sender != parent || letter.fd < 0) {
        fd_close(fd_r);
        return -EPERM;
    }
    return 0;
}

int mailbox_look(const struct mailbox *box, pid_t parent, int *fd_r)
{
    int rc, i;

    undo_others(box);
    rc = read_first(box, MSG_PEEK, parent, fd_r);
    for (i = 0; rc == -EPERM && i < MAX_FOREIGN; i++) {
        /* A sibling may have taken the foreign one first, and this is what was
         * behind it: then it is used, and the parent puts another. */
        rc = read_first(box, 0, parent, fd_r);
        if (rc == -EPERM) {
            rc = read_first(box, MSG_PEEK, parent, fd_r);
        }
    }
    return rc;
}

int mailbox_keep(struct mailbox *box, int fd)
{
    int there, rc = undo_others(box);

    if (rc < 0) {
        return rc;
    }
    rc = read_first(box, MSG_PEEK, getpid(), &there);
    if (rc == 0) {
        fd_close(&there);
        return 0;
    }
    rc = mailbox_put(box, fd);
    return rc < 0 ? rc : 1;
}
