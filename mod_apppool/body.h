/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body.h - the body of a request, from httpd's input filters.
 *
 * Spooled (PoolBufferUpload on, or a length the client did not say): all of it
 * is received before a session is asked for, and it can be sent more than once.
 * Streamed: it is read while it is sent.
 */
#ifndef MOD_APPPOOL_BODY_H
#define MOD_APPPOOL_BODY_H

#include <httpd.h>
#include <stdbool.h>

#include "config.h"
#include "spool.h"

struct body {
    request_rec *r;
    struct spool spool;
    apr_off_t len;      /* what the application is told; -1: nobody knows it
                           before its end */
    apr_off_t sent;     /* of that, given to the application */
    bool streamed;
    apr_bucket_brigade *brigade; /* streamed: what came and is not sent yet */
    bool came;          /* streamed: the client's end of body has come */
    apr_status_t failure; /* streamed: why there is no more of it */
    char *buffer;       /* for pieces of the file; NULL until needed */
    apr_size_t gathered; /* bytes in it that are still to be spooled */
    const char *piece;  /* peeked and not sent yet */
    apr_size_t piece_len;
};

/*
 * Receive the request's body, or prepare to stream it (one of unknown length
 * only where the application takes_unmeasured ones). OK, or the HTTP status
 * that answers the request (413, 400, 408 ... as the input filters say; 503 and
 * a sentence in *why_r: no room for it on the disk).
 */
int body_receive(struct body *body, request_rec *r,
                 const struct place_config *place,
                 const struct pool_settings *once, bool takes_unmeasured,
                 const char **why_r);

/*
 * The next bytes to send, borrowed until body_sent(). APR_SUCCESS; APR_EOF: all
 * has been sent; APR_EAGAIN: the client has not sent them yet; else: the client
 * broke off, or the file cannot be read.
 */
apr_status_t body_peek(struct body *body, const char **data_r,
                       apr_size_t *len_r);
void body_sent(struct body *body, apr_size_t len);

/* No more of a streamed body is waited for. */
void body_give_up(struct body *body, apr_status_t why);

/* The HTTP status of a streamed body's failure. */
int body_failure_status(const struct body *body);

/* Has the client sent it to its end, as far as we have looked? */
bool body_has_come(const struct body *body);

bool body_is_all_sent(const struct body *body);

/* Is it at its end when so many more bytes have been sent? */
bool body_ends_after(const struct body *body, apr_size_t len);

/* Can it be sent once more? Then it will be from its beginning. */
bool body_rewind(struct body *body);

#endif
