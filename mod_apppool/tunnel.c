/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel.c - bytes both ways, and nothing of them kept.
 *
 * What one side does not take is not read from the other. The application is
 * read only when the client's socket is writable, since httpd's filters block
 * for who does not read. Nothing is limited in time: an idle socket costs its
 * thread, and one look at the scoreboard every few seconds.
 */
#include "tunnel.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_protocol.h>
#include <poll.h>
#include <sys/socket.h>
#include <util_filter.h>

#include "clock.h"
#include "exchange.h"
#include "generations.h"

#define PIECE 16384
#define LOOK_EVERY_MS 5000
/* A side that has been told of the other's end has so long to finish. */
#define LINGER apr_time_from_sec(10)

struct tunnel {
    request_rec *r;
    conn_rec *c;
    struct child *child;
    int app_fd, client_fd;
    apr_bucket_brigade *in;  /* from the client, not yet sent */
    apr_bucket_brigade *out; /* only while it is passed down */
    bool client_may_have;    /* its filters may hold bytes poll() cannot see */
    bool client_is_done;     /* it sends no more */
    bool app_has;            /* bytes, or its end */
    apr_time_t done_at;      /* client_is_done: last sign of life since */
    bool has_ended;
    enum tunnel_end end;
};

static void end(struct tunnel *t, enum tunnel_end how)
{
    if (!t->has_ended) {
        t->has_ended = true;
        t->end = how;
    }
}

/* To the client */

static void pass(struct tunnel *t, const char *data, apr_size_t len)
{
    apr_bucket_alloc_t *alloc = t->c->bucket_alloc;
    apr_status_t rv;

    if (len > 0) {
        APR_BRIGADE_INSERT_TAIL(t->out,
                                apr_bucket_transient_create(data, len, alloc));
    }
    APR_BRIGADE_INSERT_TAIL(t->out, apr_bucket_flush_create(alloc));
    rv = ap_pass_brigade(t->c->output_filters, t->out);
    apr_brigade_cleanup(t->out);
    t->r->bytes_sent += (apr_off_t)len;
    if (rv != APR_SUCCESS || t->c->aborted) {
        end(t, TUNNEL_CLIENT_CLOSED);
    }
}

static void from_app(struct tunnel *t)
{
    char buffer[PIECE];
    ssize_t n;

    do {
        n = recv(t->app_fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    t->app_has = n == (ssize_t)sizeof(buffer);
    if (n > 0) {
        t->done_at = clock_now();
        pass(t, buffer, (apr_size_t)n);
    } else if (n == 0 || errno != EAGAIN) {
        end(t, child_is_stopping(t->child) ? TUNNEL_STOPPED
                                           : TUNNEL_APP_CLOSED);
    }
}

/* To the application */

/* False: it takes no more for now. */
static bool send_bucket(struct tunnel *t, apr_bucket *bucket)
{
    const char *data;
    apr_size_t len;
    ssize_t sent = 0;

    if (!APR_BUCKET_IS_METADATA(bucket) &&
        apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ) == APR_SUCCESS &&
        len > 0) {
        sent = send(t->app_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            t->app_has = true; /* what it said last, and its end */
            apr_brigade_cleanup(t->in);
            t->client_is_done = true;
        }
        if (sent < 0) {
            return false;
        }
        if ((apr_size_t)sent < len) {
            apr_bucket_split(bucket, (apr_size_t)sent);
        }
    }
    apr_bucket_delete(bucket);
    return true;
}

static bool send_all(struct tunnel *t)
{
    while (!APR_BRIGADE_EMPTY(t->in)) {
        if (!send_bucket(t, APR_BRIGADE_FIRST(t->in))) {
            return false;
        }
    }
    return true;
}

/* The application is told, and may still answer. */
static void on_client_done(struct tunnel *t)
{
    t->client_is_done = true;
    t->client_may_have = false;
    t->done_at = clock_now();
    shutdown(t->app_fd, SHUT_WR);
}

static void from_client(struct tunnel *t)
{
    while (!t->client_is_done && send_all(t)) {
        apr_status_t rv = ap_get_brigade(t->c->input_filters, t->in,
                                         AP_MODE_READBYTES, APR_NONBLOCK_READ,
                                         PIECE);

        t->client_may_have = rv == APR_SUCCESS && !APR_BRIGADE_EMPTY(t->in);
        if (rv != APR_SUCCESS && !APR_STATUS_IS_EAGAIN(rv)) {
            on_client_done(t);
        }
        if (!t->client_may_have) {
            return;
        }
    }
}

/* Waiting */

static void on_time(struct tunnel *t)
{
    if (t->client_is_done && clock_now() - t->done_at >= LINGER) {
        end(t, TUNNEL_CLIENT_CLOSED);
    } else if (generations_need_room()) {
        end(t, TUNNEL_MADE_ROOM);
    }
}

static void turn(struct tunnel *t)
{
    bool waits_for_app = !APR_BRIGADE_EMPTY(t->in);
    struct pollfd watched[2] = {{.fd = t->app_fd}, {.fd = t->client_fd}};
    int n;

    watched[0].events = (t->app_has ? 0 : POLLIN) |
                        (waits_for_app ? POLLOUT : 0);
    watched[1].events = (t->app_has ? POLLOUT : 0) |
                        (waits_for_app || t->client_is_done ? 0 : POLLIN);
    if (t->app_has && !waits_for_app) {
        watched[0].fd = -1; /* its POLLHUP is known */
    }
    n = poll(watched, 2, LOOK_EVERY_MS);
    if (n <= 0) {
        on_time(t);
        return;
    }
    if (watched[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        t->app_has = true;
    }
    if (watched[1].revents & (POLLERR | POLLNVAL) ||
        (t->client_is_done && watched[1].revents & POLLHUP)) {
        end(t, TUNNEL_CLIENT_CLOSED);
    } else if (watched[1].revents & POLLOUT) {
        from_app(t);
    }
    if (watched[1].revents & (POLLIN | POLLHUP) ||
        watched[0].revents & POLLOUT) {
        from_client(t);
    }
    if (t->client_is_done) {
        on_time(t);
    }
}

/* The answer goes out as it is, and the request's own filters are done. */
static void begin(struct tunnel *t, apr_table_t *headers)
{
    request_rec *r = t->r;
    conn_rec *c = t->c;

    apr_table_setn(headers, "Connection", "Upgrade");
    r->status = HTTP_SWITCHING_PROTOCOLS;
    r->status_line = NULL;
    r->headers_out = headers;
    ap_send_interim_response(r, 1);
    c->keepalive = AP_CONN_CLOSE;
    r->input_filters = r->proto_input_filters = c->input_filters;
    r->output_filters = r->proto_output_filters = c->output_filters;
    /* Its patience is for requests. */
    ap_remove_input_filter_byhandle(c->input_filters, "reqtimeout");
}

enum tunnel_end tunnel_run(request_rec *r, struct child *child, int fd,
                           apr_table_t *headers, const char *early,
                           apr_size_t early_len)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    struct tunnel t = {.r = r, .c = r->connection, .child = child,
                       .app_fd = fd, .client_fd = exchange_client_fd(r),
                       .in = apr_brigade_create(r->pool, alloc),
                       .out = apr_brigade_create(r->pool, alloc)};
    struct running running;

    begin(&t, headers);
    child_add_running(child, &running, fd);
    if (early_len > 0) {
        pass(&t, early, early_len);
    }
    from_client(&t);
    while (!t.has_ended) {
        turn(&t);
    }
    child_remove_running(&running);
    apr_brigade_destroy(t.in);
    return t.end;
}
