/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi.h - FastCGI 1.0, the part of a web server, both ways (httpd-free).
 *
 * One request at a time on a connection, always number 1, and the application
 * is asked to keep the connection. Multiplexing is never used: hardly any
 * library can do it, and php-cgi cannot.
 */
#ifndef MOD_APPPOOL_FCGI_H
#define MOD_APPPOOL_FCGI_H

#include "scgi.h"

/* FastCGI Specification, 3.3 and 8: a record's header, one byte after another:
 * version, type, request id (2), content length (2), padding length, a zero. */
#define FCGI_VERSION 1
#define FCGI_HEADER_LEN 8
#define FCGI_REQUEST_ID 1
/* What a record can hold, less what would spoil its alignment. */
#define FCGI_CONTENT_MAX 65528

enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1, FCGI_END_REQUEST = 3, FCGI_PARAMS = 4,
    FCGI_STDIN = 5, FCGI_STDOUT = 6, FCGI_STDERR = 7
};

/* Writes the header of a record without padding (FCGI_HEADER_LEN bytes). */
void fcgi_put_header(char *at, enum fcgi_type type, size_t content_len);

/*
 * BEGIN_REQUEST and the variables of request->env; CONTENT_LENGTH where the
 * request has a body. *len_r: its bytes.
 */
char *fcgi_head(const struct app_request *request, apr_size_t *len_r);

enum fcgi_state {
    FCGI_IN_HEADER, /* `have` bytes of it have come */
    FCGI_IN_CONTENT,
    FCGI_IN_PADDING
};

/* A CGI-style response in STDOUT records, text for the log in STDERR ones. */
struct fcgi_response {
    struct scgi_response cgi;
    enum fcgi_state state;
    unsigned char bytes[8];      /* of a header, or of END_REQUEST's content */
    size_t have;                 /* of bytes, so far */
    unsigned char type;          /* of the present record */
    size_t content_left, padding_left;
    bool leaves_body;            /* perhaps; libfcgi takes what is left for the
                                    next request */
    bool has_output;             /* a byte of STDOUT has come */
    bool is_over;                /* END_REQUEST has come, perhaps not its
                                    padding */
};

/* As in struct protocol. */
struct app_response *fcgi_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit);
size_t fcgi_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r);
void fcgi_response_eof(struct app_response *base);

#endif
