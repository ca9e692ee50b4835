/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - channels of a client: questions and answers, and the idle ones.
 *
 * Idle channels are a plain stack behind the client's lock, not an apr_reslist:
 * that belongs to a pool, and clearing the pool while a session lives would
 * close channels under it; it waits on a condition variable, where nobody could
 * watch the caller's own client; and the one used last is the one still warm.
 */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define ABANDONED_EVERY_MS 250

struct patience patience_until(const struct apppool_client *client,
                               int64_t end)
{
    return (struct patience){ .end = end, .closing_fd = client->closing_fd,
                              .watch_fd = -1 };
}

void channel_init(struct channel *ch, int fd)
{
    *ch = (struct channel){ .fd = fd };
    wire_message_init(&ch->in);
    wire_message_init(&ch->out);
}

void channel_clear(struct channel *ch)
{
    fd_close(&ch->fd);
    wire_message_clear(&ch->in);
    wire_message_clear(&ch->out);
}

/* Waiting ----------------------------------------------------------------- */

/* Milliseconds until the next thing to look at by oneself; -1: none. */
static int turn_ms(const struct patience *patience)
{
    const int64_t now = client_now();
    int64_t wake = patience->end;
    int64_t ms = -1;

    if (patience->watch_from > now && patience->watch_from < wake) {
        wake = patience->watch_from;
    }
    if (wake != INT64_MAX) {
        ms = (wake - now + 999) / 1000;
        ms = ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : ms;
    }
    if (patience->abandoned != NULL && (ms < 0 || ms > ABANDONED_EVERY_MS)) {
        ms = ABANDONED_EVERY_MS;
    }
    return (int)ms;
}

/* Wait until the channel is ready for `events`. */
static apr_status_t wait_ready(int fd, short events,
                               const struct patience *patience)
{
    struct pollfd pollers[] = {
        { .fd = fd, .events = events },
        { .fd = patience->closing_fd, .events = POLLIN },
        { .fd = patience->watch_fd },
    };

    for (;;) {
        int rc;

        pollers[2].events = client_now() < patience->watch_from ? 0 : POLLRDHUP;
        rc = poll(pollers, 3, turn_ms(patience));
        if (rc < 0 && errno != EINTR) {
            return APR_FROM_OS_ERROR(errno);
        }
        if (rc > 0 && pollers[0].revents != 0) {
            return APR_SUCCESS;
        }
        if (rc > 0 && pollers[1].revents != 0) {
            return APPPOOL_EIO;
        }
        if ((rc > 0 && pollers[2].revents != 0) ||
            (patience->abandoned != NULL &&
             patience->abandoned(patience->baton))) {
            return APPPOOL_EABANDONED;
        }
        if (client_now() >= patience->end) {
            return APPPOOL_ETIMEOUT;
        }
    }
}

/* Questions and answers --------------------------------------------------- */

void channel_begin(struct channel *ch, enum wire_type type)
{
    ch->request_id++;
    if (ch->request_id == 0) { /* 0: belongs to no question */
        ch->request_id = 1;
    }
    wire_message_begin(&ch->out, type, ch->request_id);
}

apr_status_t channel_send(struct channel *ch, const struct patience *patience)
{
    for (;;) {
        int rc = wire_send(ch->fd, &ch->out);
        apr_status_t rv;

        switch (rc) {
        case 0:
            return APR_SUCCESS;
        case -EAGAIN:
            rv = wait_ready(ch->fd, POLLOUT, patience);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            break;
        case -EPIPE:
            return APPPOOL_EIO;
        case -EPROTO:
            return APPPOOL_EPROTO;
        default:
            return APR_FROM_OS_ERROR(-rc);
        }
    }
}

/* From now on it is this engine that is asked. */
static void note_reset(struct channel *ch)
{
    if (wire_type(&ch->in) == MSG_RESET) {
        ch->epoch = wire_get_u32(&ch->in, FIELD_EPOCH, 0);
    }
}

apr_status_t channel_receive(struct apppool_client *client, struct channel *ch,
                             const struct patience *patience)
{
    for (;;) {
        int rc = wire_receive(ch->fd, &ch->in, FROM_ENGINE, NULL);
        apr_status_t rv = APR_SUCCESS;

        if (rc > 0) {
            note_reset(ch);
            if (wire_request_id(&ch->in) == ch->request_id ||
                wire_type(&ch->in) == MSG_RESET) {
                return APR_SUCCESS;
            }
            if (wire_type(&ch->in) == MSG_OFFER) {
                slot_decline(client, &ch->in);
            }
        } else if (rc == -EAGAIN) {
            rv = wait_ready(ch->fd, POLLIN, patience);
        } else if (rc == 0) {
            rv = APPPOOL_EIO;
        } else {
            rv = rc == -EPROTO ? APPPOOL_EPROTO : APR_FROM_OS_ERROR(-rc);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
}

apr_status_t channel_ask(struct apppool_client *client, struct channel *ch,
                         const struct patience *patience)
{
    apr_status_t rv;

    do {
        rv = channel_send(ch, patience);
        if (rv == APR_SUCCESS) {
            rv = channel_receive(client, ch, patience);
        }
    } while (rv == APR_SUCCESS && wire_type(&ch->in) == MSG_RESET);
    return rv;
}

/* The list ---------------------------------------------------------------- */

/*
 * Read what has come while nobody waited: a RESET, or the answer to a question
 * that was given up. False: the server has closed it.
 */
static bool drain(struct apppool_client *client, struct channel *ch)
{
    int rc;

    do {
        rc = wire_receive(ch->fd, &ch->in, FROM_ENGINE, NULL);
        if (rc > 0) {
            note_reset(ch);
        }
        if (rc > 0 && wire_type(&ch->in) == MSG_OFFER) {
            slot_decline(client, &ch->in);
        }
    } while (rc > 0);
    return rc == -EAGAIN;
}

static void channel_free(struct channel **ch)
{
    channel_clear(*ch);
    free(*ch);
    *ch = NULL;
}

static struct channel *pop_idle(struct apppool_client *client)
{
    struct channel *ch;

    pthread_mutex_lock(&client->lock);
    ch = client->idle;
    if (ch != NULL) {
        client->idle = ch->next;
        ch->next = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    return ch;
}

static apr_status_t ask_for_channel(struct apppool_client *client, int64_t end,
                                    int *fd_r)
{
    const struct patience patience = patience_until(client, end);
    struct channel *first = &client->first;
    apr_status_t rv;

    channel_begin(first, MSG_OPEN_CHANNEL);
    rv = channel_ask(client, first, &patience);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (wire_type(&first->in)) {
    case MSG_CHANNEL:
        *fd_r = wire_take_fd(&first->in, 0);
        return APR_SUCCESS;
    case MSG_REFUSED:
        return APPPOOL_EBUSY;
    default:
        return APPPOOL_EPROTO;
    }
}

static apr_status_t open_channel(struct apppool_client *client,
                                 const struct patience *patience,
                                 struct channel **channel_r)
{
    int64_t end = client_now() + CLIENT_PATIENCE;
    apr_status_t rv;
    int fd = -1;
    int rc;

    if (end > patience->end) {
        end = patience->end;
    }
    pthread_mutex_lock(&client->opening);
    rv = ask_for_channel(client, end, &fd);
    pthread_mutex_unlock(&client->opening);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rc = fd_set_nonblocking(fd, 1);
    if (rc < 0) {
        fd_close(&fd);
        return APR_FROM_OS_ERROR(-rc);
    }
    *channel_r = calloc(1, sizeof(**channel_r));
    if (*channel_r == NULL) {
        abort();
    }
    channel_init(*channel_r, fd);
    return APR_SUCCESS;
}

apr_status_t channel_get(struct apppool_client *client,
                         const struct patience *patience,
                         struct channel **channel_r)
{
    struct channel *ch = pop_idle(client);

    while (ch != NULL && !drain(client, ch)) {
        channel_free(&ch);
        ch = pop_idle(client);
    }
    *channel_r = ch;
    return ch != NULL ? APR_SUCCESS
                      : open_channel(client, patience, channel_r);
}

void channel_put(struct apppool_client *client, struct channel **ch,
                 bool is_usable)
{
    if (*ch == NULL) {
        return;
    }
    pthread_mutex_lock(&client->lock);
    if (is_usable && !client->is_closed) {
        (*ch)->next = client->idle;
        client->idle = *ch;
        *ch = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    if (*ch != NULL) {
        channel_free(ch);
    }
}
