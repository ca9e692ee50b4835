/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi_response.c - takes a CGI-style response and log text out of records.
 */
#include "fcgi.h"

#include <apr_strings.h>
#include <string.h>

#define OVERLOADED 2 /* the protocol status that will pass (5.5) */

struct app_response *fcgi_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit)
{
    struct fcgi_response *response = apr_pcalloc(p, sizeof(*response));

    scgi_response_init(&response->cgi, p, header_limit);
    response->leaves_body = request->body_len != 0 && !request->drains_body;
    response->cgi.has_no_frame = true;
    return &response->cgi.base;
}

/* Records that make no sense: no response at all, or a spoilt one. */
static void fail(struct fcgi_response *response, const char *error)
{
    struct app_response *base = &response->cgi.base;

    app_response_fail(base, base->header_done ? FAULT_BODY_BAD
                                              : FAULT_HEADER_BAD, error);
}

/* Bytes of END_REQUEST that say how it went (5.5). */
static void on_end_request(struct fcgi_response *response)
{
    static const char *const refusals[] = {
        [1] = "it refuses the request (FastCGI: it cannot multiplex)",
        [OVERLOADED] = "it refuses the request (FastCGI: it is overloaded)",
        [3] = "it refuses the request (FastCGI: it is no responder)"};
    struct app_response *base = &response->cgi.base;
    const unsigned char *b = response->bytes;
    unsigned status = (unsigned)b[0] << 24 | (unsigned)b[1] << 16 |
                      (unsigned)b[2] << 8 | b[3];

    response->is_over = true;
    if (b[4] != 0) {
        app_response_fail(base, b[4] == OVERLOADED ? FAULT_REFUSED
                                                   : FAULT_HEADER_BAD,
                          b[4] < sizeof(refusals) / sizeof(refusals[0])
                              ? refusals[b[4]]
                              : "it refuses the request (FastCGI: an unknown "
                                "protocol status)");
    } else if (!base->header_done) {
        app_response_fail(
            base, FAULT_NOTHING,
            apr_psprintf(base->pool, "it ended the request without a %s "
                         "(FastCGI application status %u)",
                         response->has_output ? "whole header" : "response",
                         status));
    }
}

static void end_response(struct fcgi_response *response)
{
    struct app_response *base = &response->cgi.base;

    scgi_response_eof(base); /* an encoding of its own may be cut off */
    base->can_keep = base->has_ended && !response->leaves_body;
}

static void end_record(struct fcgi_response *response)
{
    response->state = FCGI_IN_HEADER;
    response->have = 0;
    if (response->is_over) {
        end_response(response);
    }
}

static void end_content(struct fcgi_response *response)
{
    if (response->type == FCGI_END_REQUEST) {
        on_end_request(response);
    }
    response->state = FCGI_IN_PADDING;
    if (response->padding_left == 0 && response->cgi.base.error == NULL) {
        end_record(response);
    }
}

/* Is it a record that a responder may send? */
static void check_header(struct fcgi_response *response)
{
    const unsigned char *b = response->bytes;
    unsigned id = (unsigned)b[2] << 8 | b[3];
    apr_pool_t *p = response->cgi.base.pool;

    if (b[0] != FCGI_VERSION) {
        fail(response, apr_psprintf(p, "it does not speak FastCGI: a record "
                                    "begins with 0x%02x%02x%02x%02x", b[0],
                                    b[1], b[2], b[3]));
    } else if (id == 0) {
        return; /* about the connection, not about a request */
    } else if (id != FCGI_REQUEST_ID) {
        fail(response, apr_psprintf(p, "a FastCGI record is about request %u, "
                                    "which was never made", id));
    } else if (b[1] != FCGI_STDOUT && b[1] != FCGI_STDERR &&
               b[1] != FCGI_END_REQUEST) {
        fail(response, apr_psprintf(p, "a FastCGI record has type %u, which "
                                    "no application may send", b[1]));
    } else if (b[1] == FCGI_END_REQUEST && response->content_left < 8) {
        fail(response, "a FastCGI record END_REQUEST is too short");
    }
}

static void take_header(struct fcgi_response *response)
{
    const unsigned char *b = response->bytes;
    bool is_management = b[2] == 0 && b[3] == 0;

    response->type = is_management ? 0 : b[1];
    response->content_left = (size_t)b[4] << 8 | b[5];
    response->padding_left = b[6];
    check_header(response);
    response->state = FCGI_IN_CONTENT;
    response->have = 0;
    if (response->content_left == 0 && response->cgi.base.error == NULL) {
        end_content(response);
    }
}

/* Bytes that are looked at together; what is beyond them is skipped. */
static size_t collect(struct fcgi_response *response, const char *data,
                      size_t len)
{
    size_t room = sizeof(response->bytes) - response->have;
    size_t part = len < room ? len : room;

    memcpy(response->bytes + response->have, data, part);
    response->have += part;
    return part;
}

static size_t feed_content(struct fcgi_response *response, const char *data,
                           size_t len, struct app_piece *piece_r)
{
    size_t used = len < response->content_left ? len : response->content_left;

    if (response->type == FCGI_STDOUT) {
        response->has_output = true;
        used = scgi_response_feed(&response->cgi.base, data, used, piece_r);
    } else if (response->type == FCGI_STDERR) {
        *piece_r = (struct app_piece){PIECE_LOG, data, used};
    } else if (response->type == FCGI_END_REQUEST) {
        collect(response, data, used);
    }
    response->content_left -= used;
    if (response->content_left == 0 && response->cgi.base.error == NULL) {
        end_content(response);
    }
    return used;
}

static size_t feed_padding(struct fcgi_response *response, size_t len)
{
    size_t used = len < response->padding_left ? len : response->padding_left;

    response->padding_left -= used;
    if (response->padding_left == 0) {
        end_record(response);
    }
    return used;
}

static size_t feed_header(struct fcgi_response *response, const char *data,
                          size_t len)
{
    size_t used = collect(response, data, len);

    if (response->have == FCGI_HEADER_LEN) {
        take_header(response);
    }
    return used;
}

size_t fcgi_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r)
{
    struct fcgi_response *response = (struct fcgi_response *)(void *)base;

    *piece_r = (struct app_piece){.kind = PIECE_NONE};
    if (base->error != NULL || base->has_ended) {
        return 0;
    }
    switch (response->state) {
    case FCGI_IN_HEADER:
        return feed_header(response, data, len);
    case FCGI_IN_CONTENT:
        return feed_content(response, data, len, piece_r);
    default:
        return feed_padding(response, len);
    }
}

void fcgi_response_eof(struct app_response *base)
{
    struct fcgi_response *response = (struct fcgi_response *)(void *)base;

    if (base->error != NULL) {
        return;
    }
    if (response->is_over) { /* only its padding is missing */
        end_response(response);
        base->can_keep = false;
    } else if (base->header_done) {
        app_response_fail(base, FAULT_BODY_CUT,
                          "it ended within the response's body");
    } else {
        app_response_fail(base, response->has_output ? FAULT_HEADER_CUT
                                                     : FAULT_NOTHING,
                          response->has_output
                              ? "it ended within the response's header"
                              : "it ended without a response");
    }
}
