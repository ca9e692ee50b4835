/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h - what an application speaks, behind one interface (httpd-free).
 *
 * exchange.c, sender.c and response.c know no protocol. They know
 *
 *   struct app_request    what is to be said, in both of the shapes that
 *                         protocols want (variables; method, target, headers)
 *   struct protocol       how it is said, and how the answer is read
 *   struct app_response   what was answered so far
 *
 * Sending. make_head() gives the bytes that come before the body, in one piece.
 * The body then goes out in pieces of any size; wrap() says what stands before
 * and after each piece (a chunk's size and line end, a record's head and
 * padding), and what stands after the last. Nothing is copied.
 *
 * Reading. open() makes a reader for one response; it lives in the request's
 * pool and starts with a struct app_response. feed() gets the bytes that came,
 * in pieces of any size, and gives out at most one struct app_piece with each
 * call: a slice of the body, of text for the log, or "an interim response is
 * complete". eof() is told that the connection has ended. Whatever goes wrong
 * is said with app_response_fail(); after that feed() is not called any more.
 *
 * The end of a response is has_ended, set by feed() or eof(); can_keep then
 * tells whether the connection can carry another request. Bytes after it belong
 * to nobody: exchange.c closes the connection then.
 *
 * A protocol is chosen by what the OFFER says (apppool_session_protocol()). A
 * new one is one more file with a `const struct protocol`, and a line in
 * protocols.c.
 */
#ifndef MOD_APPPOOL_PROTOCOL_H
#define MOD_APPPOOL_PROTOCOL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <stdbool.h>

#include "apppool/session.h"

/* One request. Everything lives in p at least as long as the request. */
struct app_request {
    apr_pool_t *p;
    const apr_table_t *env;     /* RFC 3875's variables, without CONTENT_LENGTH;
                                   NULL: the protocol does not want them */
    const char *method;         /* as the client sent it */
    const char *target;         /* path and query as the client sent them */
    const apr_table_t *headers; /* to be sent, hop-by-hop ones left out; NULL:
                                   the protocol does not want them */
    apr_off_t body_len;         /* 0: none or empty; -1: only its end tells */
    bool drains_body;           /* what the application leaves unread of a body
                                   it reads before its next request */
    bool has_body;              /* the client announced one, may be empty */
    bool wants_upgrade;         /* the client asks for another protocol */
};

/* What stands around a piece of the body. */
struct app_wrapping {
    char before[24], after[24];
    apr_size_t before_len, after_len; /* 0: nothing */
};

enum app_piece_kind {
    PIECE_NONE,    /* framing, header: nothing to be passed on */
    PIECE_BODY,    /* data: a slice of the response's body, never empty */
    PIECE_LOG,     /* data: what the application writes to the log, not lines */
    PIECE_INTERIM  /* response->interim is complete (1xx, not 101) */
};

struct app_piece {
    enum app_piece_kind kind;
    const char *data; /* within what was fed */
    apr_size_t len;
};

/* Why something is no response; each has a status and a number in the log. */
enum app_fault {
    FAULT_NONE,
    FAULT_NOTHING,      /* it ended without a byte of a response */
    FAULT_HEADER_CUT,   /* it ended within the header */
    FAULT_HEADER_LARGE, /* PoolResponseHeaderLimit */
    FAULT_HEADER_BAD,   /* a line of the header makes no sense */
    FAULT_BODY_CUT,     /* it ended within the body */
    FAULT_BODY_BAD,     /* chunks or records make no sense */
    FAULT_REFUSED       /* the application said in its protocol that it will
                           not serve the request (FastCGI: overloaded ...) */
};

/* An interim response that goes on to the client. */
struct app_interim {
    int status;           /* 103; 100 and 102 are swallowed by the reader */
    apr_table_t *headers;
};

/* The common part of every reader, its first member. */
struct app_response {
    apr_pool_t *pool;
    apr_size_t header_limit;  /* bytes, > 0 */
    enum app_fault fault;
    const char *error;        /* NULL, or the fault in words (from pool) */
    bool has_ended;
    bool can_keep;            /* valid once has_ended */

    /* Valid once header_done. */
    bool header_done;
    int status;               /* 200..999; 101: is_upgraded */
    bool says_status;         /* else it is 200, of an error page the error's */
    const char *status_line;  /* "404 Not Found" as written; NULL: httpd's */
    apr_table_t *headers;     /* in order, duplicates kept; without Status,
                                 hop-by-hop headers, Content-Length, framing */
    apr_off_t content_length; /* the application's own; -1: none */
    bool is_measured;         /* the connection told the body's length */
    bool is_upgraded;         /* what follows is no body but the new protocol's;
                                 feed() takes none of it */

    struct app_interim interim; /* valid with PIECE_INTERIM */
};

struct protocol {
    const char *name;           /* as in PoolAppProtocol */
    bool wants_headers;         /* app_request: headers, else env */
    bool may_leave_body;        /* an application may answer and leave a body
                                   unread that would be taken for the next
                                   request */
    bool takes_unmeasured;      /* a body whose length nobody knows yet can be
                                   streamed; else it is spooled */
    bool may_say_more;          /* foreign servers speak it: a kept connection
                                   on which something waits before the request
                                   is no good (they may have written more than
                                   their response) */

    /* The bytes before the body, from request->p. */
    char *(*make_head)(const struct app_request *request, apr_size_t *len_r);

    /*
     * How many of len bytes go out as the next piece (> 0, <= len), and what
     * stands around them; len 0: what stands after the last piece, in `before`
     * (nothing where the length was said). Called once more with 0 even for a
     * request without body. *w is zeroed.
     */
    apr_size_t (*wrap)(const struct app_request *request, apr_size_t len,
                       struct app_wrapping *w);

    /* A reader for one response, in p. header_limit in bytes. */
    struct app_response *(*open)(apr_pool_t *p,
                                 const struct app_request *request,
                                 apr_size_t header_limit);

    /*
     * Take bytes; returns how many were taken, 0 only with an error, has_ended
     * or is_upgraded. Call again with the rest.
     */
    apr_size_t (*feed)(struct app_response *response, const char *data,
                       apr_size_t len, struct app_piece *piece_r);

    /* The connection has ended: either has_ended or an error is set then. */
    void (*eof)(struct app_response *response);
};

/* protocols.c ------------------------------------------------------------- */

/* NULL: not known. */
const struct protocol *protocol_find(enum apppool_session_protocol number);

extern const struct protocol protocol_scgi, protocol_http, protocol_fastcgi;

/* app_response.c ---------------------------------------------------------- */

/* Zero the common part, status 200, an empty table of headers. */
void app_response_init(struct app_response *response, apr_pool_t *p,
                       apr_size_t header_limit);

/* The first failure counts; `error` must live as long as the response. */
void app_response_fail(struct app_response *response, enum app_fault fault,
                       const char *error);

/* The same for what an application wrote: "...: 'text'", made printable. */
void app_response_fail_text(struct app_response *response,
                            enum app_fault fault, const char *error,
                            const char *text);

/* Is it a header that belongs to one connection only (RFC 9110, 7.6.1)? */
bool app_is_hop_by_hop(const char *name);

/* RFC 9110, 5.6.2. */
bool app_is_token(const char *name, apr_size_t len);

/* No control characters other than a tab; bytes over 0x7F pass. */
bool app_is_value(const char *value);

/* Digits only, at most 18 of them. */
bool app_parse_length(const char *text, apr_off_t *length_r);

/* Content-Length: one, or several that agree; else a FAULT_HEADER_BAD. */
void app_take_content_length(struct app_response *response,
                             const char *value);

#endif
