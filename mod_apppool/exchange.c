/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - from a session to the end of a response.
 */
#include "exchange_internal.h"

#include <apr_portable.h>
#include <errno.h>
#include <http_core.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "clock.h"

/* What is waited for when nobody wants the response any more (DESIGN 2). */
#define DRAIN_BYTES 65536
#define DRAIN_TIME apr_time_from_msec(50)

int exchange_client_fd(const request_rec *r)
{
    apr_socket_t *socket;
    apr_os_sock_t fd;

    if (r->connection->master != NULL) {
        return -1; /* HTTP/2: its socket is no socket */
    }
    socket = ap_get_conn_socket(r->connection);
    if (socket == NULL || apr_os_sock_get(&fd, socket) != APR_SUCCESS) {
        return -1;
    }
    return fd;
}

void exchange_init(struct exchange *x, request_rec *r,
                   const struct place_config *place, struct child *child,
                   struct body *body, struct response *response)
{
    *x = (struct exchange){.r = r, .place = place, .child = child,
                           .body = body, .response = response, .fd = -1,
                           .client_fd = exchange_client_fd(r)};
}

/*
 * Has a kept connection come to its end since its last request? One that is
 * closed takes nothing (EPIPE), which sender.c sees by itself. A foreign server
 * may have closed one direction only, or have written more than a response:
 * that must not be read as the next one's beginning.
 */
static bool is_stale(const struct exchange *x,
                     const struct apppool_session *session)
{
    char byte;

    return x->protocol->may_say_more && apppool_session_is_reused(session) &&
           apppool_session_sent(session) == 0 && /* else it was looked at */
           (recv(x->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
            errno != EAGAIN);
}

static void begin(struct exchange *x, const struct apppool_session *session)
{
    x->fd = apppool_session_reader(session);
    x->was_stale = x->is_past_end = false;
    x->has_answered = x->has_ended = false;
    x->active_at = x->read_at = x->client_at = clock_now();
    x->began_at = x->looked_at = x->client_at;
    request_log_init(&x->log, x->r, apppool_session_pid(session));
}

void exchange_prepare(struct exchange *x, const struct protocol *protocol,
                      const struct app_request *request, const char *head,
                      apr_size_t head_len)
{
    size_t limit_kib = (size_t)config_number(x->place->header_limit_kib, 64);

    x->protocol = protocol;
    x->reader = protocol->open(x->r->pool, request, limit_kib * 1024);
    sender_init(&x->sender, protocol, request, x->body, head, head_len);
}

int exchange_first(struct exchange *x, const struct iovec **parts_r)
{
    return sender_first(&x->sender, parts_r);
}

enum exchange_end exchange_run(struct exchange *x,
                               const struct apppool_session *session)
{
    begin(x, session);
    sender_skip(&x->sender, apppool_session_sent(session));
    if (is_stale(x, session)) {
        x->was_stale = true;
        exchange_stop(x, EXCHANGE_NOTHING, LOG_NOTHING,
                      "its kept connection was done with");
        return x->end;
    }
    child_add_running(x->child, &x->running, x->fd);
    exchange_send_some(x);
    while (!x->has_ended) {
        exchange_turn(x);
    }
    child_remove_running(&x->running);
    request_log_finish(&x->log);
    return x->end;
}

/* Read on for a moment: a process that comes to its end can be kept. */
static bool drain(struct exchange *x)
{
    apr_time_t until = clock_now() + DRAIN_TIME;
    char buffer[READ_SIZE];
    size_t drained = 0;

    while (drained < DRAIN_BYTES && x->reader->error == NULL &&
           !x->reader->has_ended) {
        struct pollfd watched = {.fd = x->fd, .events = POLLIN};
        apr_time_t now = clock_now();
        ssize_t n;

        if (now >= until ||
            poll(&watched, 1, exchange_timeout_ms(until, now)) <= 0) {
            return false;
        }
        n = recv(x->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n <= 0) {
            return false;
        }
        for (size_t at = 0, used = 1; at < (size_t)n && used > 0; at += used) {
            struct app_piece piece;

            used = x->protocol->feed(x->reader, buffer + at, (size_t)n - at,
                                     &piece);
        }
        drained += (size_t)n;
    }
    return x->reader->error == NULL && x->reader->has_ended;
}

/* unix(7): what the other side has not read yet. Once it has answered it will
 * hardly read that; some programs take it for their next request then. */
static bool has_left_body(const struct exchange *x)
{
    int unread = 0;

    return x->protocol->may_leave_body && x->body->len != 0 &&
           ioctl(x->fd, SIOCOUTQ, &unread) == 0 && unread > 0;
}

enum apppool_session_end exchange_session_end(struct exchange *x)
{
    bool complete = x->end == EXCHANGE_WHOLE &&
                    x->reader->has_ended;

    if (x->end == EXCHANGE_CLIENT_GONE && !sender_is_active(&x->sender)) {
        complete = drain(x);
    }
    if (!complete) {
        return APPPOOL_SESSION_BROKEN;
    }
    return x->reader->can_keep && !x->is_past_end &&
                   x->sender.state == SENDER_DONE && !has_left_body(x)
               ? APPPOOL_SESSION_KEPT
               : APPPOOL_SESSION_ENDED;
}
