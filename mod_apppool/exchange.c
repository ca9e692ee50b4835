/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.c - the poll loop between an application process and httpd.
 *
 * The response is read as fast as the process writes it. It is passed on while
 * the process still writes only when it pauses, or is a stream, or the spool is
 * full: everything else would let a slow client hold the process.
 */
#include "exchange.h"

#include <apr_portable.h>
#include <apr_strings.h>
#include <errno.h>
#include <http_core.h>
#include <poll.h>
#include <sys/socket.h>

#include "clock.h"
#include "generations.h"

#define READ_SIZE 32768
/* A response that is silent so long is passed on as far as it has come: with
 * all that follows within 10 ms of having been written. */
#define PAUSE apr_time_from_msec(6)
/* Passed on at once to a client whose socket is writable: never blocks long. */
#define PASS_MOST 16384
/* A client that has half-closed is gone when a stream is silent so long. */
#define GONE_AFTER apr_time_from_msec(250)
/* How often a client without a socket is looked at, and its body. */
#define LOOK_EVERY apr_time_from_msec(250)
/* How often one that lasts looks whether it has to make room, and from when on
 * a response that is no stream is one that lasts. */
#define ROOM_EVERY apr_time_from_sec(1)
#define LASTS_FROM apr_time_from_sec(30)
#define BODY_EVERY apr_time_from_msec(10)
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

static void end(struct exchange *x, enum exchange_end how,
                enum log_number number, const char *why)
{
    if (!x->has_ended) {
        x->has_ended = true;
        x->end = how;
        x->number = number;
        x->why = why;
    }
}

/* As the reader says. */
static void end_by_reader(struct exchange *x)
{
    static const enum log_number numbers[] = {
        [FAULT_NOTHING] = LOG_NOTHING, [FAULT_HEADER_CUT] = LOG_HEADER_CUT,
        [FAULT_HEADER_LARGE] = LOG_HEADER_LARGE,
        [FAULT_HEADER_BAD] = LOG_HEADER_BAD, [FAULT_BODY_CUT] = LOG_BODY_CUT,
        [FAULT_BODY_BAD] = LOG_BODY_BAD, [FAULT_REFUSED] = LOG_OVERLOADED};

    end(x, x->reader->error ? EXCHANGE_BROKEN : EXCHANGE_WHOLE,
        numbers[x->reader->fault], x->reader->error);
}

static void send_some(struct exchange *x)
{
    if (sender_send(&x->sender, x->fd)) {
        x->active_at = clock_now();
    }
    if (x->sender.state == SENDER_CUT) {
        end(x, EXCHANGE_UPLOAD_CUT, LOG_UPLOAD_CUT,
            "the client broke its request off");
    } else if (x->sender.state == SENDER_CLOSED) {
        x->was_stale = !x->sender.sent_any;
    }
}

static bool wants_client(const struct exchange *x)
{
    return x->sender.state == SENDER_WAITS;
}

/* Receiving */

static void keep_body(struct exchange *x, const char *data, apr_size_t len)
{
    apr_status_t rv = response_add(x->response, data, len);

    if (rv != APR_SUCCESS) {
        char text[120];

        end(x, EXCHANGE_NO_ROOM, LOG_NO_ROOM_RESPONSE,
            apr_psprintf(x->r->pool, "its response cannot be kept in "
                         "PoolBufferDir: %s",
                         apr_strerror(rv, text, sizeof(text))));
    }
    if (response_drops_too_much(x->response)) {
        end(x, EXCHANGE_WHOLE, 0, NULL);
        x->is_past_end = true;
    }
}

static void take_piece(struct exchange *x, const struct app_piece *piece)
{
    switch (piece->kind) {
    case PIECE_BODY:
        keep_body(x, piece->data, piece->len);
        break;
    case PIECE_LOG:
        request_log_add(&x->log, piece->data, piece->len);
        break;
    case PIECE_INTERIM:
        response_interim(x->response, &x->reader->interim);
        break;
    case PIECE_NONE:
        break;
    }
}

static void take(struct exchange *x, const char *data, size_t len)
{
    while (len > 0 && !x->has_ended) {
        struct app_piece piece;
        size_t used = x->protocol->feed(x->reader, data, len, &piece);

        if (x->reader->is_upgraded) {
            x->early = apr_pmemdup(x->r->pool, data + used, len - used);
            x->early_len = len - used;
            end(x, EXCHANGE_UPGRADED, 0, NULL);
            return;
        }
        if (x->reader->header_done && !x->response->started) {
            response_start(x->response, x->reader, x->place);
        }
        take_piece(x, &piece);
        data += used;
        len -= used;
        if (x->reader->error != NULL) {
            end_by_reader(x);
        } else if (x->reader->has_ended) {
            x->is_past_end |= len > 0;
            end(x, EXCHANGE_WHOLE, 0, NULL);
        }
    }
}

static void on_eof(struct exchange *x)
{
    if (!x->has_answered) {
        end(x, EXCHANGE_NOTHING, LOG_NOTHING,
            "it ended without a response");
        return;
    }
    x->protocol->eof(x->reader);
    end_by_reader(x);
}

/* A client that takes it as fast as it comes: it need not be kept. */
static void flow(struct exchange *x)
{
    if (!x->has_ended && response_can_flow(x->response)) {
        response_flow(x->response);
    }
    if (x->response->broken != APR_SUCCESS) {
        end(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
            "the client has gone");
    }
}

/* As much is kept as may be: no more is read before the client has taken it. */
static bool is_held_back(const struct exchange *x)
{
    return x->response->may_flow && response_is_full(x->response);
}

static void receive_some(struct exchange *x)
{
    char buffer[READ_SIZE];
    ssize_t n = sizeof(buffer);

    while (n == sizeof(buffer) && !x->has_ended && !is_held_back(x)) {
        do {
            n = recv(x->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n > 0) {
            x->has_answered = true;
            x->active_at = x->read_at = clock_now();
            take(x, buffer, (size_t)n);
        } else if (n == 0 || errno != EAGAIN) {
            on_eof(x);
        }
        flow(x);
        if (response_is_full(x->response) && !x->response->may_flow) {
            response_flush(x->response, 0);
        }
    }
}

/* Waiting */

/* The response pauses, or is a stream: what has come should go on. */
static bool should_pass(const struct exchange *x, apr_time_t now)
{
    return response_has_more(x->response) && !x->has_ended &&
           (x->response->is_stream || now - x->read_at >= PAUSE);
}

/* May it go on for ever? */
static bool lasts(const struct exchange *x, apr_time_t now)
{
    return x->response->passed_any &&
           (x->response->is_stream || now - x->began_at >= LASTS_FROM);
}

static apr_time_t sooner(apr_time_t a, apr_time_t b)
{
    return a < b ? a : b;
}

/* When something has to be done though nothing came. */
static apr_time_t next_wake(const struct exchange *x, apr_time_t now)
{
    int silence_s = config_number(x->place->response_timeout_s, 0);
    apr_time_t wake = APR_INT64_MAX;

    if (silence_s > 0 && !is_held_back(x)) {
        wake = x->active_at + apr_time_from_sec(silence_s);
    }
    if (x->until > 0) {
        wake = sooner(wake, x->until);
    }
    if (response_has_more(x->response) && !should_pass(x, now)) {
        wake = sooner(wake, x->read_at + PAUSE);
    }
    if (x->client_sends_no_more && x->response->passed_any) {
        wake = sooner(wake, x->read_at + GONE_AFTER);
    }
    if (x->response->passed_any) {
        wake = sooner(wake, now + ROOM_EVERY);
    }
    if (x->client_fd < 0) {
        wake = sooner(wake, now + (wants_client(x) ? BODY_EVERY
                                                   : LOOK_EVERY));
    }
    return wake;
}

static int timeout_ms(apr_time_t wake, apr_time_t now)
{
    apr_time_t ms;

    if (wake == APR_INT64_MAX) {
        return -1;
    }
    ms = wake > now ? (wake - now + 999) / 1000 : 0;
    return ms > 3600000 ? 3600000 : (int)ms;
}

static void watch_client(const struct exchange *x, struct pollfd *client,
                         apr_time_t now)
{
    client->fd = x->client_fd;
    client->events = x->client_sends_no_more ? 0 : POLLRDHUP;
    if (wants_client(x)) {
        client->events |= POLLIN;
    }
    if (should_pass(x, now) || response_is_held(x->response) ||
        is_held_back(x)) {
        client->events |= POLLOUT;
    }
}

static void on_client(struct exchange *x, short events)
{
    if (events & (POLLHUP | POLLERR | POLLNVAL)) {
        end(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
            "the client has gone");
    } else if (events & POLLRDHUP) {
        x->client_sends_no_more = true;
    }
}

static void on_time(struct exchange *x, apr_time_t now)
{
    int silence_s = config_number(x->place->response_timeout_s, 0);

    if (silence_s > 0 && now - x->active_at >= apr_time_from_sec(silence_s)) {
        end(x, EXCHANGE_SILENT,
            x->has_answered ? LOG_SILENT_BETWEEN : LOG_SILENT_FIRST,
            apr_psprintf(x->r->pool, "it was silent for %d s "
                         "(PoolResponseTimeout)", silence_s));
    }
    if (x->until > 0 && now >= x->until) {
        end(x, EXCHANGE_SILENT, LOG_TOO_LONG,
            apr_psprintf(x->r->pool, "the request took longer than %d s "
                         "(PoolMaxRequestTime)", x->max_request_s));
    }
    if (x->r->connection->aborted ||
        (x->client_sends_no_more && x->response->passed_any &&
         now - x->read_at >= GONE_AFTER)) {
        end(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
            "the client has gone");
    }
    if (now - x->looked_at >= ROOM_EVERY && lasts(x, now)) {
        x->looked_at = now;
        if (generations_need_room()) {
            end(x, EXCHANGE_MADE_ROOM, LOG_MADE_ROOM,
                "httpd has been restarted gracefully so often that its old "
                "children need their places");
        }
    }
}

/* The client's socket is writable, or it is none. What httpd holds goes first. */
static void pass_some(struct exchange *x)
{
    if (x->client_fd >= 0 && response_is_held(x->response)) {
        response_push(x->response);
    }
    if (response_can_flow(x->response)) {
        response_flow(x->response);
    } else if (should_pass(x, clock_now()) &&
               (x->client_fd < 0 || !response_is_held(x->response))) {
        response_flush(x->response, PASS_MOST);
    }
    if (x->response->broken != APR_SUCCESS) {
        end(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
            "the client has gone");
    }
}

/* poll() tells of a hang-up whether it is asked or not: who is not to be read
 * must not be looked at. */
static void watch_app(const struct exchange *x, struct pollfd *app)
{
    bool has_to_send = x->sender.state == SENDER_FULL;

    app->events = has_to_send ? POLLOUT : 0;
    app->fd = x->fd;
    if (!is_held_back(x)) {
        app->events |= POLLIN;
    } else {
        app->fd = has_to_send ? x->fd : -1;
    }
}

static void turn(struct exchange *x)
{
    apr_time_t now = clock_now();
    bool was_held_back = is_held_back(x);
    struct pollfd watched[2];
    int n;

    watch_app(x, &watched[0]);
    watch_client(x, &watched[1], now);
    if (x->client_fd < 0 && should_pass(x, now)) {
        pass_some(x);
        return;
    }
    n = poll(watched, 2, timeout_ms(next_wake(x, now), now));
    if (n < 0) {
        return; /* interrupted */
    }
    if (was_held_back) {
        x->active_at = clock_now(); /* its silence was our doing */
    }
    if (watched[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        receive_some(x);
    }
    if (sender_is_active(&x->sender) &&
        (watched[0].revents & POLLOUT || watched[1].revents & POLLIN ||
         x->client_fd < 0)) {
        send_some(x);
    }
    if (watched[1].revents & POLLOUT && !x->has_ended) {
        pass_some(x);
    }
    on_client(x, watched[1].revents);
    on_time(x, clock_now());
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
           (recv(x->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
            errno != EAGAIN);
}

static void begin(struct exchange *x, const struct apppool_session *session)
{
    x->fd = apppool_session_reader(session);
    x->was_stale = x->is_past_end = false;
    x->has_answered = x->has_ended = false;
    x->active_at = x->read_at = x->began_at = x->looked_at = clock_now();
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
    /* What waits on the connection has to be looked for before. */
    return x->protocol->may_say_more ? 0 : sender_first(&x->sender, parts_r);
}

enum exchange_end exchange_run(struct exchange *x,
                               const struct apppool_session *session)
{
    begin(x, session);
    sender_skip(&x->sender, apppool_session_sent(session));
    if (is_stale(x, session)) {
        x->was_stale = true;
        end(x, EXCHANGE_NOTHING, LOG_NOTHING,
            "its kept connection was done with");
        return x->end;
    }
    child_add_running(x->child, &x->running, x->fd);
    send_some(x);
    while (!x->has_ended) {
        turn(x);
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

        if (now >= until || poll(&watched, 1, timeout_ms(until, now)) <= 0) {
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
                   x->sender.state == SENDER_DONE
               ? APPPOOL_SESSION_KEPT
               : APPPOOL_SESSION_ENDED;
}
