/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clients.c - see clients.h.
 */
#include "clients.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "connect.h"
#include "engine_link.h"
#include "socket.h"

/* More is somebody who asks and asks. */
#define MAX_CLIENTS  16384
#define MAX_OF_ONE   64  /* of one process: one is enough, with its channels */
#define MAX_CHANNELS 256 /* of one client; as the engine has it */

struct client *clients_find(struct master *m, uint32_t number)
{
    return apr_hash_get(m->clients, &number, sizeof(number));
}

static struct client_channel *channel_add(struct client *client,
                                          uint32_t number, int *fd)
{
    struct client_channel *channel = calloc(1, sizeof(*channel));

    if (channel == NULL) {
        abort();
    }
    channel->number = number;
    channel->fd = *fd;
    *fd = -1;
    LIST_INSERT_HEAD(&client->channels, channel, next);
    client->n_channels++;
    return channel;
}

static void channel_free(struct client *client, struct client_channel *channel)
{
    LIST_REMOVE(channel, next);
    client->n_channels--;
    fd_close(&channel->fd);
    free(channel);
}

static struct client_channel *channel_find(const struct client *client,
                                           uint32_t number)
{
    struct client_channel *channel;

    LIST_FOREACH(channel, &client->channels, next) {
        if (channel->number == number) {
            return channel;
        }
    }
    return NULL;
}

struct client *client_restore(struct master *m, uint32_t number)
{
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        abort();
    }
    client->number = number;
    client->board = -1;
    apr_hash_set(m->clients, &client->number, sizeof(client->number), client);
    return client;
}

void client_restore_channel(struct client *client, uint32_t number, int fd)
{
    channel_add(client, number, &fd);
}

bool client_is_whole(const struct client *client)
{
    return channel_find(client, 0) != NULL;
}

static struct client *client_add(struct master *m,
                                 const struct wire_sender *who, bool admin,
                                 int *board, int *channel)
{
    struct client *client = client_restore(m, ++m->last_client);

    client->pid = who->pid;
    client->uid = who->uid;
    client->admin = admin;
    client->board = *board;
    *board = -1;
    channel_add(client, 0, channel);
    return client;
}

static bool may_have_another(const struct master *m,
                             const struct wire_sender *who)
{
    unsigned n = 0;

    for (apr_hash_index_t *i = apr_hash_first(NULL, m->clients); i != NULL;
         i = apr_hash_next(i)) {
        const struct client *client = apr_hash_this_val(i);

        n += client->pid == who->pid;
    }
    return n < MAX_OF_ONE && apr_hash_count(m->clients) < MAX_CLIENTS;
}

int client_new(struct master *m, const struct wire_sender *who, bool admin,
               int (*answer)(void *baton, int channel), void *baton)
{
    int ends[2] = { -1, -1 };
    int board = -1;
    int rc = -EMFILE;

    if (may_have_another(m, who)) {
        rc = wire_pair(ends);
    }
    if (rc == 0 && !admin) {
        rc = board_make(&board);
    }
    if (rc == 0) {
        rc = answer(baton, ends[1]);
    }
    if (rc == 0) {
        client_tell(m, client_add(m, who, admin, &board, &ends[0]));
    }
    fd_close(&ends[0]);
    fd_close(&ends[1]);
    fd_close(&board);
    return rc;
}

void client_free(struct master *m, struct client *client)
{
    struct client_channel *channel, *next;

    connect_revoke_client(m, client);
    for (channel = LIST_FIRST(&client->channels); channel != NULL;
         channel = next) {
        next = LIST_NEXT(channel, next);
        channel_free(client, channel);
    }
    fd_close(&client->board);
    apr_hash_set(m->clients, &client->number, sizeof(client->number), NULL);
    free(client);
}

void clients_free_all(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->clients); i != NULL;
         i = apr_hash_first(NULL, m->clients)) {
        client_free(m, apr_hash_this_val(i));
    }
}

/* Telling the engine --------------------------------------------------------*/

static void tell_channel(struct master *m, const struct client *client,
                         const struct client_channel *channel, int *client_end)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_CHANNEL_NEW, 0);
    wire_put_u32(&msg, FIELD_CLIENT, client->number);
    wire_put_u32(&msg, FIELD_CHANNEL, channel->number);
    engine_link_put_copy(&msg, channel->fd);
    if (*client_end >= 0) {
        wire_put_fd(&msg, client_end);
    }
    engine_link_send(m, &msg);
}

static void tell_client(struct master *m, const struct client *client)
{
    const struct client_channel *first = channel_find(client, 0);
    struct wire_message msg;

    assert(first != NULL); /* it goes with its client only */
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_CLIENT_NEW, 0);
    wire_put_u32(&msg, FIELD_CLIENT, client->number);
    wire_put_u32(&msg, FIELD_PID, (uint32_t)client->pid);
    wire_put_u32(&msg, FIELD_UID, client->uid);
    wire_put_u32(&msg, FIELD_ADMIN, client->admin);
    if (client->greeted) {
        wire_put_u32(&msg, FIELD_GENERATION, client->generation);
        wire_put_u32(&msg, FIELD_LEASES, client->leases);
    }
    engine_link_put_copy(&msg, first->fd);
    if (client->board >= 0) {
        engine_link_put_copy(&msg, client->board);
    }
    engine_link_send(m, &msg);
}

void client_tell(struct master *m, const struct client *client)
{
    const struct client_channel *channel;
    int none = -1;

    tell_client(m, client);
    LIST_FOREACH(channel, &client->channels, next) {
        if (channel->number != 0) {
            tell_channel(m, client, channel, &none);
        }
    }
}

/* What the engine says ------------------------------------------------------*/

void client_on_drop(struct master *m, struct wire_message *msg)
{
    struct client *client = clients_find(m, wire_get_u32(msg, FIELD_CLIENT, 0));

    if (client != NULL) {
        client_free(m, client);
    }
}

void client_on_greeted(struct master *m, struct wire_message *msg)
{
    struct client *client = clients_find(m, wire_get_u32(msg, FIELD_CLIENT, 0));

    if (client != NULL) {
        client->greeted = true;
        client->generation = wire_get_u32(msg, FIELD_GENERATION, 0);
        client->leases = wire_get_u32(msg, FIELD_LEASES, 0);
    }
}

/* An engine that asks for a number twice, or for too many, is told nothing:
 * only a broken one does. */
void client_on_make_channel(struct master *m, struct wire_message *msg)
{
    struct client *client = clients_find(m, wire_get_u32(msg, FIELD_CLIENT, 0));
    uint32_t number = wire_get_u32(msg, FIELD_CHANNEL, 0);
    int ends[2];
    int rc;

    if (client == NULL || client->n_channels >= MAX_CHANNELS ||
        channel_find(client, number) != NULL) {
        return;
    }
    rc = wire_pair(ends);
    if (rc < 0) {
        log_error("no channel for client %u (pid %ld): %s", client->number,
                  (long)client->pid, strerror(-rc));
        return;
    }
    tell_channel(m, client, channel_add(client, number, &ends[0]), &ends[1]);
}

/* The first channel is the client: it goes by DROP_CLIENT alone. */
void client_on_drop_channel(struct master *m, struct wire_message *msg)
{
    struct client *client = clients_find(m, wire_get_u32(msg, FIELD_CLIENT, 0));
    uint32_t number = wire_get_u32(msg, FIELD_CHANNEL, 0);
    struct client_channel *channel;

    if (client == NULL || number == 0) {
        return;
    }
    channel = channel_find(client, number);
    if (channel != NULL) {
        channel_free(client, channel);
    }
}
