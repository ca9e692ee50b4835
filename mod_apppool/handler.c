/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.c - body, session, exchange, response.
 */
#include "handler.h"

#include <apr_atomic.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>

#include "app_type.h"
#include "clock.h"
#include "failure.h"
#include "progress.h"
#include "sticky.h"
#include "tunnel.h"
#include "work.h"

APLOG_USE_MODULE(apppool);

/* Kept connections that turn out closed are replaced so often: a server that
 * closes them without a word leaves one for each thread of this child. */
#define STALE_MAX 1024
/* What a process died with, or a kept connection, is asked again so often. */
#define REPEATS 1
#define REPEATS_REUSED 3
/* What no socket takes at once, so that the client is waited for. */
#define CLIENT_WAITS 65536

static int is_abandoned(void *baton)
{
    const struct work *w = baton;

    return w->r->connection->aborted || child_is_stopping(w->child);
}

static apr_status_t get_session(struct work *w,
                                struct apppool_failure *failure_r)
{
    struct apppool_get_options options = {
        .app = w->definition->number,
        .root = w->definition->dynamic ? w->found->site.root : NULL,
        .sticky = sticky_wanted(w->r, w->place),
        .age = clock_now() - w->timing.asked,
        .watch_fd = w->body.streamed ? 0 : exchange_client_fd(w->r),
        .line = w->r->the_request,
        .peer = w->r->useragent_ip,
        .abandoned = is_abandoned,
        .baton = w,
        .n_first = exchange_first(&w->exchange, &options.first),
        .first_protocol = w->spoken,
        .first_if_silent = w->exchange.protocol->may_say_more};
    apr_status_t rv;

    *failure_r = (struct apppool_failure){.message = NULL};
    if (options.watch_fd < 0) {
        options.watch_fd = 0;
    }
    progress_tell(w->r, PROGRESS_QUEUE);
    notes_ask(&w->notes);
    rv = child_get(w->child, &options, &w->session, failure_r, w->r->pool);
    notes_lent(&w->notes, w->r, rv == APR_SUCCESS ? w->session : NULL);
    w->timing.handed_out = clock_now();
    if (rv == APR_SUCCESS) {
        progress_tell(w->r, PROGRESS_APP);
        w->timing.spawn += apppool_session_spawn_time(w->session);
        w->pid = apppool_session_pid(w->session);
        w->was_reused = apppool_session_is_reused(w->session);
        sticky_tell(w->r, w->place, w->found->site.base_uri,
                    apppool_session_sticky(w->session));
    }
    return rv;
}

static void close_session(struct work *w)
{
    apppool_session_close(w->session, exchange_session_end(&w->exchange));
    w->session = NULL;
    notes_returned(&w->notes, w->r);
}

/* RFC 9110, 9.2.2, and the methods of WebDAV that only ask. */
static bool is_idempotent(const request_rec *r)
{
    static const char *const methods[] = {
        "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PROPFIND", "REPORT",
        "SEARCH"};
    size_t i;

    for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(r->method, methods[i]) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Nothing came back. On a connection that took nothing nothing has happened;
 * else only what may happen twice is tried again, and once: a request that
 * ends its process must not end them all. Kept connections may all go at the
 * same moment, with the pool server for one: after those it is tried a little
 * more often.
 */
static bool may_try_again(struct work *w)
{
    if (failure_took_too_long(w) || child_is_stopping(w->child)) {
        return false;
    }
    if (w->exchange.was_stale) {
        return w->n_stale++ < STALE_MAX && body_rewind(&w->body);
    }
    if (!is_idempotent(w->r) ||
        w->n_repeated >= (w->was_reused ? REPEATS_REUSED : REPEATS)) {
        return false;
    }
    w->n_repeated++;
    return body_rewind(&w->body);
}

/* What the session will speak in all likelihood: as last, or as configured. */
static enum apppool_session_protocol likely_protocol(const struct work *w)
{
    const struct site *site = &w->definition->site;
    enum apppool_session_protocol number =
        apr_atomic_read32(w->definition->spoken);

    if (number == 0) {
        number = (enum apppool_session_protocol)(
            site->protocol ? site->protocol : app_type(site->type)->protocol);
    }
    return protocol_find(number) ? number : APPPOOL_SCGI;
}

/* Get ready for a try in the words of a known protocol. */
static void prepare(struct work *w, enum apppool_session_protocol number)
{
    const struct protocol *protocol = protocol_find(number);

    if (number != w->spoken) {
        w->spoken = number;
        w->request = request_of(w->r, protocol, w->place, &w->body,
                                w->found->script_name, &w->found->script);
        w->head = protocol->make_head(&w->request, &w->head_len);
    }
    exchange_prepare(&w->exchange, protocol, &w->request, w->head,
                     w->head_len);
}

/* Can this session carry the request? OK, or the HTTP status. */
static int check_protocol(struct work *w, enum apppool_session_protocol number)
{
    const struct protocol *protocol = protocol_find(number);

    if (protocol == NULL) { /* httpd and server are of two releases */
        failure_log(w, APLOG_ERR, LOG_PROTOCOL,
                    "the pool server says that it speaks a "
                    "protocol that this httpd does not know; restart httpd");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (w->body.len < 0 && !protocol->takes_unmeasured) {
        failure_log(w, APLOG_ERR, LOG_PROTOCOL,
                    "it speaks another protocol than it did; a "
                    "body of unknown length that was to be streamed cannot be "
                    "sent to it");
        return failure_unavailable(w->r, 0);
    }
    return OK;
}

/* A process that has closed its end is done with it; else it has to be shown
 * that it takes another connection. */
static int run_tunnel(struct work *w)
{
    static const char *const ends[] = {
        [TUNNEL_APP_CLOSED] = "the application has closed the tunnel, or is "
                              "restarted",
        [TUNNEL_CLIENT_CLOSED] = "the client has closed the tunnel",
        [TUNNEL_MADE_ROOM] = "a tunnel is closed: children of earlier "
                             "configurations hold more than half of httpd's "
                             "places for processes",
        [TUNNEL_STOPPED] = "httpd stops"};
    const struct exchange *x = &w->exchange;
    enum tunnel_end how;

    progress_tell(w->r, PROGRESS_TUNNEL);
    apppool_session_upgraded(w->session);
    how = tunnel_run(w->r, w->child, x->fd, x->reader->headers, x->early,
                     x->early_len);

    apppool_session_close(w->session, how == TUNNEL_APP_CLOSED
                                          ? APPPOOL_SESSION_ENDED
                                          : APPPOOL_SESSION_BROKEN);
    w->session = NULL;
    notes_returned(&w->notes, w->r);
    if (how == TUNNEL_MADE_ROOM) {
        failure_log(w, APLOG_NOTICE, LOG_MADE_ROOM, ends[how]);
    } else {
        failure_log(w, APLOG_DEBUG, LOG_TUNNEL_ENDED, ends[how]);
    }
    return OK;
}

/* The engine ends a process for a request that takes too long only where it has
 * but that one; else this request alone is given up. */
static bool serves_many(const struct work *w)
{
    const struct place_config *place = w->definition->place;
    const struct site *site = &w->definition->site;
    unsigned threads = (unsigned)config_number(place->threads, 1);

    if (place->concurrency != UNSET) {
        return place->concurrency != 1;
    }
    return site->type == TYPE_AUTO
               ? threads > 1 || w->spoken == APPPOOL_HTTP
               : app_type_concurrency(site->type, site->protocol, threads) != 1;
}

static void limit_time(struct work *w)
{
    int limit_s = config_number(w->definition->place->max_request_s, 0);

    w->exchange.max_request_s = limit_s;
    w->exchange.until = limit_s > 0 && serves_many(w)
                            ? w->timing.handed_out + apr_time_from_sec(limit_s)
                            : 0;
}

/* One try. EXCHANGE_NOTHING: it may be repeated. */
static enum exchange_end try_once(struct work *w,
                                  enum apppool_session_protocol number)
{
    enum exchange_end how;

    if (number != w->spoken) {
        prepare(w, number);
        apr_atomic_set32(w->definition->spoken, number);
    }
    limit_time(w);
    how = exchange_run(&w->exchange, w->session);
    if (how != EXCHANGE_UPGRADED) {
        close_session(w);
    }
    return how;
}

/* A session that can carry the request; else the handler's end, which is OK
 * where the error page is sent or the client has gone. */
static bool take_session(struct work *w, enum apppool_session_protocol *number,
                         int *status_r)
{
    struct apppool_failure failure;
    apr_status_t rv;

    prepare(w, *number);
    rv = get_session(w, &failure);
    if (rv != APR_SUCCESS) {
        *status_r = failure_of_session(w, rv, &failure);
        return false;
    }
    *number = apppool_session_protocol(w->session);
    *status_r = check_protocol(w, *number);
    if (*status_r != OK) {
        apppool_session_close(w->session, APPPOOL_SESSION_ENDED);
    }
    return *status_r == OK;
}

/* Until a try has been the last one; false: there was none, as above. */
static bool try_all(struct work *w, enum exchange_end *how_r, int *status_r)
{
    enum apppool_session_protocol number = likely_protocol(w);

    while (take_session(w, &number, status_r)) {
        *how_r = try_once(w, number);
        if (*how_r != EXCHANGE_NOTHING || !may_try_again(w)) {
            return true;
        }
        failure_log(w, w->exchange.was_stale ? APLOG_DEBUG : APLOG_INFO,
                    LOG_TRIED_AGAIN, "it ended without a response; the request "
                    "is tried again");
    }
    return false;
}

static int finish(struct work *w, enum exchange_end how)
{
    if (how == EXCHANGE_UPGRADED) {
        return run_tunnel(w);
    }
    if (spool_len(&w->response.spool) > CLIENT_WAITS) {
        progress_tell(w->r, PROGRESS_CLIENT);
    }
    w->response.is_early = !body_has_come(&w->body);
    return how == EXCHANGE_WHOLE ? response_finish(&w->response, false)
                                 : failure_of_exchange(w, how);
}

/* The application and its number in the pool. */
static int find_definition(struct work *w)
{
    const struct pool_settings *once = config_once(w->r->server);
    const struct site *site = &w->found->site;

    w->definition = definitions_find(once->definitions, w->r->pool, w->place,
                                     site);
    if (w->definition != NULL) {
        return OK;
    }
    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, w->r, "AP%d: application %s: the "
                  "configuration names no such root, and no pattern of "
                  "PoolAllowRoots can admit it", LOG_UNKNOWN, site->root);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static struct work *work_new(request_rec *r)
{
    struct work *w = apr_pcalloc(r->pool, sizeof(*w));

    w->r = r;
    w->place = config_place(r->per_dir_config);
    w->found = resolve_found(r);
    w->child = config_once(r->server)->child;
    w->timing.asked = clock_now();
    return w;
}

static int receive(struct work *w)
{
    const struct protocol *protocol = protocol_find(likely_protocol(w));
    const char *why = NULL;
    int status = body_receive(&w->body, w->r, w->place,
                              config_once(w->r->server),
                              protocol->takes_unmeasured, &why);

    if (status != OK && why != NULL) {
        failure_log(w, APLOG_ERR, LOG_NO_ROOM_REQUEST, why);
        return failure_unavailable(w->r, 0);
    }
    return status;
}

static int respond(struct work *w)
{
    enum exchange_end how;
    int status;

    w->timing.asked = clock_now();
    response_init(&w->response, w->r, w->place, config_once(w->r->server));
    if (w->place->server_timing == 1) {
        w->response.timing = &w->timing;
    }
    exchange_init(&w->exchange, w->r, w->place, w->child, &w->body,
                  &w->response);
    return try_all(w, &how, &status) ? finish(w, how) : status;
}

int handler_application(request_rec *r)
{
    struct work *w;
    int status;

    if (r->handler == NULL || strcmp(r->handler, APPLICATION_HANDLER) != 0) {
        return DECLINED;
    }
    if (resolve_found(r) == NULL) { /* whoever said so, no source is sent */
        return script_is_there(r) ? HTTP_FORBIDDEN : DECLINED;
    }
    w = work_new(r);
    status = find_definition(w);
    if (status == OK) {
        status = receive(w);
    }
    return status == OK ? respond(w) : status;
}
