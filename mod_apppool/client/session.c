/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - one loan in the hands of one thread.
 */
#include "client.h"

#include <errno.h>
#include <sys/socket.h>

struct apppool_session {
    struct apppool_client *client; /* counts us: outlives us */
    apr_pool_t *p;
    struct loan loan;
    bool is_read_closed, is_write_closed;
    apr_uint64_t id;
};

static struct slot_note *note_of(const struct apppool_session *session)
{
    return board_note(session->client->board, session->loan.slot);
}

static void finish(struct apppool_session *session,
                   enum apppool_session_end end)
{
    struct apppool_client *client = session->client;

    if (!client_is_ours(client)) {
        fd_close(&session->loan.fd); /* a copy: the owner goes on with it */
        return;
    }
    if (end == APPPOOL_SESSION_KEPT &&
        (session->is_read_closed || session->is_write_closed)) {
        end = APPPOOL_SESSION_ENDED;
    }
    note_end(note_of(session), client_now());
    slot_give_back(client, &session->loan, end);
    client_drop_session(client);
}

static apr_status_t on_pool_cleanup(void *baton)
{
    finish(baton, APPPOOL_SESSION_BROKEN);
    return APR_SUCCESS;
}

struct apppool_session *session_new(struct apppool_client *client,
                                    const struct loan *loan,
                                    const struct apppool_get_options *options,
                                    apr_pool_t *p)
{
    struct apppool_session *session = apr_palloc(p, sizeof(*session));

    *session = (struct apppool_session){
        .client = client,
        .p = p,
        .loan = *loan,
    };
    client_add_session(client, &session->id);
    note_begin(note_of(session), client_now(), loan->queue_time,
               options->peer, options->line);
    apr_pool_cleanup_register(p, session, on_pool_cleanup,
                              apr_pool_cleanup_null);
    return session;
}

void apppool_session_close(struct apppool_session *session,
                           enum apppool_session_end end)
{
    if (session != NULL) {
        apr_pool_cleanup_kill(session->p, session, on_pool_cleanup);
        finish(session, end);
    }
}

int apppool_session_reader(const struct apppool_session *session)
{
    return session->is_read_closed ? -1 : session->loan.fd;
}

int apppool_session_writer(const struct apppool_session *session)
{
    return session->is_write_closed ? -1 : session->loan.fd;
}

static apr_status_t half_close(struct apppool_session *session, int how,
                               bool *is_closed)
{
    if (*is_closed) {
        return APR_SUCCESS;
    }
    *is_closed = true;
    /* ENOTCONN: the application has closed it, which is as good. */
    if (shutdown(session->loan.fd, how) < 0 && errno != ENOTCONN) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

apr_status_t apppool_session_close_reader(struct apppool_session *session)
{
    return half_close(session, SHUT_RD, &session->is_read_closed);
}

apr_status_t apppool_session_close_writer(struct apppool_session *session)
{
    return half_close(session, SHUT_WR, &session->is_write_closed);
}

void apppool_session_upgraded(struct apppool_session *session)
{
    if (client_is_ours(session->client)) {
        slot_upgraded(session->client, &session->loan);
    }
}

pid_t apppool_session_pid(const struct apppool_session *session)
{
    return session->loan.pid;
}

enum apppool_session_protocol apppool_session_protocol(
    const struct apppool_session *session)
{
    return session->loan.protocol;
}

apr_uint64_t apppool_session_id(const struct apppool_session *session)
{
    return session->id;
}

apr_uint64_t apppool_session_sticky(const struct apppool_session *session)
{
    return session->loan.sticky;
}

int apppool_session_is_reused(const struct apppool_session *session)
{
    return session->loan.is_reused;
}

apr_size_t apppool_session_sent(const struct apppool_session *session)
{
    return session->loan.sent;
}

apr_interval_time_t apppool_session_queue_time(
    const struct apppool_session *session)
{
    return session->loan.queue_time;
}

apr_interval_time_t apppool_session_spawn_time(
    const struct apppool_session *session)
{
    return session->loan.spawn_time;
}
