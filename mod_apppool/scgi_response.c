/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scgi_response.c - reads a CGI-style response: header, then framed body.
 */
#include "scgi.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define FRAME_HEADER "X-Apppool-Frame"

struct app_response *scgi_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit)
{
    struct scgi_response *response = apr_pcalloc(p, sizeof(*response));

    (void)request;
    scgi_response_init(response, p, header_limit);
    return &response->base;
}

void scgi_response_init(struct scgi_response *response, apr_pool_t *p,
                        apr_size_t header_limit)
{
    *response = (struct scgi_response){.has_inner = false};
    app_response_init(&response->base, p, header_limit);
}

static void take_status(struct app_response *base, const char *value)
{
    if (!apr_isdigit(value[0]) || !apr_isdigit(value[1]) ||
        !apr_isdigit(value[2]) || (value[3] != '\0' && value[3] != ' ') ||
        value[0] < '2') {
        app_response_fail_text(base, FAULT_HEADER_BAD,
                               "the response's status is none", value);
        return;
    }
    base->says_status = true;
    base->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 +
                   (value[2] - '0');
    base->status_line = value[3] == '\0' || value[4] == '\0' ? NULL : value;
}

static void take_frame(struct scgi_response *response, const char *value)
{
    apr_off_t length;

    if (response->has_no_frame) {
        return; /* only our loaders know where their body ends */
    }
    if (strcmp(value, "chunked") == 0) {
        frame_init(&response->outer, FRAME_CHUNKED, 0);
    } else if (app_parse_length(value, &length)) {
        frame_init(&response->outer, FRAME_LENGTH, length);
    } else {
        app_response_fail(&response->base, FAULT_HEADER_BAD,
                          "the loader's " FRAME_HEADER " makes no sense");
    }
    response->base.can_keep = true;
}

/* An application that encodes the body itself: undone, httpd does it again. */
static void take_transfer_encoding(struct scgi_response *response,
                                   const char *value)
{
    if (strcasecmp(value, "chunked") == 0) {
        frame_init(&response->inner, FRAME_CHUNKED, 0);
        response->has_inner = true;
    } else if (strcasecmp(value, "identity") != 0) {
        app_response_fail_text(&response->base, FAULT_HEADER_BAD,
                               "the response has a Transfer-Encoding that is "
                               "not known", value);
    }
}

static void take_header(struct scgi_response *response, const char *name,
                        const char *value)
{
    if (strcasecmp(name, "Status") == 0) {
        take_status(&response->base, value);
    } else if (strcasecmp(name, FRAME_HEADER) == 0) {
        take_frame(response, value);
    } else if (strcasecmp(name, "Content-Length") == 0) {
        app_take_content_length(&response->base, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        take_transfer_encoding(response, value);
    } else if (!app_is_hop_by_hop(name)) {
        apr_table_addn(response->base.headers, name, value);
    }
}

static void finish_header(struct scgi_response *response)
{
    struct app_response *base = &response->base;

    if (response->head.len <= 2) {
        app_response_fail(base, FAULT_HEADER_BAD,
                          "the response's header is empty");
        return;
    }
    if (!base->can_keep) {
        frame_init(&response->outer, FRAME_EOF, 0);
    }
    if (response->has_inner) {
        base->content_length = -1;
    }
    base->is_measured = response->outer.kind == FRAME_LENGTH;
    base->header_done = true;
    base->has_ended = frame_has_ended(&response->outer);
}

static void parse_header(struct scgi_response *response)
{
    struct app_response *base = &response->base;
    char *line;

    while (base->error == NULL &&
           (line = header_block_line(&response->head)) != NULL) {
        char *value = header_block_split(&response->head, base, line);

        if (value != NULL) {
            take_header(response, line, value);
        }
    }
    if (base->error == NULL) {
        finish_header(response);
    }
}

static size_t feed_header(struct scgi_response *response, const char *data,
                          size_t len)
{
    size_t used = header_block_feed(&response->head, &response->base, data,
                                    len);

    if (response->head.is_complete && response->base.error == NULL) {
        parse_header(response);
    }
    return used;
}

/* The slice of body that the outer frame gave goes through the inner one. */
static size_t feed_inner(struct scgi_response *response, const char *data,
                         size_t len, const char **body_r, size_t *body_len_r)
{
    size_t used;

    if (!response->has_inner) {
        *body_r = data;
        *body_len_r = len;
        return len;
    }
    used = frame_feed(&response->inner, data, len, body_r, body_len_r);
    return frame_has_ended(&response->inner) ? len : used;
}

static void check_frames(struct scgi_response *response)
{
    struct app_response *base = &response->base;

    if (frame_is_bad(&response->outer) ||
        (response->has_inner && frame_is_bad(&response->inner))) {
        app_response_fail(base, FAULT_BODY_BAD,
                          "the response's body has a broken chunk");
    } else if (frame_has_ended(&response->outer) && response->has_inner &&
               !frame_has_ended(&response->inner)) {
        app_response_fail(base, FAULT_BODY_CUT,
                          "it ended within the response's body");
    } else {
        base->has_ended = frame_has_ended(&response->outer);
    }
}

static size_t feed_body(struct scgi_response *response, const char *data,
                        size_t len, const char **body_r, size_t *body_len_r)
{
    struct frame before = response->outer;
    const char *slice;
    size_t slice_len, taken;
    size_t used = frame_feed(&response->outer, data, len, &slice, &slice_len);

    if (slice_len > 0) {
        taken = feed_inner(response, slice, slice_len, body_r, body_len_r);
        if (taken < slice_len && taken > 0) {
            response->outer = before;
            used = frame_feed(&response->outer, data,
                              (size_t)(slice - data) + taken, &slice,
                              &slice_len);
        }
    }
    check_frames(response);
    return response->base.error ? 0 : used;
}

size_t scgi_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r)
{
    struct scgi_response *response = (struct scgi_response *)(void *)base;
    size_t used;

    *piece_r = (struct app_piece){.kind = PIECE_NONE};
    if (base->error != NULL || base->has_ended) {
        return 0;
    }
    if (!base->header_done) {
        return feed_header(response, data, len);
    }
    used = feed_body(response, data, len, &piece_r->data, &piece_r->len);
    if (piece_r->len > 0) {
        piece_r->kind = PIECE_BODY;
    }
    return used;
}

void scgi_response_eof(struct app_response *base)
{
    struct scgi_response *response = (struct scgi_response *)(void *)base;

    if (!base->header_done) {
        app_response_fail(base, response->head.len == 0 ? FAULT_NOTHING
                                                        : FAULT_HEADER_CUT,
                          response->head.len == 0
                              ? "it ended without a response"
                              : "it ended within the response's header");
    } else if (!frame_may_end(&response->outer) ||
               (response->has_inner && !frame_has_ended(&response->inner))) {
        app_response_fail(base, FAULT_BODY_CUT,
                          "it ended within the response's body");
    } else if (base->error == NULL) {
        base->has_ended = true;
    }
}
