/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response.h - an application's response on its way to the client.
 *
 * What comes is spooled, and passed down when exchange.c says so or at the end.
 * Nothing reaches httpd's filters before the first pass: until then the request
 * can still be answered with an error.
 */
#ifndef MOD_APPPOOL_RESPONSE_H
#define MOD_APPPOOL_RESPONSE_H

#include <httpd.h>
#include <stdbool.h>

#include "config.h"
#include "protocol.h"
#include "spool.h"
#include "timing.h"

struct response {
    request_rec *r;
    struct spool spool;
    apr_bucket_brigade *brigade;
    apr_off_t passed;     /* bytes of the spool */
    apr_off_t file_max;   /* PoolBufferMaxFile, bytes; 0: no limit */
    apr_off_t left;       /* of the Content-Length; -1: none */
    apr_off_t dropped;    /* body of a response that has none */
    bool drops_body;      /* HEAD, 204, 304 */
    bool is_stream;       /* said so: no buffering */
    bool unmeasured;      /* neither application nor loader knew its length */
    bool started;         /* status and header are in r */
    bool passed_any;      /* the client may have seen some of it */
    int override;         /* PoolErrorOverride: the status that httpd answers
                             with instead; 0: the application's own response */
    const struct timing *timing; /* NULL: not to be told */
    bool is_early;        /* the client still sends its request */
    bool may_flow;        /* the client's connection is its own (HTTP/1), and no
                             filter may wait on purpose (mod_ratelimit) */
    bool is_plain;        /* may_flow, no filter keeps anything until a FLUSH
                             (mod_ssl, mod_deflate do) */
    bool needs_flush;     /* filters may hold back what was passed */
    apr_table_t *former_headers; /* r's before it started */
    int former_status;
    apr_status_t broken;  /* passing down failed: the client has gone */
};

void response_init(struct response *response, request_rec *r,
                   const struct place_config *place,
                   const struct pool_settings *once);

/* Pass on an interim response (103), unless the final one is on its way. */
void response_interim(struct response *response,
                      const struct app_interim *interim);

/* The header is complete: put it into r. Not yet visible to the client. */
void response_start(struct response *response, struct app_response *from,
                    const struct place_config *place);

/* Take it out again: another answer takes its place. */
void response_undo(struct response *response);

/*
 * Take a piece of body. What is over the Content-Length is cut off.
 * APR_SUCCESS, or why it cannot be kept (APR_ENOSPC ...).
 */
apr_status_t response_add(struct response *response, const char *data,
                          apr_size_t len);

/* More of a body that nobody gets than is worth reading. */
bool response_drops_too_much(const struct response *response);

/* Bytes (or the header, or a FLUSH) that could be passed down. */
bool response_has_more(const struct response *response);

/*
 * At most `most` bytes of them (0: all), so that they reach the client now.
 * Where filters need a FLUSH for that, it blocks as the client makes it.
 */
void response_flush(struct response *response, apr_off_t most);

/*
 * Hand on what has come, without a FLUSH and without waiting for the client:
 * only where it has taken all before, and never so much that httpd's filters
 * would block. Small pieces stay: they may be the whole response.
 */
bool response_can_flow(const struct response *response);
void response_flow(struct response *response);

/* Does httpd hold bytes that the client's socket has not taken? */
bool response_is_held(const struct response *response);

/* Its socket is writable: httpd sends what it holds. Does not block. */
void response_push(struct response *response);

/* The spool is as large as it may become. */
bool response_is_full(const struct response *response);

/*
 * The end. truncated: the client has to see that it is cut short. Returns what
 * the handler returns.
 */
int response_finish(struct response *response, bool truncated);

#endif
