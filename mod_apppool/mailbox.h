/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.h - how a child finds a server that was started after it.
 *
 * A socketpair that children inherit and only the parent writes. What is in it
 * is the rendezvous of the server that runs now: a child looks without taking
 * (MSG_PEEK gives each its own copy of the descriptor), the parent replaces it.
 */
#ifndef MOD_APPPOOL_MAILBOX_H
#define MOD_APPPOOL_MAILBOX_H

#include <sys/types.h>

struct mailbox {
    int reader;  /* -1: none */
    int writer;  /* the parent's; -1 in children */
};

/* Make the pair, close-on-exec and non-blocking. 0 or -errno. */
int mailbox_open(struct mailbox *box);
void mailbox_close(struct mailbox *box);

/* In a child: the writer's end is the parent's alone. */
void mailbox_close_writer(struct mailbox *box);

/* Replace what is in it by a copy of fd (borrowed). 0 or -errno. */
int mailbox_put(struct mailbox *box, int fd);

/*
 * A copy of what is in it, put there by process `parent`. *fd_r is yours.
 * 0, -EAGAIN (nothing there), -EPERM (somebody else wrote), other -errno.
 */
int mailbox_look(const struct mailbox *box, pid_t parent, int *fd_r);

#endif
