/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - a GET, from its arrival to its answer.
 */
#ifndef APPPOOL_ENGINE_REQUEST_H
#define APPPOOL_ENGINE_REQUEST_H

#include "client.h"

struct adoption;
struct definition;
struct slot;

/* A GET without an answer. */
struct request {
    struct core_waiter waiter;   /* first member; see request_of() */
    TAILQ_ENTRY(request) next;   /* in adoption->waiting */
    struct channel *channel;
    uint32_t id;                 /* request id of the GET */
    uint64_t sticky;             /* id of the process it belongs to; 0: none */
    struct definition *definition; /* NULL: not asked the core yet */
    struct adoption *adoption;   /* waits for it; NULL: no longer */
    struct slot *slot;           /* handed out, waits for CONNECTED; NULL */
};

/* Channel messages. */
void request_on_get(struct channel *channel, struct wire_message *m);
void request_on_cancel(struct channel *channel, struct wire_message *m);

/* The request that the core's waiter is part of. */
struct request *request_of(struct core_waiter *waiter);

/* It has been answered. */
void request_free(struct request *request);

/* Answer with REFUSED and free it; page may be NULL. */
void request_refuse(struct request *request, enum wire_status status,
                    const char *message, const char *page,
                    unsigned retry_after_s);

/* Decision of the core. */
void request_on_refused(struct engine *engine, struct core_waiter *waiter,
                        enum core_refusal why, const char *text,
                        unsigned retry_after_s);

/* The master has answered for a root that only clients named. */
void request_adopted(struct engine *engine, struct adoption *adoption);

/* Nobody is there any more to be answered. */
void request_channel_gone(struct channel *channel);

#endif
