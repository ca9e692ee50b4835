/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mailbox.h - how a child finds a server that was started after it.
 *
 * A socketpair that children inherit and only the parent writes. What is in it
 * is the rendezvous of the server that runs now: a child looks without taking
 * (MSG_PEEK gives each its own copy of the descriptor), the parent replaces it.
 * Daemons of other modules hold both ends, too: they can take it out, which the
 * parent notices (mailbox_keep), put something else in, which nobody believes,
 * set options, which are undone, or shut it down.
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

/* Replace what is in it by a copy of fd (borrowed). 0 or -errno: nobody will
 * find anything in it. */
int mailbox_put(struct mailbox *box, int fd);

/*
 * A copy of what is in it, put there by process `parent`; what others have put
 * in front of it is thrown away. *fd_r is yours.
 * 0, -EAGAIN (nothing there), -EPERM (too much of others), -EPIPE (somebody has
 * shut it down), other -errno.
 */
int mailbox_look(const struct mailbox *box, pid_t parent, int *fd_r);

/*
 * In the parent: see that a copy of fd (borrowed) is in it and comes first.
 * 0: it was; 1: it was not, and is now; -errno: it cannot be any more.
 */
int mailbox_keep(struct mailbox *box, int fd);

#endif
