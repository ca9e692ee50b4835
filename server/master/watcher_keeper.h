/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watcher_keeper.h - starts the watcher, passes questions on and answers back.
 *
 * The engine names applications and processes by number; the definition, and
 * descriptors of a process's files in /proc, are added here. A watcher that
 * hangs on a file system keeps nobody waiting: what its socket cannot take is
 * dropped, and asked again in time.
 */
#ifndef APPPOOL_MASTER_WATCHER_KEEPER_H
#define APPPOOL_MASTER_WATCHER_KEEPER_H

#include "master.h"

/* Start one; on failure the log says so and another try follows. */
void watcher_keeper_start(struct master *m);

/* The watcher was reaped. */
void watcher_keeper_died(struct master *m, int status);

/*
 * Take fd, the socket to a watcher, and hear what it says; start() and tests.
 * 0 or -errno.
 */
int watcher_keeper_listen(struct master *m, int *fd);

/* The engine's link is full or gone, or free again: what the watcher says waits
 * in its socket, and then in the watcher. */
void watcher_keeper_pause(struct master *m, bool paused);

/* No watcher from now on; the one there is sees the end of its socket. */
void watcher_keeper_end(struct master *m);

/* Link messages. */
void watcher_on_watch(struct master *m, struct wire_message *msg);
void watcher_on_measure(struct master *m, struct wire_message *msg);

#endif
