/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.h - the end of the server, within 8 s whatever hangs.
 *
 *   draining  the engine was told STOP: requests may finish, at most 5 s (3 s
 *             without a parent: then all is over after 5 s)
 *   ending    SIGTERM to every application, 1.5 s
 *   killing   SIGKILL to everything, then the engine
 *
 * Each step comes early when there is nothing left to wait for.
 */
#ifndef APPPOOL_MASTER_STOP_H
#define APPPOOL_MASTER_STOP_H

#include "master.h"

/* Begin with draining; why: for the log. No-op when it has begun. */
void stop_begin(struct master *m, const char *why);
void stop_orphaned(struct master *m);

/* Begin with ending, or go over to it. */
void stop_quickly(struct master *m, const char *why);

/* Something has ended: go on if that was the last. */
void stop_check(struct master *m);

/* The engine has died while the server ends: nobody drains any more. */
void stop_engine_died(struct master *m);

/* Tell the engine. */
void stop_tell(struct master *m);

#endif
