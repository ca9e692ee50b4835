/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_block.c - from bytes to the lines of a header.
 */
#include "header_block.h"

#include <apr_strings.h>
#include <string.h>

#define FIRST_SIZE 2048
/* More names than any application sends; each costs more than its bytes. */
#define HEADERS_MAX 1000

static void keep(struct header_block *block, apr_pool_t *p, const char *data,
                 size_t len)
{
    if (block->len + len > block->size) {
        size_t size = block->size ? block->size * 2 : FIRST_SIZE;
        char *grown;

        while (size < block->len + len) {
            size *= 2;
        }
        grown = apr_palloc(p, size);
        if (block->len > 0) {
            memcpy(grown, block->bytes, block->len);
        }
        block->bytes = grown;
        block->size = size;
    }
    memcpy(block->bytes + block->len, data, len);
    block->len += len;
}

/* Does the block end with this LF: is the line before it empty? */
static bool is_last_line(const struct header_block *block, const char *data,
                         size_t line_len)
{
    size_t i, len = block->len + line_len;

    for (i = 0; i < 3 && i < len; i++) {
        size_t at = len - 1 - i;
        char c = at >= block->len ? data[at - block->len] : block->bytes[at];

        if (i > 0 && c == '\n') {
            return true;
        }
        if (i > 0 && c != '\r') {
            return false;
        }
    }
    return i == len;
}

static void complete(struct header_block *block,
                     struct app_response *response)
{
    block->is_complete = true;
    block->next = block->bytes;
    if (memchr(block->bytes, '\0', block->len) != NULL) {
        app_response_fail(response, FAULT_HEADER_BAD,
                          "the response's header has a NUL in it");
    }
}

size_t header_block_feed(struct header_block *block,
                         struct app_response *response, const char *data,
                         size_t len)
{
    size_t used = 0;

    while (used < len && !block->is_complete) {
        const char *lf = memchr(data + used, '\n', len - used);
        size_t piece = lf ? (size_t)(lf - data) + 1 - used : len - used;
        bool last = lf && is_last_line(block, data + used, piece);

        if (block->len + piece > response->header_limit) {
            app_response_fail(
                response, FAULT_HEADER_LARGE,
                apr_psprintf(response->pool, "the response's header is larger "
                             "than PoolResponseHeaderLimit (%" APR_SIZE_T_FMT
                             " KiB)", response->header_limit / 1024));
            return 0;
        }
        keep(block, response->pool, data + used, piece);
        used += piece;
        if (last) {
            complete(block, response);
        }
    }
    return used;
}

/* The bytes are the response's from now on: headers point into them. */
void header_block_reset(struct header_block *block)
{
    *block = (struct header_block){.len = 0};
}

char *header_block_line(struct header_block *block)
{
    char *line = block->next;
    char *end = block->bytes + block->len;
    char *lf;

    if (line == end) {
        return NULL;
    }
    lf = memchr(line, '\n', (size_t)(end - line));
    block->next = lf + 1;
    if (lf > line && lf[-1] == '\r') {
        lf--;
    }
    *lf = '\0';
    return *line != '\0' ? line : header_block_line(block);
}

char *header_block_split(struct header_block *block,
                         struct app_response *response, char *line)
{
    char *colon = strchr(line, ':');
    char *value, *end;

    if (++block->n_headers > HEADERS_MAX) {
        app_response_fail(response, FAULT_HEADER_LARGE,
                          "the response has more than 1000 headers");
        return NULL;
    }
    if (colon == NULL || !app_is_token(line, (size_t)(colon - line))) {
        app_response_fail_text(response, FAULT_HEADER_BAD,
                               colon ? "a header of the response has no "
                                       "proper name"
                                     : "a header of the response has no colon",
                               line);
        return NULL;
    }
    *colon = '\0';
    value = colon + 1 + strspn(colon + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        *--end = '\0';
    }
    if (!app_is_value(value)) {
        app_response_fail_text(response, FAULT_HEADER_BAD,
                               "a header of the response has a control "
                               "character in its value", line);
        return NULL;
    }
    return value;
}
