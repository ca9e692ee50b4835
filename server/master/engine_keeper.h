/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_keeper.h - sees to it that there is an engine: starts it as its own
 * user, pings it every second, kills one that does not answer for three, and
 * starts it again.
 */
#ifndef APPPOOL_MASTER_ENGINE_KEEPER_H
#define APPPOOL_MASTER_ENGINE_KEEPER_H

#include "master.h"

/* Start one; a failure is logged and tried again later. */
void engine_keeper_start(struct master *m);

/* Its process has ended (reaped already). */
void engine_keeper_died(struct master *m, int status);

/* The link to it broke: whatever it does, it is of no use any more. */
void engine_keeper_lost(struct master *m);

/* Link messages. */
void engine_keeper_on_pong(struct master *m, struct wire_message *msg);
void engine_keeper_on_keep(struct master *m, struct wire_message *msg);

/*
 * How long the next one is waited with after so many early ends in a row. One
 * that was up (told everything, and answered) was ended from outside or by
 * something that was asked of it: the same is tried again at once for longer.
 */
apr_interval_time_t engine_keeper_delay(unsigned failures, bool was_up);

/* No further start, no ping; close the link, so that the engine ends. */
void engine_keeper_end(struct master *m);

/* Tell an engine that has just come everything, START at the end. */
void engine_keeper_tell(struct master *m);

#endif
