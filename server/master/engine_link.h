/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_link.h - the master's end of the socket to the engine.
 *
 * What the socket cannot take at once waits in a queue; as long as anything
 * does, nobody is let in and no report is read, so the queue stays short.
 * Without an engine messages are dropped: the next one is told everything.
 */
#ifndef APPPOOL_MASTER_ENGINE_LINK_H
#define APPPOOL_MASTER_ENGINE_LINK_H

#include "master.h"

/* Talk over *fd, taken over. 0 or -errno (then it is closed). */
int engine_link_open(struct master *m, int *fd);

/* Forget the queue and the socket. Twice is harmless. */
void engine_link_close(struct master *m);

/* Send or queue msg; it is cleared, its descriptors are taken over. */
void engine_link_send(struct master *m, struct wire_message *msg);

/*
 * Attach a copy of fd (borrowed). When descriptors have run out the message
 * goes without, is refused by its own rules, and the engine is not told: the
 * log says so.
 */
void engine_link_put_copy(struct wire_message *msg, int fd);

/* Is there an engine, and has it taken everything so far? */
bool engine_link_is_free(const struct master *m);

#endif
