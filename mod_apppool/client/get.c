/* SPDX-License-Identifier: Apache-2.0 */
/*
 * get.c - asks for a session, waits, and changes its mind properly.
 *
 * A GET that is given up is cancelled, and the channel read until the engine
 * has said what became of it: an offer that crossed with the CANCEL is given
 * back at once, so that no process stays lent to nobody.
 */
#include "refusal.h"

#include <string.h>

/* How long the engine may take to answer a CANCEL. */
#define CANCEL_PATIENCE (2 * APR_USEC_PER_SEC)

/* Who has nothing more to say may still listen (shutdown(2)), and gets what can
 * be had so soon. After that it is taken for one that has gone. */
#define HALF_CLOSED_PATIENCE (APR_USEC_PER_SEC / 4)

struct question {
    struct apppool_client *client;
    const struct apppool_get_options *options;
    struct patience patience;
    int64_t asked_at; /* client_now() */
    struct lender *lender;
    struct channel *channel;
};

static apr_status_t status_of_put(int rc)
{
    return rc == 0 ? APR_SUCCESS : APR_EINVAL;
}

/* Write the GET anew, with the age it has now. */
static apr_status_t write_get(struct question *q)
{
    const struct apppool_get_options *o = q->options;
    struct wire_message *m = &q->channel->out;
    int64_t age = o->age + client_now() - q->asked_at;
    int rc = 0;

    wire_message_begin(m, MSG_GET, q->channel->request_id);
    if (o->app != 0) {
        rc = wire_put_u32(m, FIELD_APP, o->app);
    }
    if (rc == 0 && o->root != NULL) {
        rc = wire_put_text(m, FIELD_ROOT, o->root);
    }
    if (rc == 0 && o->app == 0) {
        rc = wire_put_u32(m, FIELD_LOWER, o->keep_privilege ? 0 : 1);
    }
    if (rc == 0 && o->app == 0 && o->lowest_user != NULL) {
        rc = wire_put_text(m, FIELD_LOWEST_USER, o->lowest_user);
    }
    if (rc == 0) {
        rc = wire_put_u64(m, FIELD_AGE_US, age < 0 ? 0 : (uint64_t)age);
    }
    if (rc == 0 && q->channel->epoch != 0) {
        rc = wire_put_u32(m, FIELD_EPOCH, q->channel->epoch);
    }
    if (rc == 0 && o->sticky != 0) {
        rc = wire_put_u64(m, FIELD_STICKY, o->sticky);
    }
    return status_of_put(rc);
}

/* Cancel the GET. True: the engine has answered, the channel is clean. */
static bool cancel(struct question *q)
{
    const struct patience patience = { .end = client_now() + CANCEL_PATIENCE,
                                       .closing_fd = -1, .watch_fd = -1 };
    struct channel *ch = q->channel;

    wire_message_begin(&ch->out, MSG_CANCEL, ch->request_id);
    if (channel_ask(q->client, ch, &patience) != APR_SUCCESS) {
        return false;
    }
    switch (wire_type(&ch->in)) {
    case MSG_OFFER:
        slot_decline(q->client, &ch->in);
        return true;
    case MSG_CANCELLED:
    case MSG_REFUSED:
        return true;
    default:
        return false;
    }
}

/* Ask until there is an answer that counts. It is in q->channel->in, and if it
 * was an offer, it has been accepted. */
static apr_status_t ask(struct question *q, struct loan *loan_r)
{
    struct channel *ch = q->channel;
    apr_status_t rv = APPPOOL_ESTALE;

    channel_begin(ch, MSG_GET);
    while (rv == APPPOOL_ESTALE) {
        rv = write_get(q);
        if (rv == APR_SUCCESS) {
            rv = channel_send(ch, &q->patience);
        }
        if (rv == APR_SUCCESS) {
            rv = channel_receive(q->client, ch, &q->patience);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        switch (wire_type(&ch->in)) {
        case MSG_RESET:
            rv = APPPOOL_ESTALE;
            break;
        case MSG_OFFER:
            rv = slot_accept(q->client, q->lender, &ch->in, loan_r);
            if (rv == APPPOOL_ESTALE) {
                channel_begin(ch, MSG_GET); /* that one has been answered */
            }
            break;
        case MSG_REFUSED:
            return APR_SUCCESS;
        default:
            return APPPOOL_EPROTO;
        }
    }
    return rv;
}

/* After an answer, or without one: may the channel be used again? */
static bool clean_up(struct question *q, apr_status_t rv)
{
    switch (rv) {
    case APR_SUCCESS:
    case APR_EINVAL: /* nothing was sent */
        return true;
    case APPPOOL_EABANDONED:
    case APPPOOL_ETIMEOUT:
        return cancel(q);
    case APPPOOL_EIO: /* also: the client is being closed */
        cancel(q);
        return false;
    default:
        return false;
    }
}

static apr_status_t check(const struct apppool_client *client,
                          const struct apppool_get_options *options)
{
    if (client->board == NULL) {
        return APPPOOL_EDENIED;
    }
    if (options->app == 0 && options->root == NULL) {
        return APR_EINVAL;
    }
    if (options->root != NULL && strlen(options->root) > WIRE_MAX_ROOT) {
        return APR_ENAMETOOLONG;
    }
    return APR_SUCCESS;
}

static struct question question(struct apppool_client *client,
                                const struct apppool_get_options *options)
{
    const int64_t now = client_now();

    return (struct question){
        .client = client,
        .options = options,
        .asked_at = now,
        .patience = {
            .end = options->timeout > 0 ? now + options->timeout : INT64_MAX,
            .closing_fd = client->closing_fd,
            .watch_fd = options->watch_fd > 0 ? options->watch_fd : -1,
            .watch_from = now + HALF_CLOSED_PATIENCE,
            .abandoned = options->abandoned,
            .baton = options->baton,
        },
    };
}

/* The whole of it, within client_enter() and client_leave(). */
static apr_status_t get(struct apppool_client *client,
                        const struct apppool_get_options *options,
                        struct apppool_session **session_r,
                        struct apppool_failure *failure_r, apr_pool_t *p)
{
    struct question q = question(client, options);
    struct loan loan;
    apr_status_t rv;
    bool is_usable;

    q.lender = lender_find(client, options);
    if (lender_lend(client, q.lender, options, &loan)) {
        loan.queue_time = client_now() - q.asked_at;
        *session_r = session_new(client, &loan, options, p);
        return APR_SUCCESS;
    }
    rv = channel_get(client, &q.patience, &q.channel);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    lender_begin_asking(client, q.lender);
    rv = ask(&q, &loan);
    lender_end_asking(client, q.lender);
    is_usable = clean_up(&q, rv);
    if (rv == APR_SUCCESS && wire_type(&q.channel->in) == MSG_REFUSED) {
        rv = refusal_status(&q.channel->in);
        refusal_tell(&q.channel->in, failure_r, p);
    } else if (rv == APR_SUCCESS) {
        *session_r = session_new(client, &loan, options, p);
    }
    channel_put(client, &q.channel, is_usable);
    return rv;
}

apr_status_t apppool_get(struct apppool_client *client,
                         const struct apppool_get_options *options,
                         struct apppool_session **session_r,
                         struct apppool_failure *failure_r, apr_pool_t *p)
{
    apr_status_t rv = client_enter(client);

    *session_r = NULL;
    if (failure_r != NULL) {
        *failure_r = (struct apppool_failure){ 0 };
    }
    if (rv == APR_SUCCESS) {
        rv = check(client, options);
        if (rv == APR_SUCCESS) {
            rv = get(client, options, session_r, failure_r, p);
        }
        client_leave(client);
    }
    if (rv != APR_SUCCESS && (failure_r == NULL ||
                              failure_r->message == NULL)) {
        refusal_tell_status(rv, failure_r, p);
    }
    return rv;
}
