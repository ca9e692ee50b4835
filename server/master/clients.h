/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.h - clients as the master keeps them: a number, a board, channels.
 *
 * The engine's end of every channel is kept, too, so that it can be given to
 * the next engine.
 */
#ifndef APPPOOL_MASTER_CLIENTS_H
#define APPPOOL_MASTER_CLIENTS_H

#include "master.h"

struct client_channel {
    LIST_ENTRY(client_channel) next;
    uint32_t number; /* 0: the first */
    int fd;          /* engine's end; owned */
};

struct connection;

struct client {
    uint32_t number; /* key in master->clients */
    pid_t pid;
    uid_t uid;
    bool admin;
    bool greeted;        /* HELLO has come: */
    uint32_t generation; /* what it said; 0: none */
    uint32_t leases;     /* likewise */
    int board;       /* owned; -1 where admin */
    LIST_HEAD(, client_channel) channels;
    unsigned n_channels;
    LIST_HEAD(, connection) connections; /* owned by connect.c */
};

/*
 * A new client whose ask was answered by `answer`, which gets the client's end
 * of its first channel (borrowed) and returns 0 or -errno. The engine is told.
 * 0; -errno: there is no such client.
 */
int client_new(struct master *m, const struct wire_sender *who, bool admin,
               int (*answer)(void *baton, int channel), void *baton);

struct client *clients_find(struct master *m, uint32_t number);

/* Revoke all it has and forget it. */
void client_free(struct master *m, struct client *client);
void clients_free_all(struct master *m);

/* For state.h: a client without channels; channels; is the first there? */
struct client *client_restore(struct master *m, uint32_t number);
void client_restore_channel(struct client *client, uint32_t number, int fd);
bool client_is_whole(const struct client *client);

/* Tell the engine of a client and its channels. */
void client_tell(struct master *m, const struct client *client);

/* Link messages. */
void client_on_drop(struct master *m, struct wire_message *msg);
void client_on_make_channel(struct master *m, struct wire_message *msg);
void client_on_greeted(struct master *m, struct wire_message *msg);
void client_on_drop_channel(struct master *m, struct wire_message *msg);

#endif
