/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - length, chunked and until-the-end decoding, without copying.
 */
#include "frame.h"

#include <assert.h>

/* 15 hexadecimal digits always fit apr_off_t. */
#define CHUNK_DIGITS_MAX 15
/* Extensions and trailers are dropped; more than this is no response. */
#define CHUNK_OVERHEAD_MAX 65536
/* line_len within FRAME_CHUNK_EXT. */
enum { EXT_NONE, EXT_BEGUN, EXT_CR };

void frame_init(struct frame *frame, enum frame_kind kind, apr_off_t length)
{
    assert(sizeof(apr_off_t) == 8 && length >= 0);
    *frame = (struct frame){.kind = kind, .state = FRAME_DATA};
    if (kind == FRAME_LENGTH) {
        frame->left = length;
        frame->state = length > 0 ? FRAME_DATA : FRAME_ENDED;
    } else if (kind == FRAME_CHUNKED) {
        frame->state = FRAME_CHUNK_SIZE;
    }
}

static void count_overhead(struct frame *frame)
{
    if (++frame->overhead > CHUNK_OVERHEAD_MAX) {
        frame->state = FRAME_BAD;
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void chunk_size_ended(struct frame *frame)
{
    frame->line_len = 0;
    frame->state = frame->left > 0 ? FRAME_DATA : FRAME_TRAILER;
}

/* Behind the digits: blanks, then an extension or the line's end. */
static void on_ext(struct frame *frame, char c)
{
    if (c == '\n') {
        chunk_size_ended(frame);
        return;
    }
    if (c != '\r') {
        count_overhead(frame); /* the line ends of a long stream are none */
    }
    if (frame->line_len == EXT_CR) {
        frame->state = FRAME_BAD;
    } else if (c == '\r') {
        frame->line_len = EXT_CR;
    } else if (c == ';') {
        frame->line_len = EXT_BEGUN;
    } else if (frame->line_len == EXT_NONE && c != ' ' && c != '\t') {
        frame->state = FRAME_BAD;
    }
}

static void on_size(struct frame *frame, char c)
{
    int value = hex_value(c);

    if (value >= 0 && frame->digits < CHUNK_DIGITS_MAX) {
        frame->left = frame->left * 16 + value;
        frame->digits++;
    } else if (value >= 0 || frame->digits == 0) {
        frame->state = FRAME_BAD;
    } else if (c == '\n') {
        chunk_size_ended(frame);
    } else {
        frame->line_len = EXT_NONE;
        frame->state = FRAME_CHUNK_EXT;
        on_ext(frame, c);
    }
}

static void on_chunk_end(struct frame *frame, char c)
{
    if (c == '\r' && frame->line_len == 0) {
        frame->line_len = 1;
    } else if (c == '\n') {
        frame->left = 0;
        frame->digits = 0;
        frame->state = FRAME_CHUNK_SIZE;
    } else {
        frame->state = FRAME_BAD;
    }
}

static void on_trailer(struct frame *frame, char c)
{
    count_overhead(frame);
    if (c == '\n') {
        if (frame->line_len == 0) {
            frame->state = FRAME_ENDED;
        }
        frame->line_len = 0;
    } else if (c != '\r') {
        frame->line_len++;
    }
}

static void on_byte(struct frame *frame, char c)
{
    switch (frame->state) {
    case FRAME_CHUNK_SIZE:
        on_size(frame, c);
        break;
    case FRAME_CHUNK_EXT:
        on_ext(frame, c);
        break;
    case FRAME_CHUNK_END:
        on_chunk_end(frame, c);
        break;
    default:
        on_trailer(frame, c);
        break;
    }
}

static size_t feed_data(struct frame *frame, size_t len)
{
    if (frame->kind == FRAME_EOF) {
        return len;
    }
    if ((apr_uint64_t)len > (apr_uint64_t)frame->left) {
        len = (size_t)frame->left;
    }
    frame->left -= (apr_off_t)len;
    if (frame->left == 0) {
        frame->line_len = 0;
        frame->state = frame->kind == FRAME_LENGTH ? FRAME_ENDED
                                                   : FRAME_CHUNK_END;
    }
    return len;
}

size_t frame_feed(struct frame *frame, const char *data, size_t len,
                  const char **body_r, size_t *body_len_r)
{
    size_t used = 0;

    *body_r = data;
    *body_len_r = 0;
    while (used < len && frame->state != FRAME_DATA &&
           frame->state != FRAME_ENDED && frame->state != FRAME_BAD) {
        on_byte(frame, data[used++]);
    }
    if (used < len && frame->state == FRAME_DATA) {
        *body_r = data + used;
        *body_len_r = feed_data(frame, len - used);
        used += *body_len_r;
    }
    return used;
}

bool frame_has_ended(const struct frame *frame)
{
    return frame->state == FRAME_ENDED;
}

bool frame_is_bad(const struct frame *frame)
{
    return frame->state == FRAME_BAD;
}

bool frame_may_end(const struct frame *frame)
{
    return frame->state == FRAME_ENDED || frame->kind == FRAME_EOF;
}
