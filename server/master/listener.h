/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener.h - listening Unix sockets without a name.
 *
 * Bound in a private folder of mode 0700, opened with O_PATH, then unlinked
 * with the folder: nothing stays on disk, and only who has the O_PATH
 * descriptor can connect (through /proc/self/fd/N).
 */
#ifndef APPPOOL_MASTER_LISTENER_H
#define APPPOOL_MASTER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

/* Shared by a preloader and the process it forked for it. */
struct listener {
    int fd;        /* listening; blocking; owned */
    int path;      /* O_PATH; owned */
    uint16_t port; /* where the process listens in its place; 0: nowhere */
    unsigned refs;
};

/* A listener with one reference below the folder. 0 or -errno. */
int listener_new(const char *folder, struct listener **listener_r);

struct listener *listener_share(struct listener *listener);

/* Drop a reference; NULL inside is fine, NULL afterwards. */
void listener_release(struct listener **listener);

/*
 * Connect without waiting. *fd_r: a non-blocking stream, yours. 0, -EAGAIN
 * (the backlog is full), -ECONNREFUSED (nobody listens at its port yet), other
 * -errno.
 */
int listener_connect(const struct listener *listener, int *fd_r);

/* Does a connection wait to be accepted? At a port nobody can tell: false. */
bool listener_has_waiting(const struct listener *listener);

/* Accept and close what waits: nobody else will. */
void listener_drain(struct listener *listener);

#endif
