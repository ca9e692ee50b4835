/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.h - sessions: from the hand-out to the OFFER, and back.
 *
 * The board's word is the truth; RETURN and CLOSED only wake the engine, so one
 * that is lost or comes twice changes nothing.
 */
#ifndef APPPOOL_ENGINE_LEND_H
#define APPPOOL_ENGINE_LEND_H

#include "client.h"

struct running;

/* Channel messages. */
void lend_on_return(struct channel *channel, struct wire_message *m);
void lend_on_closed(struct channel *channel, struct wire_message *m);

/* Link messages. */
void lend_on_connected(struct engine *engine, struct wire_message *m);
void lend_on_connect_error(struct engine *engine, struct wire_message *m);

/* Decision of the core. */
void lend_hand_out(struct engine *engine, struct core_waiter *waiter,
                   struct running *running);

/* Does the waiter's client have a connection to the process already? */
bool lend_has_connection(struct core_waiter *waiter, struct running *running);

/* What happens to those that took part. */
void lend_client_gone(struct client *client);
/* Its connections are gone; whoever waited for one is asked for anew. */
void lend_process_gone(struct engine *engine, struct running *running);

/* Tell the core of sessions that ended inside one of its decisions. */
void lend_settle(struct engine *engine);

/* Once a second: words that say EMPTY though no RETURN came. */
void lend_look(struct engine *engine);

#endif
