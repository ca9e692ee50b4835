/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_response.c - reads an HTTP/1 response: interim ones, header, body.
 */
#include "http.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

/* Interim responses cost nothing but time; a server does not send many. */
#define INTERIM_MAX 100

static struct http_response *http_of(struct app_response *base)
{
    return (struct http_response *)(void *)base;
}

struct app_response *http_response_open(apr_pool_t *p,
                                        const struct app_request *request,
                                        apr_size_t header_limit)
{
    struct http_response *response = apr_pcalloc(p, sizeof(*response));

    app_response_init(&response->base, p, header_limit);
    response->is_head = strcmp(request->method, "HEAD") == 0;
    response->wants_upgrade = request->wants_upgrade;
    return &response->base;
}

/* "HTTP/1.1 404 Not Found" */
static void take_status_line(struct http_response *response, char *line)
{
    struct app_response *base = &response->base;
    char *status = line + 9;

    if (strncmp(line, "HTTP/1.", 7) != 0 || !apr_isdigit(line[7]) ||
        line[8] != ' ' || !apr_isdigit(status[0]) ||
        !apr_isdigit(status[1]) || !apr_isdigit(status[2]) ||
        (status[3] != '\0' && status[3] != ' ') || status[0] == '0' ||
        !app_is_value(status)) {
        app_response_fail_text(base, FAULT_HEADER_BAD,
                               "the response begins with no status line of "
                               "HTTP/1", line);
        return;
    }
    response->is_http10 = line[7] == '0';
    base->says_status = true;
    base->status = (status[0] - '0') * 100 + (status[1] - '0') * 10 +
                   (status[2] - '0');
    base->status_line = status[3] == '\0' || status[4] == '\0' ? NULL : status;
}

/* One list element after the other; *list_r behind it. NULL: there is none. */
static const char *next_token(const char **list_r, apr_size_t *len_r)
{
    const char *token = *list_r + strspn(*list_r, " \t,");
    apr_size_t len = strcspn(token, " \t,");

    *list_r = token + len;
    *len_r = len;
    return len > 0 ? token : NULL;
}

static bool is_word(const char *token, apr_size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(token, word, len) == 0;
}

static void take_connection(struct http_response *response, const char *value)
{
    const char *list = value, *token;
    apr_size_t len;

    while ((token = next_token(&list, &len)) != NULL) {
        response->says_close |= is_word(token, len, "close");
        response->says_keep_alive |= is_word(token, len, "keep-alive");
    }
    response->connection = response->connection
                               ? apr_pstrcat(response->base.pool,
                                             response->connection, ",", value,
                                             NULL)
                               : value;
}

/* Only chunks, once: nothing else could be undone. */
static void take_transfer_encoding(struct http_response *response,
                                   const char *value)
{
    if (strcasecmp(value, "chunked") != 0 || response->is_chunked) {
        app_response_fail_text(&response->base, FAULT_HEADER_BAD,
                               "the response has a Transfer-Encoding that is "
                               "not known", value);
    }
    response->is_chunked = true;
}

static void take_header(struct http_response *response, const char *name,
                        const char *value)
{
    struct app_response *base = &response->base;

    if (strcasecmp(name, "Content-Length") == 0) {
        app_take_content_length(base, value);
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        take_transfer_encoding(response, value);
    } else if (strcasecmp(name, "Connection") == 0) {
        take_connection(response, value);
    } else if (!app_is_hop_by_hop(name) ||
               (base->status == 101 && strcasecmp(name, "Upgrade") == 0)) {
        apr_table_addn(base->headers, name, value);
    }
}

/* What Connection names belongs to this connection (RFC 9110, 7.6.1). */
static void drop_named(struct http_response *response)
{
    const char *list = response->connection, *token;
    apr_size_t len;

    while (list != NULL && (token = next_token(&list, &len)) != NULL) {
        if (response->base.status != 101) {
            apr_table_unset(response->base.headers,
                            apr_pstrmemdup(response->base.pool, token, len));
        }
    }
}

/* A server that announces a body for its 204 sends it, too. */
static bool has_body_anyway(const struct http_response *response)
{
    return response->base.status == 204 &&
           (response->is_chunked || response->base.content_length > 0);
}

/* RFC 9112, 6.3. */
static void choose_frame(struct http_response *response)
{
    struct app_response *base = &response->base;

    if (response->is_head || base->status == 204 || base->status == 304) {
        frame_init(&response->body, FRAME_LENGTH, 0);
    } else if (response->is_chunked) {
        frame_init(&response->body, FRAME_CHUNKED, 0);
    } else if (base->content_length >= 0) {
        frame_init(&response->body, FRAME_LENGTH, base->content_length);
    } else {
        frame_init(&response->body, FRAME_EOF, 0);
    }
    base->is_measured = response->body.kind == FRAME_LENGTH;
    base->can_keep = response->body.kind != FRAME_EOF &&
                     !response->says_close && !has_body_anyway(response) &&
                     (!response->is_http10 || response->says_keep_alive);
}

/* What two parsers could read differently is refused (RFC 9112, 6.1). */
static bool is_ambiguous(struct http_response *response)
{
    if (response->is_chunked &&
        (response->base.content_length >= 0 || response->is_http10)) {
        app_response_fail(&response->base, FAULT_HEADER_BAD,
                          response->is_http10
                              ? "the response is HTTP/1.0 and has a "
                                "Transfer-Encoding"
                              : "the response has a Transfer-Encoding and a "
                                "Content-Length");
    }
    return response->base.error != NULL;
}

static void finish_header(struct http_response *response)
{
    struct app_response *base = &response->base;

    if (is_ambiguous(response)) {
        return;
    }
    drop_named(response);
    choose_frame(response);
    base->header_done = true;
    base->has_ended = frame_has_ended(&response->body);
}

static void switch_protocols(struct http_response *response)
{
    struct app_response *base = &response->base;

    if (!response->wants_upgrade) {
        app_response_fail(base, FAULT_HEADER_BAD,
                          "the response is 101 to a request that asked for no "
                          "other protocol");
        return;
    }
    base->is_upgraded = base->header_done = true;
}

/* 103 goes on, 100 and whatever else is for us stays here. */
static void finish_interim(struct http_response *response,
                           struct app_piece *piece)
{
    struct app_response *base = &response->base;

    if (++response->n_interim > INTERIM_MAX) {
        app_response_fail(base, FAULT_HEADER_BAD,
                          "more than 100 interim responses");
    } else if (base->status == 103) {
        drop_named(response);
        base->interim = (struct app_interim){.status = base->status,
                                             .headers = base->headers};
        piece->kind = PIECE_INTERIM;
    }
    base->headers = apr_table_make(base->pool, 16);
    base->content_length = -1;
    base->status_line = NULL;
    response->is_chunked = false;
    response->says_close = response->says_keep_alive = false;
    response->connection = NULL;
    header_block_reset(&response->head);
}

static void parse_header(struct http_response *response,
                         struct app_piece *piece)
{
    struct app_response *base = &response->base;
    char *line = header_block_line(&response->head);

    take_status_line(response, line ? line : response->head.bytes);
    while (base->error == NULL &&
           (line = header_block_line(&response->head)) != NULL) {
        char *value = header_block_split(&response->head, base, line);

        if (value != NULL) {
            take_header(response, line, value);
        }
    }
    if (base->error != NULL) {
        return;
    }
    if (base->status == 101) {
        switch_protocols(response);
    } else if (base->status < 200) {
        finish_interim(response, piece);
    } else {
        finish_header(response);
    }
}

static size_t feed_body(struct http_response *response, const char *data,
                        size_t len, struct app_piece *piece)
{
    struct app_response *base = &response->base;
    size_t used = frame_feed(&response->body, data, len, &piece->data,
                             &piece->len);

    if (piece->len > 0) {
        piece->kind = PIECE_BODY;
    }
    if (frame_is_bad(&response->body)) {
        app_response_fail(base, FAULT_BODY_BAD,
                          "the response's body has a broken chunk");
        return 0;
    }
    base->has_ended = frame_has_ended(&response->body);
    return used;
}

size_t http_response_feed(struct app_response *base, const char *data,
                          size_t len, struct app_piece *piece_r)
{
    struct http_response *response = http_of(base);
    size_t used;

    *piece_r = (struct app_piece){.kind = PIECE_NONE};
    if (base->error != NULL || base->has_ended || base->is_upgraded) {
        return 0;
    }
    if (base->header_done) {
        return feed_body(response, data, len, piece_r);
    }
    used = header_block_feed(&response->head, base, data, len);
    if (response->head.is_complete && base->error == NULL) {
        parse_header(response, piece_r);
    }
    return used;
}

void http_response_eof(struct app_response *base)
{
    struct http_response *response = http_of(base);

    if (!base->header_done) {
        app_response_fail(base, response->head.len == 0 ? FAULT_NOTHING
                                                        : FAULT_HEADER_CUT,
                          response->head.len == 0
                              ? "it ended without a response"
                              : "it ended within the response's header");
    } else if (!frame_may_end(&response->body)) {
        app_response_fail(base, FAULT_BODY_CUT,
                          "it ended within the response's body");
    } else if (base->error == NULL) {
        base->has_ended = true;
    }
}
