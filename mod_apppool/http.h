/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - HTTP/1.1 to an application, both ways (httpd-free).
 *
 * The application is an origin server behind a gateway that trusts it with its
 * own connection only: its responses are read strictly (RFC 9112), since what
 * two parsers read differently could end up in somebody else's response.
 */
#ifndef MOD_APPPOOL_HTTP_H
#define MOD_APPPOOL_HTTP_H

#include "frame.h"
#include "header_block.h"
#include "protocol.h"

/*
 * Request line and headers: those of the request as they are, then what says
 * how long the body is. No Connection header unless another protocol is asked
 * for: HTTP/1.1 keeps connections.
 */
char *http_head(const struct app_request *request, apr_size_t *len_r);

/* Chunks for a body whose length nobody knows yet. */
apr_size_t http_wrap(const struct app_request *request, apr_size_t len,
                     struct app_wrapping *w);

struct http_response {
    struct app_response base;
    struct header_block head;
    struct frame body;
    bool is_head;         /* the request was HEAD: no body, whatever it says */
    bool wants_upgrade;   /* 101 is an answer */
    bool is_http10;
    bool is_chunked;
    bool says_close, says_keep_alive;
    const char *connection; /* what Connection names beside; NULL: nothing */
    unsigned n_interim;
};

/* As in struct protocol. */
struct app_response *http_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit);
size_t http_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r);
void http_response_eof(struct app_response *base);

#endif
