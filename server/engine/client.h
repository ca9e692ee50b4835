/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - clients of the pool and their channels.
 *
 * A client is one process that connected: an httpd child, the tool, a library
 * user. It may be hostile: each message is checked against who sent it and what
 * was said before, and the worst it can bring about is its own end.
 */
#ifndef APPPOOL_ENGINE_CLIENT_H
#define APPPOOL_ENGINE_CLIENT_H

#include "channel.h"
#include "engine.h"
#include "slot_word.h"

struct slot;

/* An OPEN_CHANNEL that the master has been asked for. */
struct opening {
    STAILQ_ENTRY(opening) next;
    struct channel *channel; /* where it came from; NULL: gone meanwhile */
    uint32_t id;             /* request id of the message */
    uint32_t number;         /* of the channel to be */
};

struct client {
    struct engine *engine;
    uint32_t number;         /* key in engine->clients */
    pid_t pid;               /* as the kernel said; for log and status */
    uid_t uid;               /* of who asked the rendezvous */
    uint32_t generation;     /* of the configuration it runs with; 0: none */
    bool admin;
    bool greeted;            /* HELLO has come */
    uint32_t hello_id;       /* its request id */
    bool wants_leases;       /* as HELLO said */
    bool inherited;          /* an engine before us may have had its HELLO */
    bool failed;             /* to be dropped at the end of this handler */
    struct loop_timer *patience; /* with a client that has not said HELLO */
    TAILQ_HEAD(, channel) channels;
    uint32_t last_channel;   /* greatest channel number so far */
    uint32_t n_channels;
    STAILQ_HEAD(, opening) openings;
    int board_fd;            /* passed on in WELCOME, then closed; -1 */
    struct slot_line *board; /* NULL: admin */
    struct slot *slots[BOARD_SLOTS]; /* NULL: unused line */
    uint32_t free_hint;      /* where to look for an unused line */
};

/* Link messages. */
void client_on_new(struct engine *engine, struct wire_message *m);
void client_on_channel(struct engine *engine, struct wire_message *m);

struct client *client_find(struct engine *engine, uint32_t number);

/* Messages. */
void client_on_hello(struct channel *channel, struct wire_message *m);
void client_on_open_channel(struct channel *channel, struct wire_message *m);

/* One log line, then the client is dropped after the handler. */
void client_fail(struct client *client, const char *why);

/* It has gone, or has to: free what there is of it. */
void client_drop(struct client *client);
void client_drop_channel(struct channel *channel); /* not the first */

/* RESET to every channel: ask again what was not answered. */
void client_reset_all(struct engine *engine);

/* Read what clients say; nothing is read before START. */
void client_listen_all(struct engine *engine);

/* The oldest generation in use; the current one if no client is left. */
uint32_t client_oldest_generation(const struct engine *engine);

/* All of them; for the end. */
void client_free_all(struct engine *engine);

#endif
