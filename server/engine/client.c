/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - see client.h.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "board.h"
#include "definition.h"
#include "lend.h"
#include "link.h"
#include "request.h"
#include "rules.h"
#include "socket.h"
#include "status.h"

#define HELLO_PATIENCE_US (10 * APR_USEC_PER_SEC)
#define MAX_CHANNELS 256     /* a client; DESIGN 3, "a hostile client" */

struct client *client_find(struct engine *engine, uint32_t number)
{
    return apr_hash_get(engine->clients, &number, sizeof number);
}

void client_fail(struct client *client, const char *why)
{
    static struct log_quota quota;

    if (!client->failed) {
        log_some(&quota, LOG_LEVEL_WARN,
                 "client pid %ld: %s; its channels are closed",
                 (long)client->pid, why);
    }
    client->failed = true;
}

/* Opening and closing ------------------------------------------------------ */

static struct channel *channel_new(struct client *client, uint32_t number,
                                   int fd)
{
    struct channel *channel = calloc(1, sizeof *channel);

    if (channel == NULL) {
        abort();
    }
    channel->client = client;
    channel->number = number;
    channel->fd = fd;
    channel->inherited = !client->engine->started;
    /* Until START everything is told first: what a client asks before would
     * meet half of it. */
    channel->watch = loop_watch(client->engine->loop, fd,
                                client->engine->started ? LOOP_READ : 0,
                                rules_on_ready, channel);
    if (channel->watch == NULL) {
        log_error("client pid %ld: no room for a channel: %s",
                  (long)client->pid, strerror(errno));
        fd_close(&channel->fd);
        free(channel);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&client->channels, channel, next);
    client->n_channels++;
    if (number > client->last_channel) {
        client->last_channel = number;
    }
    return channel;
}

static void opening_add(struct channel *channel, uint32_t id, uint32_t number)
{
    struct opening *opening = calloc(1, sizeof *opening);

    if (opening == NULL) {
        abort();
    }
    opening->channel = channel;
    opening->id = id;
    opening->number = number;
    STAILQ_INSERT_TAIL(&channel->client->openings, opening, next);
}

static void opening_forget(const struct channel *channel)
{
    struct opening *opening;

    STAILQ_FOREACH(opening, &channel->client->openings, next) {
        if (opening->channel == channel) {
            opening->channel = NULL;
        }
    }
}

static struct opening *opening_find(struct client *client, uint32_t number)
{
    struct opening *opening;

    STAILQ_FOREACH(opening, &client->openings, next) {
        if (opening->number == number) {
            return opening;
        }
    }
    return NULL;
}

static void opening_free(struct client *client, struct opening *opening)
{
    STAILQ_REMOVE(&client->openings, opening, opening, next);
    free(opening);
}

static unsigned opening_count(const struct client *client)
{
    const struct opening *opening;
    unsigned n = 0;

    STAILQ_FOREACH(opening, &client->openings, next) {
        n++;
    }
    return n;
}

static void channel_free(struct channel *channel)
{
    struct client *client = channel->client;

    opening_forget(channel);
    request_channel_gone(channel);
    status_channel_gone(channel);
    admin_channel_gone(client->engine, channel);
    TAILQ_REMOVE(&client->channels, channel, next);
    client->n_channels--;
    loop_unwatch(&channel->watch);
    fd_close(&channel->fd);
    free(channel);
}

static void client_free(struct client *client)
{
    struct engine *engine = client->engine;
    struct channel *channel, *next;

    for (channel = TAILQ_FIRST(&client->channels); channel != NULL;
         channel = next) {
        next = TAILQ_NEXT(channel, next);
        channel_free(channel);
    }
    while (!STAILQ_EMPTY(&client->openings)) {
        opening_free(client, STAILQ_FIRST(&client->openings));
    }
    lend_client_gone(client);
    loop_timer_cancel(&client->patience);
    board_unmap(&client->board);
    fd_close(&client->board_fd);
    apr_hash_set(engine->clients, &client->number, sizeof client->number,
                 NULL);
    free(client);
}

void client_drop(struct client *client)
{
    struct engine *engine = client->engine;

    log_debug("client pid %ld is gone", (long)client->pid);
    link_drop_client(engine, client->number);
    client_free(client);
    definition_sweep(engine);
}

void client_drop_channel(struct channel *channel)
{
    link_drop_channel(channel->client->engine, channel->client->number,
                      channel->number);
    channel_free(channel);
}

static void on_no_hello(void *baton)
{
    struct client *client = baton;
    struct engine *engine = client->engine;

    client->patience = NULL;
    client_fail(client, "no HELLO within 10 s");
    client_drop(client);
    engine_settle(engine);
}

static bool take_board(struct client *client, struct wire_message *m)
{
    int rc;

    client->board_fd = wire_take_fd(m, 1);
    if (client->admin || client->board_fd < 0) {
        return client->admin;
    }
    rc = board_map(client->board_fd, &client->board);
    if (rc < 0) {
        log_error("client pid %ld: board: %s", (long)client->pid,
                  strerror(-rc));
    }
    return rc == 0;
}

void client_on_new(struct engine *engine, struct wire_message *m)
{
    struct client *client = calloc(1, sizeof *client);
    int fd = wire_take_fd(m, 0);

    if (client == NULL) {
        abort();
    }
    client->engine = engine;
    client->number = wire_get_u32(m, FIELD_CLIENT, 0);
    client->pid = (pid_t)wire_get_u32(m, FIELD_PID, 0);
    client->uid = wire_get_u32(m, FIELD_UID, UINT32_MAX);
    client->admin = wire_get_u32(m, FIELD_ADMIN, 0) != 0;
    client->inherited = !engine->started;
    client->greeted = wire_has(m, FIELD_LEASES);
    client->wants_leases = wire_get_u32(m, FIELD_LEASES, 0) != 0;
    /* One of before whose HELLO nobody has read yet may be of any age. */
    client->generation = wire_get_u32(m, FIELD_GENERATION, client->inherited);
    TAILQ_INIT(&client->channels);
    STAILQ_INIT(&client->openings);
    apr_hash_set(engine->clients, &client->number, sizeof client->number,
                 client);
    if (!client->inherited) {
        client->patience = loop_timer_add(engine->loop, HELLO_PATIENCE_US,
                                          on_no_hello, client);
    }
    if (!take_board(client, m) || channel_new(client, 0, fd) == NULL) {
        client_drop(client);
    }
}

static bool is_expected_user(const struct client *client, uid_t uid)
{
    return uid == 0 || uid == client->uid ||
           uid == client->engine->child_uid;
}

void client_on_hello(struct channel *channel, struct wire_message *m)
{
    struct client *client = channel->client;
    struct wire_message answer;

    if (client->greeted && wire_request_id(m) == client->hello_id) {
        return; /* asked again after RESET, and the first was here, too */
    }
    if (client->greeted || channel->number != 0) {
        client_fail(client, "a second HELLO");
        return;
    }
    if (!is_expected_user(client, m->sender.uid)) {
        client_fail(client, "HELLO from another user");
        return;
    }
    client->pid = m->sender.pid;
    client->generation = wire_get_u32(m, FIELD_GENERATION, 0);
    client->wants_leases = wire_get_u32(m, FIELD_LEASES, 0) != 0;
    client->greeted = true;
    client->hello_id = wire_request_id(m);
    loop_timer_cancel(&client->patience);
    link_greeted(client->engine, client->number, client->generation,
                 client->wants_leases);
    wire_message_init(&answer);
    wire_message_begin(&answer, MSG_WELCOME, wire_request_id(m));
    wire_put_u32(&answer, FIELD_NUMBER, client->admin ? 0 : BOARD_SLOTS);
    wire_put_u32(&answer, FIELD_CLIENT, client->number);
    if (client->board_fd >= 0) {
        wire_put_fd(&answer, &client->board_fd);
    }
    channel_send(channel, &answer);
    wire_message_clear(&answer);
}

void client_on_open_channel(struct channel *channel, struct wire_message *m)
{
    struct client *client = channel->client;

    if (client->n_channels + opening_count(client) >= MAX_CHANNELS) {
        channel_refuse(channel, wire_request_id(m), STATUS_BUSY,
                       "this client has all the channels it may have", NULL,
                       0);
        return;
    }
    opening_add(channel, wire_request_id(m), ++client->last_channel);
    link_make_channel(client->engine, client->number, client->last_channel);
}

/* Pass the client's end of a new channel on to who asked for it. */
static void opening_answer(struct client *client, uint32_t number, int *fd)
{
    struct opening *opening = opening_find(client, number);
    struct wire_message answer;

    if (opening == NULL || opening->channel == NULL) {
        fd_close(fd);
    } else {
        wire_message_init(&answer);
        wire_message_begin(&answer, MSG_CHANNEL, opening->id);
        wire_put_fd(&answer, fd);
        channel_send(opening->channel, &answer);
        wire_message_clear(&answer);
    }
    if (opening != NULL) {
        opening_free(client, opening);
    }
}

/* A further channel: made for who waits for it, or told to a new engine. */
void client_on_channel(struct engine *engine, struct wire_message *m)
{
    struct client *client = client_find(engine,
                                        wire_get_u32(m, FIELD_CLIENT, 0));
    int theirs = wire_take_fd(m, 1);
    int ours = wire_take_fd(m, 0);
    uint32_t number = wire_get_u32(m, FIELD_CHANNEL, 0);

    if (client == NULL) {
        fd_close(&ours);
        fd_close(&theirs);
        return;
    }
    channel_new(client, number, ours);
    if (theirs >= 0) {
        opening_answer(client, number, &theirs);
    }
}

/* All of them -------------------------------------------------------------- */

void client_reset_all(struct engine *engine)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_RESET, 0);
    wire_put_u32(&m, FIELD_EPOCH, engine->epoch);
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);
        struct channel *channel;

        TAILQ_FOREACH(channel, &client->channels, next) {
            channel_send(channel, &m);
        }
    }
    wire_message_clear(&m);
}

void client_listen_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);
        struct channel *channel;

        TAILQ_FOREACH(channel, &client->channels, next) {
            loop_watch_set(channel->watch, LOOP_READ);
        }
    }
}

uint32_t client_oldest_generation(const struct engine *engine)
{
    uint32_t oldest = engine->generation;

    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        const struct client *client = apr_hash_this_val(i);

        if (client->generation != 0 && client->generation < oldest) {
            oldest = client->generation;
        }
    }
    return oldest;
}

void client_free_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        client_free(apr_hash_this_val(i));
    }
}
