/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper.h - dead children, and orphans that applications leave behind.
 *
 * The master is a subreaper: whatever an application orphans becomes its
 * child. What is in the process group of a process that ended is killed with
 * it; an orphan whose session has lost its leader is killed, too.
 */
#ifndef APPPOOL_MASTER_REAPER_H
#define APPPOOL_MASTER_REAPER_H

#include "master.h"

/* Reap all there is, then look for orphans. */
void reaper_run(struct master *m);

/* SIGKILL for every child but the engine: the end of the server. Returns how
 * many there are. */
unsigned reaper_kill_children(struct master *m);

#endif
