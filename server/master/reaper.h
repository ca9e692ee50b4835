/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper.h - dead children, and orphans that applications leave behind.
 *
 * The master is a subreaper: whatever an application orphans becomes its
 * child. With a process that ends its process group is killed, and orphans of
 * its session; with the last process of a family (a preloader and all that it
 * forked, or one that was started directly) also those that went into a session
 * of their own and still write to the family's output. The rest (a daemon that
 * has closed everything) ends with the server.
 */
#ifndef APPPOOL_MASTER_REAPER_H
#define APPPOOL_MASTER_REAPER_H

#include "master.h"

/* Reap all there is, then look for orphans. */
void reaper_run(struct master *m);

struct stat;

/* SIGKILL for every orphan whose stdout or stderr is this pipe. */
void reaper_kill_writers(struct master *m, const struct stat *output);

/* SIGKILL for every child but engine and watcher: the end of the server.
 * Returns how many there are. */
unsigned reaper_kill_children(struct master *m);

#endif
