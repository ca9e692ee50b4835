/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox_reader.c - see mailbox_reader.h.
 */
#include "mailbox_reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input.h"
#include "mailbox.h"
#include "packets.h"
#include "socket.h"

#define FOREIGNER 1 /* its pid; what the parent sends begins with 'm' */

static struct mailbox box;
static int rendezvous[2]; /* a child's end, and the server's */
static int inside;        /* what the parent puts in */

ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

/* All are sent by this process: only the first byte tells from whom. */
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
    ssize_t n = __real_recvmsg(fd, msg, flags);
    bool is_foreign = n < 1 || *(char *)msg->msg_iov->iov_base != 'm';
    struct ucred who;

    for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_type == SCM_CREDENTIALS && is_foreign) {
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            who.pid = FOREIGNER;
            memcpy(CMSG_DATA(c), &who, sizeof(who));
        }
    }
    return n;
}

/* A pipe's writing end; others only have standard input to give. */
static bool is_what_was_put_in(int fd)
{
    struct stat there, ours;

    return fstat(fd, &there) == 0 && fstat(inside, &ours) == 0 &&
           there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

static void look(bool must_be_there)
{
    int fd = -1;
    int rc = mailbox_look(&box, getpid(), &fd);

    assert(rc == 0 ? is_what_was_put_in(fd) : fd < 0);
    assert(rc == 0 || !must_be_there);
    (void)must_be_there;
    fd_close(&fd);
}

static void send_foreign(struct input *in, int fd)
{
    unsigned n_fds = input_byte(in);
    size_t len;
    const char *bytes = input_bytes(in, &len);

    if (len == 0 || bytes[0] != 'm') {
        packets_send(fd, bytes, len, n_fds);
    }
}

static void step_take(struct input *in)
{
    char byte;

    for (unsigned n = input_byte(in); n > 0; n--) {
        recv(box.reader, &byte, 1, MSG_DONTWAIT); /* its descriptors go, too */
    }
}

static void step_option(struct input *in)
{
    static const int options[] = { SO_PASSCRED, SO_PEEK_OFF, SO_RCVBUF,
                                   SO_RCVLOWAT, SO_TIMESTAMP };
    int option = options[input_byte(in) % 5];
    int value = (int)input_number(in);

    setsockopt(box.reader, SOL_SOCKET, option, &value, sizeof(value));
}

static void step_ask(void)
{
    int fd = -1;
    int rc = rendezvous_ask(rendezvous[0], 'c', 0, &fd);

    assert(rc == 0 ? fd >= 0 : fd < 0);
    (void)rc;
    fd_close(&fd);
}

static void step(struct input *in)
{
    switch ((enum mailbox_step)(input_byte(in) % STEP_COUNT)) {
    case STEP_PUT:
        mailbox_put(&box, inside);
        break;
    case STEP_KEEP:
        look(mailbox_keep(&box, inside) >= 0);
        break;
    case STEP_LOOK:
        look(false);
        break;
    case STEP_FOREIGN:
        send_foreign(in, box.writer);
        break;
    case STEP_TAKE:
        step_take(in);
        break;
    case STEP_OPTION:
        step_option(in);
        break;
    case STEP_ANSWER:
        send_foreign(in, rendezvous[1]);
        break;
    case STEP_ASK:
        step_ask();
        break;
    case STEP_COUNT:
        abort();
    }
}

void mailbox_reader_try(const uint8_t *data, size_t size)
{
    struct input in = { .at = data, .left = size };
    unsigned before = packets_count_descriptors();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0 || wire_pair(rendezvous) < 0 ||
        mailbox_open(&box) < 0) {
        abort();
    }
    inside = ends[1];
    while (in.left > 0) {
        step(&in);
    }
    mailbox_close(&box);
    for (int i = 0; i < 2; i++) {
        fd_close(&rendezvous[i]);
        fd_close(&ends[i]);
    }
    assert(packets_count_descriptors() == before);
    (void)before;
}
