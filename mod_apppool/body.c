/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.c - receives, spools or streams a request's body.
 */
#include "body.h"
#include "progress.h"

#include <http_core.h>
#include <http_protocol.h>
#include <apr_strings.h>
#include <string.h>

#define READ_SIZE 16384
/* Fits a record of FastCGI with its length a multiple of eight. */
#define FILE_PIECE 65528

/* What the client says about the length. -1: there is a body of any length. */
static apr_off_t said_length(const request_rec *r)
{
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t len;
    char *end;

    if (apr_table_get(r->headers_in, "Transfer-Encoding") != NULL) {
        return -1;
    }
    if (length == NULL) {
        return 0;
    }
    /* A filter that changes the size (mod_deflate) leaves it unknown. */
    return r->input_filters == r->proto_input_filters &&
                   apr_strtoff(&len, length, &end, 10) == APR_SUCCESS &&
                   *end == '\0' && len >= 0
               ? len
               : -1;
}

static bool may_stream(const request_rec *r, const struct place_config *place,
                       bool takes_unmeasured, apr_off_t *len_r)
{
    *len_r = said_length(r);
    return place->buffer_upload == 0 && r->main == NULL && *len_r != 0 &&
           (*len_r > 0 || takes_unmeasured);
}

static void need_buffer(struct body *body)
{
    if (body->buffer == NULL) {
        body->buffer = apr_palloc(body->r->pool, FILE_PIECE);
    }
}

/* What the filters' failure means to the client. */
static int failure_status(apr_status_t rv)
{
    return ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
}

static int no_room(apr_status_t rv, request_rec *r, const char **why_r)
{
    char text[120];

    *why_r = apr_psprintf(r->pool, "the request's body cannot be kept in "
                          "PoolBufferDir: %s",
                          apr_strerror(rv, text, sizeof(text)));
    return HTTP_SERVICE_UNAVAILABLE;
}

static apr_status_t write_gathered(struct body *body)
{
    apr_size_t len = body->gathered;

    body->gathered = 0;
    return len > 0 ? spool_write(&body->spool, body->buffer, len) : APR_SUCCESS;
}

/* httpd reads 8,000 bytes at a time: for a file they are gathered first. */
static apr_status_t keep(struct body *body, const char *data, apr_size_t len)
{
    apr_status_t rv = APR_SUCCESS;

    if (body->gathered == 0 && !spool_needs_file(&body->spool, len)) {
        return spool_write(&body->spool, data, len);
    }
    need_buffer(body);
    while (len > 0 && rv == APR_SUCCESS) {
        apr_size_t n = FILE_PIECE - body->gathered;

        n = len < n ? len : n;
        memcpy(body->buffer + body->gathered, data, n);
        body->gathered += n;
        data += n;
        len -= n;
        rv = body->gathered == FILE_PIECE ? write_gathered(body) : APR_SUCCESS;
    }
    return rv;
}

/* OK, DONE at the end of the body, or an HTTP status. */
static int spool_brigade(struct body *body, apr_bucket_brigade *brigade,
                         const char **why_r)
{
    apr_bucket *bucket;

    while (!APR_BRIGADE_EMPTY(brigade)) {
        const char *data;
        apr_size_t len;
        apr_status_t rv;

        bucket = APR_BRIGADE_FIRST(brigade);
        if (APR_BUCKET_IS_EOS(bucket)) {
            rv = write_gathered(body);
            return rv == APR_SUCCESS ? DONE : no_room(rv, body->r, why_r);
        }
        rv = apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return failure_status(rv);
        }
        rv = keep(body, data, len);
        if (rv != APR_SUCCESS) {
            return no_room(rv, body->r, why_r);
        }
        apr_bucket_delete(bucket);
    }
    return OK;
}

static int spool_all(struct body *body, const char **why_r)
{
    int status = OK;

    while (status == OK) {
        apr_status_t rv = ap_get_brigade(body->r->input_filters, body->brigade,
                                         AP_MODE_READBYTES, APR_BLOCK_READ,
                                         READ_SIZE);

        status = rv == APR_SUCCESS ? spool_brigade(body, body->brigade, why_r)
                                   : failure_status(rv);
        apr_brigade_cleanup(body->brigade);
    }
    body->len = spool_len(&body->spool);
    return status == DONE ? OK : status;
}

int body_receive(struct body *body, request_rec *r,
                 const struct place_config *place,
                 const struct pool_settings *once, bool takes_unmeasured,
                 const char **why_r)
{
    int memory_kib = config_number(place->buffer_memory_kib, 64);

    *body = (struct body){.r = r};
    spool_init(&body->spool, r->pool, (apr_size_t)memory_kib * 1024,
               once->buffer_dir);
    if (r->main != NULL) { /* a sub-request has no body of its own */
        return OK;
    }
    if (said_length(r) != 0) {
        progress_tell(r, PROGRESS_UPLOAD);
    }
    body->brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    body->streamed = may_stream(r, place, takes_unmeasured, &body->len);
    return body->streamed ? OK : spool_all(body, why_r);
}

/* httpd's filter says 100 Continue only to who would block for the body, and
 * not where it is larger than LimitRequestBody. */
static void invite(const struct body *body)
{
    request_rec *r = body->r;
    apr_off_t limit = ap_get_limit_req_body(r);
    int status = r->status;

    if (r->expecting_100 && (limit == 0 || body->len <= limit)) {
        r->status = HTTP_CONTINUE;
        ap_send_interim_response(r, 0);
        r->status = status;
    }
}

/* Fetch what the client has sent; never waits. */
static apr_status_t fetch(struct body *body)
{
    apr_status_t rv;

    if (body->came) { /* shorter than it said? */
        return body->len < 0 ? APR_EOF : APR_EGENERAL;
    }
    invite(body);
    rv = ap_get_brigade(body->r->input_filters, body->brigade,
                        AP_MODE_READBYTES, APR_NONBLOCK_READ, READ_SIZE);
    if (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(body->brigade)) {
        return APR_EAGAIN;
    }
    return rv;
}

static apr_status_t peek_stream(struct body *body)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && body->piece_len == 0) {
        apr_bucket *bucket;

        if (APR_BRIGADE_EMPTY(body->brigade)) {
            rv = fetch(body);
            continue;
        }
        bucket = APR_BRIGADE_FIRST(body->brigade);
        body->came |= APR_BUCKET_IS_EOS(bucket);
        if (!APR_BUCKET_IS_METADATA(bucket)) {
            rv = apr_bucket_read(bucket, &body->piece, &body->piece_len,
                                 APR_NONBLOCK_READ);
        }
        if (rv == APR_SUCCESS && body->piece_len == 0) {
            apr_bucket_delete(bucket);
        }
    }
    return rv;
}

static apr_status_t peek_spool(struct body *body)
{
    if (body->sent >= (apr_off_t)body->spool.memory_len) {
        need_buffer(body);
    }
    return spool_peek(&body->spool, body->sent, body->buffer, FILE_PIECE,
                      &body->piece, &body->piece_len);
}

apr_status_t body_peek(struct body *body, const char **data_r,
                       apr_size_t *len_r)
{
    apr_status_t rv = APR_SUCCESS;

    if (body_is_all_sent(body)) {
        return APR_EOF;
    }
    if (body->piece_len == 0) {
        rv = body->streamed ? peek_stream(body) : peek_spool(body);
    }
    *data_r = body->piece;
    *len_r = body->piece_len;
    if (rv != APR_SUCCESS && rv != APR_EOF && !APR_STATUS_IS_EAGAIN(rv)) {
        body->failure = rv;
    }
    return rv;
}

void body_sent(struct body *body, apr_size_t len)
{
    body->sent += (apr_off_t)len;
    body->piece += len;
    body->piece_len -= len;
    if (body->streamed && body->piece_len == 0) {
        apr_bucket_delete(APR_BRIGADE_FIRST(body->brigade));
    }
}

bool body_has_come(const struct body *body)
{
    return !body->streamed || body->came ||
           (body->len >= 0 && body->sent == body->len);
}

bool body_is_all_sent(const struct body *body)
{
    if (body->len < 0) {
        return body->came && body->piece_len == 0 &&
               APR_BRIGADE_EMPTY(body->brigade);
    }
    return body->sent == body->len;
}

void body_give_up(struct body *body, apr_status_t why)
{
    body->failure = why;
}

int body_failure_status(const struct body *body)
{
    return failure_status(body->failure);
}

bool body_ends_after(const struct body *body, apr_size_t len)
{
    return body->sent + (apr_off_t)len == body->len;
}

bool body_rewind(struct body *body)
{
    if (body->streamed) {
        return body->sent == 0;
    }
    body->sent = 0;
    body->piece_len = 0;
    return true;
}
