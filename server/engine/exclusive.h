/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive.h - processes that serve a connection until its end.
 *
 * FastCGI programs and SCGI servers that are not our loaders do: while one
 * connection is open, though nothing is asked over it, whoever else connects
 * waits. So such a process has no more connections than it serves at once, and
 * one that nobody uses is shut down before the next is made. The master does it
 * on its own copy: the client is not asked.
 */
#ifndef APPPOOL_ENGINE_EXCLUSIVE_H
#define APPPOOL_ENGINE_EXCLUSIVE_H

#include "slot.h"

/* Is a kept connection a danger: do others wait behind it? Not leased then. */
bool exclusive_is_unbounded(const struct running *running);

/* Before one more connection to the process. */
void exclusive_make_room(struct running *running);

/*
 * This slot is lent no longer. Where nobody said how many connections the
 * process serves at once (PoolConcurrency 0) it is revoked and gone.
 */
void exclusive_on_return(struct slot *slot);

/* The process is told to end: it must see the end of what is still open. */
void exclusive_on_retire(struct running *running);

#endif
