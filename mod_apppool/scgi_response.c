/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scgi_response.c - reads a CGI-style response: header, then framed body.
 */
#include "scgi.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#define HEAD_FIRST_SIZE 2048
#define FRAME_HEADER "X-Apppool-Frame"

void scgi_response_init(struct scgi_response *response, apr_pool_t *p,
                        size_t header_limit)
{
    *response = (struct scgi_response){.pool = p,
                                       .header_limit = header_limit,
                                       .content_length = -1,
                                       .status = 200};
    response->headers = apr_table_make(p, 16);
}

/* What a header's value is, shortened and made printable for a log line. */
static const char *shown(struct scgi_response *response, const char *text)
{
    char *copy = apr_pstrmemdup(response->pool, text,
                                strnlen(text, 60));
    char *c;

    for (c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return copy;
}

static bool is_token(const char *name, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c >= 0x80 || (!apr_isalnum(c) && strchr(others, c) == NULL) ||
            c == '\0') {
            return false;
        }
    }
    return len > 0;
}

/* Bytes over 0x7F pass; control characters other than a tab do not. */
static bool is_value(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool parse_length(const char *text, apr_off_t *length_r)
{
    apr_off_t length = 0;
    size_t digits = 0;

    for (; apr_isdigit(text[digits]) && digits < 18; digits++) {
        length = length * 10 + (text[digits] - '0');
    }
    *length_r = length;
    return digits > 0 && text[digits] == '\0';
}

static void take_status(struct scgi_response *response, const char *value)
{
    if (!apr_isdigit(value[0]) || !apr_isdigit(value[1]) ||
        !apr_isdigit(value[2]) || (value[3] != '\0' && value[3] != ' ') ||
        value[0] < '2') {
        response->error = apr_pstrcat(response->pool,
                                      "the response's status is none: '",
                                      shown(response, value), "'", NULL);
        return;
    }
    response->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 +
                       (value[2] - '0');
    response->status_line = value[3] == '\0' || value[4] == '\0' ? NULL : value;
}

static void take_content_length(struct scgi_response *response,
                                const char *value)
{
    apr_off_t length;

    if (!parse_length(value, &length) ||
        (response->content_length >= 0 && response->content_length != length)) {
        response->error = apr_pstrcat(
            response->pool, "the response's Content-Length makes no sense: '",
            shown(response, value), "'", NULL);
        return;
    }
    response->content_length = length;
}

static void take_frame(struct scgi_response *response, const char *value)
{
    apr_off_t length;

    if (strcmp(value, "chunked") == 0) {
        frame_init(&response->outer, FRAME_CHUNKED, 0);
    } else if (parse_length(value, &length)) {
        frame_init(&response->outer, FRAME_LENGTH, length);
    } else {
        response->error = "the loader's " FRAME_HEADER " makes no sense";
    }
    response->kept = true;
}

/* An application that encodes the body itself: undone, httpd does it again. */
static void take_transfer_encoding(struct scgi_response *response,
                                   const char *value)
{
    if (strcasecmp(value, "chunked") == 0) {
        frame_init(&response->inner, FRAME_CHUNKED, 0);
        response->has_inner = true;
    } else if (strcasecmp(value, "identity") != 0) {
        response->error = apr_pstrcat(
            response->pool, "the response has a Transfer-Encoding that is not "
            "known: '", shown(response, value), "'", NULL);
    }
}

static bool is_hop_by_hop(const char *name)
{
    static const char *const names[] = {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
        "Upgrade"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void take_header(struct scgi_response *response, const char *name,
                        const char *value)
{
    if (strcasecmp(name, "Status") == 0) {
        take_status(response, value);
    } else if (strcasecmp(name, FRAME_HEADER) == 0) {
        take_frame(response, value);
    } else if (strcasecmp(name, "Content-Length") == 0) {
        take_content_length(response, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        take_transfer_encoding(response, value);
    } else if (!is_hop_by_hop(name)) {
        apr_table_addn(response->headers, name, value);
    }
}

/* line ends in NUL in place of its line end. */
static void take_line(struct scgi_response *response, char *line)
{
    char *colon = strchr(line, ':');
    char *value, *end;

    if (colon == NULL || !is_token(line, (size_t)(colon - line))) {
        response->error = apr_pstrcat(
            response->pool, colon ? "a header of the response has no proper "
                                    "name: '"
                                  : "a header of the response has no colon: '",
            shown(response, line), "'", NULL);
        return;
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = '\0';
    }
    if (!is_value(value)) {
        response->error = apr_pstrcat(
            response->pool, "the response's header '", shown(response, line),
            "' has a control character in its value", NULL);
        return;
    }
    take_header(response, line, value);
}

static void finish_header(struct scgi_response *response)
{
    if (response->head_len <= 2) {
        response->error = "the response's header is empty";
        return;
    }
    if (!response->kept) {
        frame_init(&response->outer, FRAME_EOF, 0);
    }
    if (response->has_inner) {
        response->content_length = -1;
    }
    response->header_done = true;
}

static void parse_header(struct scgi_response *response)
{
    char *line = response->head;
    char *end = response->head + response->head_len;

    if (memchr(line, '\0', response->head_len) != NULL) {
        response->error = "the response's header has a NUL in it";
    }
    while (response->error == NULL && line < end) {
        char *lf = memchr(line, '\n', (size_t)(end - line));
        char *next = lf + 1;

        if (lf > line && lf[-1] == '\r') {
            lf--;
        }
        *lf = '\0';
        if (lf > line) {
            take_line(response, line);
        }
        line = next;
    }
    if (response->error == NULL) {
        finish_header(response);
    }
}

static void keep_head(struct scgi_response *response, const char *data,
                      size_t len)
{
    if (response->head_len + len > response->head_size) {
        size_t size = response->head_size ? response->head_size * 2
                                          : HEAD_FIRST_SIZE;
        char *grown;

        while (size < response->head_len + len) {
            size *= 2;
        }
        grown = apr_palloc(response->pool, size);
        if (response->head_len > 0) {
            memcpy(grown, response->head, response->head_len);
        }
        response->head = grown;
        response->head_size = size;
    }
    memcpy(response->head + response->head_len, data, len);
    response->head_len += len;
}

/* Does the header end with this LF: is the line before it empty? */
static bool is_last_line(const struct scgi_response *response,
                         const char *data, size_t line_len)
{
    size_t i, len = response->head_len + line_len;

    for (i = 0; i < 3 && i < len; i++) {
        size_t at = len - 1 - i;
        char c = at >= response->head_len ? data[at - response->head_len]
                                          : response->head[at];

        if (i > 0 && c == '\n') {
            return true;
        }
        if (i > 0 && c != '\r') {
            return false;
        }
    }
    return i == len;
}

static size_t feed_header(struct scgi_response *response, const char *data,
                          size_t len)
{
    size_t used = 0;

    while (used < len && response->error == NULL && !response->header_done) {
        const char *lf = memchr(data + used, '\n', len - used);
        size_t piece = lf ? (size_t)(lf - data) + 1 - used : len - used;
        bool last = lf && is_last_line(response, data + used, piece);

        if (response->head_len + piece > response->header_limit) {
            response->error = apr_psprintf(
                response->pool, "the response's header is larger than "
                "PoolResponseHeaderLimit (%" APR_SIZE_T_FMT " KiB)",
                response->header_limit / 1024);
            return 0;
        }
        keep_head(response, data + used, piece);
        used += piece;
        if (last) {
            parse_header(response);
        }
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
    if (frame_is_bad(&response->outer) ||
        (response->has_inner && frame_is_bad(&response->inner))) {
        response->error = "the response's body has a broken chunk";
        return 0;
    }
    if (frame_has_ended(&response->outer) && response->has_inner &&
        !frame_has_ended(&response->inner)) {
        response->error = "it ended within the response's body";
    }
    return used;
}

size_t scgi_response_feed(struct scgi_response *response, const char *data,
                          size_t len, const char **body_r, size_t *body_len_r)
{
    *body_r = data;
    *body_len_r = 0;
    if (response->error != NULL || scgi_response_has_ended(response)) {
        return 0;
    }
    if (!response->header_done) {
        return feed_header(response, data, len);
    }
    return feed_body(response, data, len, body_r, body_len_r);
}

void scgi_response_eof(struct scgi_response *response)
{
    if (response->error != NULL) {
        return;
    }
    if (!response->header_done) {
        response->error = response->head_len == 0
                              ? "it ended without a response"
                              : "it ended within the response's header";
    } else if (!frame_may_end(&response->outer) ||
               (response->has_inner && !frame_has_ended(&response->inner))) {
        response->error = "it ended within the response's body";
    } else if (response->outer.kind == FRAME_EOF) {
        response->outer.state = FRAME_ENDED;
    }
}

bool scgi_response_has_ended(const struct scgi_response *response)
{
    return response->header_done && frame_has_ended(&response->outer);
}
