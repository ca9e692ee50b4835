/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange.h - one request to one process, and its response back.
 *
 * Request and response are polled together, so nobody waits for a peer that
 * waits for us. Knows no status codes: it says how the exchange ended, and why.
 */
#ifndef MOD_APPPOOL_EXCHANGE_H
#define MOD_APPPOOL_EXCHANGE_H

#include "body.h"
#include "child.h"
#include "log_numbers.h"
#include "request_log.h"
#include "response.h"
#include "sender.h"

enum exchange_end {
    EXCHANGE_WHOLE,       /* the response has come to its end */
    EXCHANGE_UPGRADED,    /* both speak another protocol from now on */
    EXCHANGE_NOTHING,     /* the connection ended before its first byte */
    EXCHANGE_BROKEN,      /* it is no response, or ended within */
    EXCHANGE_SILENT,      /* PoolResponseTimeout, or PoolMaxRequestTime */
    EXCHANGE_CLIENT_GONE, /* nobody is there to get it */
    EXCHANGE_MADE_ROOM,   /* an old child of httpd has to give up its place */
    EXCHANGE_UPLOAD_CUT,  /* the client broke its request off */
    EXCHANGE_NO_ROOM      /* the response cannot be kept (disk) */
};

struct exchange {
    request_rec *r;
    const struct place_config *place;
    struct child *child;
    struct body *body;
    struct response *response;

    /* Of the present try. */
    struct sender sender;
    const struct protocol *protocol;
    struct app_response *reader;
    struct request_log log;    /* what the application says beside it */
    struct running running;
    int fd;                    /* the session's; borrowed */
    bool was_stale;            /* closed before it took a byte */
    bool is_past_end;          /* bytes came after the response */
    bool has_answered;         /* a byte of the response came */
    const char *early;         /* upgraded: bytes of the new protocol that came
                                  with the answer, in r->pool */
    apr_size_t early_len;
    apr_time_t began_at;
    apr_time_t looked_at;      /* at httpd's scoreboard */
    apr_time_t active_at;      /* last byte either way */
    apr_time_t read_at;        /* last byte of the response */
    apr_time_t client_at;      /* the client did something, or had nothing to */

    apr_time_t until;          /* PoolMaxRequestTime, where nobody else looks
                                  after it; 0: no limit. Set by the caller */
    int max_request_s;

    int client_fd;             /* -1: has none (HTTP/2) */
    bool client_sends_no_more; /* it has half-closed */

    enum exchange_end end;
    bool has_ended;
    enum log_number number;    /* of why */
    const char *why;           /* a sentence for the log; NULL: none */
};

/* What does not change from try to try. */
void exchange_init(struct exchange *x, request_rec *r,
                   const struct place_config *place, struct child *child,
                   struct body *body, struct response *response);

/* Get ready for one try in the words of this protocol. head is borrowed. */
void exchange_prepare(struct exchange *x, const struct protocol *protocol,
                      const struct app_request *request, const char *head,
                      apr_size_t head_len);

/* What it begins with, for apppool_get() to send; *parts_r is borrowed. */
int exchange_first(struct exchange *x, const struct iovec **parts_r);

/*
 * Send head and body over the session, read the response. The session stays
 * open; how it has to be closed: exchange_session_end().
 */
enum exchange_end exchange_run(struct exchange *x,
                               const struct apppool_session *session);

/* May first wait 50 ms for the rest of a response that nobody wants. */
enum apppool_session_end exchange_session_end(struct exchange *x);

/* The client's socket, if this is its only request; -1. */
int exchange_client_fd(const request_rec *r);

#endif
