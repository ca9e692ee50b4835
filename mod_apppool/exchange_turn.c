/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_turn.c - one turn of the poll loop between application and client.
 *
 * A response is passed on while the process still writes only when the client
 * takes it without waiting, when it pauses, or is a stream: everything else
 * would let a slow client hold the process.
 */
#include "exchange_internal.h"

#include <apr_strings.h>
#include <poll.h>

#include "clock.h"
#include "generations.h"

/* A response that is silent so long is passed on as far as it has come: with
 * all that follows within 10 ms of having been written. */
#define PAUSE apr_time_from_msec(6)
/* Passed on at once to a client whose socket is writable: never blocks long. */
#define PASS_MOST 16384
/* A client that has half-closed is gone when a stream is silent so long. */
#define GONE_AFTER apr_time_from_msec(250)
/* How often a client without a socket is looked at, and its body. */
#define LOOK_EVERY apr_time_from_msec(250)
#define BODY_EVERY apr_time_from_msec(10)
/* How often httpd's filters are asked for a body that does not come: some have
 * an eye on the time (mod_reqtimeout). */
#define FILTERS_EVERY apr_time_from_sec(1)
/* How often one that lasts looks whether it has to make room, and from when on
 * a response that is no stream is one that lasts. */
#define ROOM_EVERY apr_time_from_sec(1)
#define LASTS_FROM apr_time_from_sec(30)

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

/* httpd holds, or we keep, what the client has not taken. */
static bool waits_for_reader(const struct exchange *x, apr_time_t now)
{
    return should_pass(x, now) || response_is_held(x->response) ||
           exchange_is_held_back(x);
}

/* A request whose response has begun may be half of a dialogue, in which the
 * client is silent as long as it likes. */
static bool waits_for_writer(const struct exchange *x)
{
    return exchange_wants_client(x) && !x->has_answered;
}

/* When its patience with a client that does nothing is over (Timeout, as httpd
 * has it for whatever else waits for a client). */
static apr_time_t client_deadline(const struct exchange *x, apr_time_t now)
{
    apr_interval_time_t patience = x->r->server->timeout;

    return patience > 0 && (waits_for_writer(x) || waits_for_reader(x, now))
               ? x->client_at + patience
               : APR_INT64_MAX;
}

/* When something has to be done though nothing came. */
static apr_time_t next_wake(const struct exchange *x, apr_time_t now)
{
    int silence_s = config_number(x->place->response_timeout_s, 0);
    apr_time_t wake = client_deadline(x, now);

    if (silence_s > 0 && !exchange_is_held_back(x)) {
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
    if (exchange_wants_client(x)) {
        wake = sooner(wake, now + FILTERS_EVERY);
    }
    if (x->client_fd < 0) {
        wake = sooner(wake, now + (exchange_wants_client(x) ? BODY_EVERY
                                                            : LOOK_EVERY));
    }
    return wake;
}

int exchange_timeout_ms(apr_time_t wake, apr_time_t now)
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
    if (exchange_wants_client(x)) {
        client->events |= POLLIN;
    }
    if (waits_for_reader(x, now)) {
        client->events |= POLLOUT;
    }
}

static void on_client(struct exchange *x, short events)
{
    if (events & (POLLHUP | POLLERR | POLLNVAL)) {
        exchange_stop(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
                      "the client has gone");
    } else if (events & POLLRDHUP) {
        x->client_sends_no_more = true;
    }
}

static void give_client_up(struct exchange *x)
{
    int patience_s = (int)apr_time_sec(x->r->server->timeout);

    if (waits_for_writer(x)) {
        body_give_up(x->body, APR_TIMEUP);
        exchange_stop(x, EXCHANGE_UPLOAD_CUT, LOG_UPLOAD_CUT,
                      apr_psprintf(x->r->pool, "the client sent nothing for "
                                   "%d s (Timeout)", patience_s));
    } else {
        exchange_stop(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
                      apr_psprintf(x->r->pool, "the client took nothing for "
                                   "%d s (Timeout)", patience_s));
    }
}

static void on_time(struct exchange *x, apr_time_t now)
{
    int silence_s = config_number(x->place->response_timeout_s, 0);

    if (silence_s > 0 && now - x->active_at >= apr_time_from_sec(silence_s)) {
        exchange_stop(x, EXCHANGE_SILENT,
                      x->has_answered ? LOG_SILENT_BETWEEN : LOG_SILENT_FIRST,
                      apr_psprintf(x->r->pool, "it was silent for %d s "
                                   "(PoolResponseTimeout)", silence_s));
    }
    if (x->until > 0 && now >= x->until) {
        exchange_stop(x, EXCHANGE_SILENT, LOG_TOO_LONG,
                      apr_psprintf(x->r->pool, "the request took longer than "
                                   "%d s (PoolMaxRequestTime)",
                                   x->max_request_s));
    }
    if (now >= client_deadline(x, now)) {
        give_client_up(x);
    }
    if (x->r->connection->aborted ||
        (x->client_sends_no_more && x->response->passed_any &&
         now - x->read_at >= GONE_AFTER)) {
        exchange_stop(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
                      "the client has gone");
    }
    if (now - x->looked_at >= ROOM_EVERY && lasts(x, now)) {
        x->looked_at = now;
        if (generations_need_room()) {
            exchange_stop(x, EXCHANGE_MADE_ROOM, LOG_MADE_ROOM,
                          "httpd has been restarted gracefully so often that "
                          "its old children need their places");
        }
    }
}

/* The client's socket is writable, or it is none. First what httpd holds. */
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
        exchange_stop(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
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
    if (!exchange_is_held_back(x)) {
        app->events |= POLLIN;
    } else {
        app->fd = has_to_send ? x->fd : -1;
    }
}

void exchange_turn(struct exchange *x)
{
    apr_time_t now = clock_now();
    bool was_held_back = exchange_is_held_back(x);
    bool waited_for_client = client_deadline(x, now) != APR_INT64_MAX;
    struct pollfd watched[2];
    int n;

    watch_app(x, &watched[0]);
    watch_client(x, &watched[1], now);
    if (x->client_fd < 0 && should_pass(x, now)) {
        pass_some(x);
        return;
    }
    n = poll(watched, 2, exchange_timeout_ms(next_wake(x, now), now));
    if (n < 0) {
        return; /* interrupted */
    }
    if (was_held_back || exchange_wants_client(x)) {
        x->active_at = clock_now(); /* its silence was the client's doing */
    }
    if (!waited_for_client || watched[1].revents & (POLLIN | POLLOUT)) {
        x->client_at = clock_now();
    }
    if (watched[0].revents & (POLLIN | POLLHUP | POLLERR)) {
        exchange_receive_some(x);
    }
    if (sender_is_active(&x->sender) &&
        (watched[0].revents & POLLOUT || watched[1].revents & POLLIN ||
         x->client_fd < 0 || n == 0)) {
        exchange_send_some(x);
    }
    if (watched[1].revents & POLLOUT && !x->has_ended) {
        pass_some(x);
    }
    on_client(x, watched[1].revents);
    on_time(x, clock_now());
}
