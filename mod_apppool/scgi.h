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

#include "frame.h"
#include "header_block.h"
#include "protocol.h"

/*
 * The head of a request: CONTENT_LENGTH first, then SCGI, APPPOOL_KEEPALIVE
 * and the variables of request->env (a CONTENT_LENGTH or SCGI of its own is
 * left out). *len_r: its bytes.
 */
char *scgi_head(const struct app_request *request, apr_size_t *len_r);

/* A CGI-style response. FastCGI has one in its records, too. */
struct scgi_response {
    struct app_response base;
    struct header_block head;
    struct frame outer;       /* what the loader says of the connection */
    struct frame inner;       /* Transfer-Encoding of the application's own */
    bool has_inner;
    bool has_no_frame;        /* X-Apppool-Frame is ignored: its end is told by
                                 scgi_response_eof() */
};

void scgi_response_init(struct scgi_response *response, apr_pool_t *p,
                        apr_size_t header_limit);

/* As in struct protocol. */
struct app_response *scgi_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit);
size_t scgi_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r);
void scgi_response_eof(struct app_response *base);

#endif
