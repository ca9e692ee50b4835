/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scgi.h - the protocol to our loaders, both ways (httpd-free).
 *
 * server/loaders/README says what travels. The response's header is checked
 * strictly: what httpd would have to refuse later is refused here, with a
 * sentence of its own.
 */
#ifndef MOD_APPPOOL_SCGI_H
#define MOD_APPPOOL_SCGI_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "frame.h"

/*
 * The head of a request: CONTENT_LENGTH first, then SCGI, APPPOOL_KEEPALIVE
 * and the variables of env (a CONTENT_LENGTH or SCGI of its own is left out).
 * *len_r: its bytes. From p.
 */
char *scgi_head(apr_pool_t *p, const apr_table_t *env, apr_off_t body_len,
                apr_size_t *len_r);

struct scgi_response {
    apr_pool_t *pool;
    size_t header_limit;      /* bytes, > 0 */
    char *head;               /* what came of the header so far */
    size_t head_len, head_size;
    bool header_done;
    const char *error;        /* NULL, or why this is no response (from pool) */

    /* Valid once header_done. */
    int status;               /* 200..999 */
    const char *status_line;  /* "404 Not Found" as written; NULL: 200 */
    apr_table_t *headers;     /* in order, duplicates kept; no Status, no
                                 hop-by-hop headers, no frame */
    apr_off_t content_length; /* the application's own; -1: none */
    bool kept;                /* framed: the connection can be kept */
    struct frame outer;       /* what the loader says of the connection */
    struct frame inner;       /* Transfer-Encoding of the application's own */
    bool has_inner;
};

/* header_limit in bytes, > 0. The response lives in p. */
void scgi_response_init(struct scgi_response *response, apr_pool_t *p,
                        size_t header_limit);

/*
 * Take bytes that came. Returns how many were taken; call again with the rest
 * until it is used up, the response has ended or has an error (then 0). A slice
 * of body may come out with each call: *body_len_r > 0.
 */
size_t scgi_response_feed(struct scgi_response *response, const char *data,
                          size_t len, const char **body_r,
                          size_t *body_len_r);

/* The connection has ended: sets error unless the response may end so. */
void scgi_response_eof(struct scgi_response *response);

/* Has it come to its end? What follows belongs to no response. */
bool scgi_response_has_ended(const struct scgi_response *response);

#endif
