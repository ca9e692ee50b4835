/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.h - sessions: from a GET to an OFFER, and back.
 *
 * The board's word is the truth; RETURN and CLOSED only wake the engine, so one
 * that is lost or comes twice changes nothing.
 */
#ifndef APPPOOL_ENGINE_LEND_H
#define APPPOOL_ENGINE_LEND_H

#include "client.h"

struct adoption;
struct definition;
struct running;
struct slot;

/* A GET without an answer. */
struct request {
    struct core_waiter waiter;   /* first member; see request_of() */
    TAILQ_ENTRY(request) next;   /* in adoption->waiting */
    struct channel *channel;
    uint32_t id;                 /* request id of the GET */
    struct definition *definition; /* NULL: not asked the core yet */
    struct adoption *adoption;   /* waits for it; NULL: no longer */
    struct slot *slot;           /* handed out, waits for CONNECTED; NULL */
};

/* Channel messages. */
void lend_on_get(struct channel *channel, struct wire_message *m);
void lend_on_cancel(struct channel *channel, struct wire_message *m);
void lend_on_return(struct channel *channel, struct wire_message *m);
void lend_on_closed(struct channel *channel, struct wire_message *m);

/* Link messages. */
void lend_on_connected(struct engine *engine, struct wire_message *m);
void lend_on_connect_error(struct engine *engine, struct wire_message *m);
void lend_on_slot_kept(struct engine *engine, struct wire_message *m);

/* Decisions of the core. */
void lend_hand_out(struct engine *engine, struct core_waiter *waiter,
                   struct running *running);
void lend_refuse(struct engine *engine, struct core_waiter *waiter,
                 enum core_refusal why, const char *text,
                 unsigned retry_after_s);

/* What happens to those that took part. */
void lend_adopted(struct engine *engine, struct adoption *adoption);
void lend_channel_gone(struct channel *channel);
void lend_client_gone(struct client *client);
/* Its connections are gone; whoever waited for one is asked for anew. */
void lend_process_gone(struct engine *engine, struct running *running);

/* Tell the core of sessions that ended inside one of its decisions. */
void lend_settle(struct engine *engine);

/* Once a second: words that say EMPTY though no RETURN came. */
void lend_look(struct engine *engine);

/* After an engine's death: make words and slots agree. */
void lend_take_over(struct engine *engine);

#endif
