/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - a socket on which a client asks, and how it is answered.
 */
#ifndef APPPOOL_ENGINE_CHANNEL_H
#define APPPOOL_ENGINE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "message.h"

struct client;
struct request;

/* A thread of the client has at most one unanswered GET on its channel. */
struct channel {
    TAILQ_ENTRY(channel) next;
    struct client *client;
    uint32_t number;         /* within its client; 0 is the first */
    int fd;                  /* owned */
    struct loop_watch *watch;
    struct request *request; /* the GET without an answer; NULL: none */
    bool inherited;          /* an engine before us was spoken to on it */
    bool asks_status;        /* in engine->asking */
    uint32_t status_id;      /* request id of that */
    TAILQ_ENTRY(channel) next_asking;
};

/* Send to a channel, never waiting. 0, or -errno and the answer is lost (the
 * client is dropped when its channel turns out closed). */
int channel_send(struct channel *channel, const struct wire_message *m);

/* Answers of one line. page may be NULL. */
void channel_refuse(struct channel *channel, uint32_t request_id,
                    enum wire_status status, const char *message,
                    const char *page, unsigned retry_after_s);
void channel_answer(struct channel *channel, uint32_t request_id,
                    enum wire_type type); /* one without fields */
void channel_done(struct channel *channel, uint32_t request_id);
void channel_value(struct channel *channel, uint32_t request_id,
                   uint32_t number);

#endif
