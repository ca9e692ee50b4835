/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket.h - messages and descriptors through SOCK_SEQPACKET sockets.
 *
 * Every descriptor made or received here is close-on-exec from birth. Nothing
 * here blocks unless it says so and names its patience.
 */
#ifndef APPPOOL_WIRE_SOCKET_H
#define APPPOOL_WIRE_SOCKET_H

#include "message.h"

/* SCM_PIDFD (Linux 6.5): a descriptor that nobody of ours asks for. Who shares
 * a socket may have; it has to be closed. */
#define WIRE_SCM_PIDFD 4

/*
 * A connected SOCK_SEQPACKET pair, both ends close-on-exec and non-blocking;
 * ends[0] also has SO_PASSCRED, so that it learns who sends.
 * 0 or -errno (then both are -1).
 */
int wire_pair(int ends[2]);

/* Ask the kernel to name the sender of what arrives on fd. 0 or -errno. */
int wire_pass_credentials(int fd);

/*
 * Undo what somebody who shares the socket has set to hide or drop what
 * arrives. 0: nothing that mattered; 1: something; -EPERM: it is locked, and
 * the socket of no use any more.
 */
int wire_undo_options(int fd);

/* Did wire_send() fail for the moment only: a full queue, no memory, too many
 * descriptors under way? Then the message can be sent later. */
int wire_is_for_later(int rc);

/*
 * Send m with copies of its descriptors; m keeps and owns what it had.
 * 0, -EAGAIN (the peer's queue is full; nothing was sent), -EPIPE (peer gone),
 * -EPROTO (m is against the tables: our bug, nothing was sent), other -errno.
 * Never raises SIGPIPE; interrupted calls are repeated.
 */
int wire_send(int fd, const struct wire_message *m);

/*
 * Receive one message into m (begun anew; former contents are cleared).
 * `senders`: who may be at the other end, FROM_*.
 * 1: m holds a checked message; 0: end of file; -EAGAIN: nothing there;
 * -EPROTO: a message against the tables, or one whose data or descriptors were
 * truncated: it has been dropped, its descriptors are closed, *why_r (may be
 * NULL) says what was wrong, m is empty but for m->sender; other -errno.
 */
int wire_receive(int fd, struct wire_message *m, unsigned senders,
                 const char **why_r);

/* Wait at most timeout_ms (-1: for ever) until fd is readable / at its end.
 * 1, 0 (time is up), -errno. Interrupted waits go on for the rest. */
int wire_wait_readable(int fd, int timeout_ms);

/* As wire_wait_readable, until fd can be written. */
int wire_wait_writable(int fd, int timeout_ms);

/*
 * The rendezvous: one byte out, one descriptor in; no message ever.
 * rendezvous_ask() sends `byte` (one of RENDEZVOUS_*) and waits at most
 * timeout_ms for a channel; replies are interchangeable between all who share
 * the socket. A channel that is at end of file already is closed and the next
 * reply taken. *fd_r: a non-blocking channel, yours.
 * 0, -ETIMEDOUT, -EPIPE (the server is gone), other -errno.
 */
int rendezvous_ask(int fd, char byte, int timeout_ms, int *fd_r);

/*
 * Server's side: take one request. 1: *byte_r and *who_r are set; 0: end of
 * file; -EAGAIN; -EPROTO: not exactly one byte, or descriptors came with it
 * (closed); *who_r is set then too.
 */
int rendezvous_receive(int fd, char *byte_r, struct wire_sender *who_r);

/* Answer with a copy of `channel` (borrowed). 0, -EAGAIN, -EPIPE, -errno. */
int rendezvous_answer(int fd, int channel);

/* Set or clear O_NONBLOCK. 0 or -errno. */
int fd_set_nonblocking(int fd, int on);

/* All of it, to a file or blocking; 0 or -errno. (json_dumpfd() writes word by
 * word: with thousands of applications that takes seconds.) */
int fd_write_all(int fd, const void *bytes, size_t len);

/* Duplicate close-on-exec. A descriptor > 2, or -errno. */
int fd_duplicate(int fd);

/* Close *fd if it is one; -1 afterwards. Keeps errno. */
void fd_close(int *fd);

#endif
