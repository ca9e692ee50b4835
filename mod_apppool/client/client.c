/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - life and death of a client.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

int64_t client_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * APR_USEC_PER_SEC + now.tv_nsec / 1000;
}

bool client_is_ours(const struct apppool_client *client)
{
    return fork_mark_is_here(&client->mark);
}

/* Birth ------------------------------------------------------------------- */

static struct apppool_client *allocate(int *fd)
{
    struct apppool_client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        abort();
    }
    pthread_mutex_init(&client->lock, NULL);
    pthread_mutex_init(&client->opening, NULL);
    client->refs = client->uses = 1;
    fork_mark_set(&client->mark);
    client->closing_fd = -1;
    channel_init(&client->first, *fd);
    *fd = -1;
    return client;
}

static void allocate_slots(struct apppool_client *client, unsigned n)
{
    client->slots = calloc(n, sizeof(*client->slots));
    if (client->slots == NULL) {
        abort();
    }
    client->n_slots = n;
    for (unsigned i = 0; i < n; i++) {
        client->slots[i].fd = -1;
    }
}

static apr_status_t take_welcome(struct apppool_client *client,
                                 struct wire_message *m)
{
    const unsigned n_slots = wire_get_u32(m, FIELD_NUMBER, 0);
    int board_fd = wire_take_fd(m, 0);
    int rc;

    client->number =
        wire_get_u32(m, FIELD_CLIENT, (uint32_t)client->mark.owner);
    if (board_fd < 0) {
        return APR_SUCCESS; /* an admin channel */
    }
    rc = board_map(board_fd, &client->board);
    fd_close(&board_fd);
    if (rc < 0) {
        return rc == -EPROTO ? APPPOOL_EPROTO : APR_FROM_OS_ERROR(-rc);
    }
    if (n_slots == 0 || n_slots > BOARD_SLOTS) {
        return APPPOOL_EPROTO;
    }
    allocate_slots(client, n_slots);
    return APR_SUCCESS;
}

static apr_status_t say_hello(struct apppool_client *client, int64_t end,
                              apr_uint32_t generation)
{
    const struct patience patience = patience_until(client, end);
    struct channel *ch = &client->first;
    apr_status_t rv;

    channel_begin(ch, MSG_HELLO);
    wire_put_u32(&ch->out, FIELD_LEASES, 1);
    if (generation != 0) {
        wire_put_u32(&ch->out, FIELD_GENERATION, generation);
    }
    rv = channel_ask(client, ch, &patience);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (wire_type(&ch->in)) {
    case MSG_WELCOME:
        return take_welcome(client, &ch->in);
    case MSG_REFUSED:
        return APPPOOL_EIO;
    default:
        return APPPOOL_EPROTO;
    }
}

/* Death ------------------------------------------------------------------- */

static void close_idle_channels(struct apppool_client *client)
{
    while (client->idle != NULL) {
        struct channel *ch = client->idle;

        client->idle = ch->next;
        channel_clear(ch);
        free(ch);
    }
}

/* Nobody uses it any more. What sessions had kept open ends with it. */
static void close_everything(struct apppool_client *client)
{
    close_idle_channels(client);
    for (unsigned i = 0; i < client->n_slots; i++) {
        fd_close(&client->slots[i].fd);
    }
    channel_clear(&client->first);
    board_unmap(&client->board);
    fd_close(&client->closing_fd);
}

/* With the lock held. */
static void drop_use(struct apppool_client *client)
{
    client->uses--;
    if (client->uses == 0) {
        close_everything(client);
    }
}

static void drop_ref(struct apppool_client *client)
{
    unsigned left;

    pthread_mutex_lock(&client->lock);
    left = --client->refs;
    pthread_mutex_unlock(&client->lock);
    if (left == 0) {
        pthread_mutex_destroy(&client->lock);
        pthread_mutex_destroy(&client->opening);
        lenders_free(client);
        fork_mark_clear(&client->mark);
        free(client->slots);
        free(client);
    }
}

/* In a forked copy: the board is not mapped, the lock may be held for ever. */
static void close_copy(struct apppool_client *client)
{
    client->board = NULL;
    client->is_closed = true;
    close_everything(client);
}

void apppool_client_close(struct apppool_client *client)
{
    if (!client_is_ours(client)) {
        close_copy(client);
        return;
    }
    pthread_mutex_lock(&client->lock);
    if (!client->is_closed) {
        client->is_closed = true;
        eventfd_write(client->closing_fd, 1);
        close_idle_channels(client);
        drop_use(client);
    }
    pthread_mutex_unlock(&client->lock);
}

static apr_status_t on_pool_cleanup(void *baton)
{
    struct apppool_client *client = baton;

    apppool_client_close(client);
    if (client_is_ours(client)) {
        drop_ref(client);
    }
    return APR_SUCCESS;
}

void client_give_to_pool(struct apppool_client *client, apr_pool_t *p)
{
    apr_pool_cleanup_register(p, client, on_pool_cleanup,
                              apr_pool_cleanup_null);
}

apr_status_t client_new(int *fd, int64_t end, apr_uint32_t generation,
                        struct apppool_client **client_r)
{
    struct apppool_client *client = allocate(fd);
    apr_status_t rv;

    *client_r = NULL;
    client->closing_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rv = client->closing_fd < 0 ? APR_FROM_OS_ERROR(errno)
                                : say_hello(client, end, generation);
    if (rv != APR_SUCCESS) {
        close_everything(client);
        drop_ref(client);
        return rv;
    }
    *client_r = client;
    return APR_SUCCESS;
}

/* Calls and sessions ------------------------------------------------------ */

apr_status_t client_enter(struct apppool_client *client)
{
    apr_status_t rv = APR_SUCCESS;

    if (!client_is_ours(client)) {
        return APPPOOL_EIO;
    }
    pthread_mutex_lock(&client->lock);
    if (client->is_closed) {
        rv = APPPOOL_EIO;
    } else {
        client->uses++;
    }
    pthread_mutex_unlock(&client->lock);
    return rv;
}

void client_leave(struct apppool_client *client)
{
    pthread_mutex_lock(&client->lock);
    drop_use(client);
    pthread_mutex_unlock(&client->lock);
}

void client_add_session(struct apppool_client *client, apr_uint64_t *id_r)
{
    pthread_mutex_lock(&client->lock);
    client->uses++;
    client->refs++;
    *id_r = (apr_uint64_t)client->number << 32 | ++client->n_sessions;
    pthread_mutex_unlock(&client->lock);
}

void client_drop_session(struct apppool_client *client)
{
    client_leave(client);
    drop_ref(client);
}

int apppool_client_is_lost(struct apppool_client *client)
{
    struct pollfd poller = { .events = 0 };
    int is_lost = 1;

    if (client_enter(client) == APR_SUCCESS) {
        /* POLLHUP comes whether or not something is left to read. */
        poller.fd = client->first.fd;
        is_lost = poll(&poller, 1, 0) > 0;
        client_leave(client);
    }
    return is_lost;
}
