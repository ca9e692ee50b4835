/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.c - from the application's header and body to httpd's brigades.
 */
#include "response.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <stdlib.h>
#include <util_filter.h>

APLOG_USE_MODULE(apppool);

/* What an application may write after the header of a HEAD, 204 or 304. */
#define DROP_MAX 65536
/* How much HTTP/2 gets at once. */
#define COPY_MOST 65536
/* httpd's core blocks from 64 KiB on (FlushMaxThreshold); chunks add some. */
#define FLOW_MOST 49152
#define FLOW_LEAST 16384

void response_init(struct response *response, request_rec *r,
                   const struct place_config *place,
                   const struct pool_settings *once)
{
    apr_size_t memory_kib = (apr_size_t)config_number(place->buffer_memory_kib,
                                                      64);

    *response = (struct response){.r = r, .left = -1};
    response->file_max =
        (apr_off_t)config_number(place->buffer_file_mib, 1024) << 20;
    spool_init(&response->spool, r->pool, memory_kib * 1024,
               once->buffer_dir);
}

void response_interim(struct response *response,
                      const struct app_interim *interim)
{
    request_rec *r = response->r;
    apr_table_t *headers = r->headers_out;
    int status = r->status, expecting = (int)r->expecting_100;
    const char *line = r->status_line;

    r->status = interim->status;
    r->status_line = NULL;
    r->headers_out = interim->headers;
    ap_send_interim_response(r, 1);
    r->headers_out = headers;
    r->status_line = line;
    r->status = status;
    r->expecting_100 = (unsigned)expecting & 1; /* that was no 100 Continue */
}

static int copy_header(void *to, const char *name, const char *value)
{
    apr_table_addn(to, name, value);
    return 1;
}

static void take_content_type(request_rec *r, apr_table_t *headers)
{
    const char *type = apr_table_get(headers, "Content-Type");

    /* What the file's name suggested says nothing about the response. */
    r->content_type = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    if (type != NULL) {
        ap_set_content_type_ex(r, apr_pstrdup(r->pool, type), 0);
        apr_table_unset(headers, "Content-Type");
    }
}

/* RFC 9110, 15.3.5: no content, so nothing that describes it. */
static void drop_entity_headers(apr_table_t *headers)
{
    static const char *const names[] = {"Content-Type", "Content-Encoding",
                                        "Content-Language", "Content-Range"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        apr_table_unset(headers, names[i]);
    }
}

/*
 * httpd's own filters that never wait: plain ones hand everything on at once,
 * the others keep some of it until a FLUSH. What is not listed may sleep on
 * purpose (mod_ratelimit, mod_bw).
 */
static const struct {
    const char *name;
    bool is_plain;
} filters_known[] = {
    {"byterange", true},         {"chunk", true},
    {"content_length", true},    {"core", true},
    {"fixup_headers_err", true}, {"fixup_headers_out", true},
    {"http_header", true},       {"http_outerror", true},
    {"mod_expires", true},       {"old_write", true},
    {"brotli_compress", false},  {"deflate", false},
    {"ssl/tls filter", false},   {"ssl/tls coalescing filter", false}};

static bool is_known(const char *name, bool plain_only)
{
    size_t i;

    for (i = 0; i < sizeof(filters_known) / sizeof(filters_known[0]); i++) {
        if (ap_cstr_casecmp(name, filters_known[i].name) == 0) {
            return filters_known[i].is_plain || !plain_only;
        }
    }
    return false;
}

/* Which ways there are to the client without waiting for it. */
static void look_at_filters(struct response *response)
{
    const request_rec *r = response->r;
    const ap_filter_t *filter;

    response->may_flow = r->connection->master == NULL && r->main == NULL;
    response->is_plain = response->may_flow;
    for (filter = r->output_filters; filter != NULL; filter = filter->next) {
        response->may_flow &= is_known(filter->frec->name, false);
        response->is_plain &= is_known(filter->frec->name, true);
        if (!response->may_flow) {
            response->is_plain = false;
            ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, "filter %s may "
                          "wait: the response is kept until it is whole",
                          filter->frec->name);
            return;
        }
    }
}

/* Said by the application, or by the admin for all of it. */
static bool is_stream(const struct app_response *from,
                      const struct place_config *place)
{
    const char *buffering = apr_table_get(from->headers, "X-Accel-Buffering");
    const char *type = apr_table_get(from->headers, "Content-Type");

    return place->buffer_response == 0 ||
           (buffering && ap_cstr_casecmp(buffering, "no") == 0) ||
           (type && ap_cstr_casecmpn(type, "text/event-stream", 17) == 0);
}

/* Did an error (ErrorDocument) lead to the application? */
static bool is_error_page(const request_rec *r)
{
    return r->prev != NULL && ap_is_HTTP_ERROR(r->status);
}

/* Has httpd a page of its own for this status? Then it may replace this one. */
static bool may_override(int status)
{
    return status >= 400 && atoi(ap_get_status_line(status)) == status;
}

static bool is_overridden(const request_rec *r,
                          const struct app_response *from,
                          const struct place_config *place)
{
    return place->error_override == 1 && !is_error_page(r) &&
           may_override(from->status);
}

static int keep_for_error(void *to, const char *name, const char *value)
{
    static const char *const names[] = {"Allow", "Proxy-Authenticate",
                                        "Retry-After", "Set-Cookie",
                                        "WWW-Authenticate"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_cstr_casecmp(name, names[i]) == 0) {
            apr_table_addn(to, name, value);
        }
    }
    return 1;
}

/* PoolErrorOverride: status and what makes it work stay, the rest is httpd's */
static void override_error(struct response *response,
                           const struct app_response *from)
{
    response->former_headers = response->r->headers_out;
    response->override = from->status;
    response->drops_body = true;
    apr_table_do(keep_for_error, response->r->err_headers_out, from->headers,
                 NULL);
    response->started = true;
}

void response_start(struct response *response, struct app_response *from,
                    const struct place_config *place)
{
    request_rec *r = response->r;

    response->former_status = r->status;
    if (is_error_page(r) && !from->says_status) {
        from->status = r->status; /* as of any CGI program */
    }
    if (is_overridden(r, from, place)) {
        override_error(response, from);
        return;
    }

    response->is_stream = is_stream(from, place);
    look_at_filters(response);
    apr_table_unset(from->headers, "X-Accel-Buffering");
    response->former_headers = r->headers_out;
    r->headers_out = apr_table_copy(r->pool, r->headers_out);
    r->status = from->status;
    /* httpd's own choice for a number it does not know would be 500. */
    r->status_line = from->status_line
                         ? from->status_line
                         : ap_get_status_line_ex(r->pool, from->status);
    response->unmeasured = from->content_length < 0 && !from->is_measured;
    response->drops_body = r->header_only || from->status == 204 ||
                           from->status == 304;
    if (from->status == 204 || from->status == 304) {
        drop_entity_headers(from->headers);
    } else if (from->content_length >= 0) {
        ap_set_content_length(r, from->content_length);
        response->left = r->header_only ? -1 : from->content_length;
    }
    take_content_type(r, from->headers);
    apr_table_do(copy_header, r->headers_out, from->headers, NULL);
    if (response->timing != NULL) {
        apr_table_addn(r->headers_out, "Server-Timing",
                       timing_header(r->pool, response->timing));
    }
    response->started = true;
}

void response_undo(struct response *response)
{
    request_rec *r = response->r;

    if (response->started && !response->passed_any) {
        response->started = false;
        r->status = response->former_status;
        r->status_line = NULL;
        r->headers_out = response->former_headers;
        r->clength = 0;
    }
}

apr_status_t response_add(struct response *response, const char *data,
                          apr_size_t len)
{
    if (response->drops_body) {
        response->dropped += (apr_off_t)len;
        return APR_SUCCESS;
    }
    if (response->left >= 0 && (apr_off_t)len > response->left) {
        len = (apr_size_t)response->left;
    }
    if (response->left >= 0) {
        response->left -= (apr_off_t)len;
    }
    return len > 0 ? spool_write(&response->spool, data, len) : APR_SUCCESS;
}

bool response_drops_too_much(const struct response *response)
{
    return response->dropped > DROP_MAX;
}

static apr_off_t unsent(const struct response *response)
{
    return spool_len(&response->spool) - response->passed;
}

bool response_has_more(const struct response *response)
{
    return response->started && response->override == 0 &&
           (!response->passed_any || response->needs_flush ||
            unsent(response) > 0);
}

bool response_is_full(const struct response *response)
{
    return response->file_max > 0 &&
           response->spool.file_len >= response->file_max;
}

/* Fill the brigade with the bytes up to `to`; p: see spool_pass(). */
static apr_status_t fill(struct response *response, apr_off_t to, bool copied,
                         apr_pool_t *p)
{
    request_rec *r = response->r;
    apr_status_t rv;

    if (response->brigade == NULL) {
        response->brigade = apr_brigade_create(r->pool,
                                               r->connection->bucket_alloc);
    }
    rv = copied ? spool_copy(&response->spool, response->passed, to,
                             response->brigade)
                : spool_pass(&response->spool, response->passed, to,
                             response->brigade, p);
    response->passed = to;
    response->passed_any = true;
    return rv;
}

static void append(struct response *response, apr_bucket *bucket)
{
    APR_BRIGADE_INSERT_TAIL(response->brigade, bucket);
}

static void pass(struct response *response)
{
    request_rec *r = response->r;
    apr_status_t rv = ap_pass_brigade(r->output_filters, response->brigade);

    apr_brigade_cleanup(response->brigade);
    if (rv != APR_SUCCESS || r->connection->aborted) {
        response->broken = rv != APR_SUCCESS ? rv : APR_ECONNABORTED;
    }
}

/* One brigade, up to `to`, with a FLUSH behind it or not. */
static void pass_up_to(struct response *response, apr_off_t to, bool copied,
                       bool flushed)
{
    apr_status_t rv;
    apr_pool_t *p;

    apr_pool_create(&p, response->r->pool);
    rv = fill(response, to, copied, p);
    if (flushed) {
        append(response, apr_bucket_flush_create(
                             response->r->connection->bucket_alloc));
    }
    pass(response);
    apr_pool_destroy(p);
    if (rv != APR_SUCCESS) {
        response->broken = rv;
    }
    if (unsent(response) == 0) {
        spool_reset(&response->spool);
        response->passed = spool_len(&response->spool);
    }
}

/*
 * mod_http2 keeps what it was given until the connection's own thread sends it:
 * of files any amount, whatever PoolBufferMaxFile says. So it gets copies,
 * of which it takes a bounded number.
 */
void response_flush(struct response *response, apr_off_t most)
{
    bool copied = response->r->connection->master != NULL;
    apr_off_t to = spool_len(&response->spool);

    if (most > 0 && unsent(response) > most) {
        to = response->passed + most;
    }
    response->needs_flush = false;
    if (response->is_plain) {
        pass_up_to(response, to, false, false);
        if (response->broken == APR_SUCCESS) {
            response_push(response);
        }
        return;
    }
    while (copied && to - response->passed > COPY_MOST &&
           response->broken == APR_SUCCESS) {
        pass_up_to(response, response->passed + COPY_MOST, true, true);
    }
    if (response->broken == APR_SUCCESS) {
        pass_up_to(response, to, copied, true);
    }
}

bool response_can_flow(const struct response *response)
{
    return response->may_flow && response->started &&
           unsent(response) >= FLOW_LEAST && !response_is_held(response);
}

void response_flow(struct response *response)
{
    apr_off_t most = unsent(response) < FLOW_MOST ? unsent(response)
                                                  : FLOW_MOST;

    response->needs_flush = true;
    pass_up_to(response, response->passed + most, false, false);
}

bool response_is_held(const struct response *response)
{
    return response->r->connection->data_in_output_filters > 0;
}

/* As event does it for a connection whose response is over. */
void response_push(struct response *response)
{
    ap_filter_t *filter = response->r->connection->output_filters;
    apr_status_t rv;

    while (filter->next != NULL) {
        filter = filter->next;
    }
    rv = filter->frec->filter_func.out_func(filter, NULL);
    if (rv != APR_SUCCESS || response->r->connection->aborted) {
        response->broken = rv != APR_SUCCESS ? rv : APR_ECONNABORTED;
    }
}

/*
 * A response that is not whole must not look so: mod_proxy's sign for it. The
 * last chunk is left out, the connection closed, an HTTP/2 stream reset.
 */
static void append_error(struct response *response)
{
    request_rec *r = response->r;

    r->no_cache = 1;
    if (r->main != NULL) {
        r->main->no_cache = 1;
    }
    append(response, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool,
                                            r->connection->bucket_alloc));
}

int response_finish(struct response *response, bool truncated)
{
    request_rec *r = response->r;
    apr_status_t rv = APR_SUCCESS;

    if (response->override != 0) {
        return response->override;
    }
    truncated |= response->left > 0;
    if (truncated && response_has_more(response)) {
        /* Header and error in one brigade would become an error page. */
        response_flush(response, 0);
    }
    if (response->broken != APR_SUCCESS) {
        return OK;
    }
    rv = fill(response, spool_len(&response->spool), false, r->pool);
    if (response->unmeasured && !response->drops_body) {
        pass(response); /* without its end, else httpd would measure it */
    }
    if (truncated || rv != APR_SUCCESS) {
        append_error(response);
    }
    append(response, apr_bucket_eos_create(r->connection->bucket_alloc));
    if (response->is_early) {
        /* httpd reads the rest of the request before it writes on its own. */
        append(response, apr_bucket_flush_create(r->connection->bucket_alloc));
    }
    pass(response);
    return OK;
}
