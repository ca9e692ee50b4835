/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - where the body of a response ends (httpd-free).
 *
 * A decoder is fed what came, in pieces of any size, and gives out the body as
 * slices of them: nothing is copied or kept.
 */
#ifndef MOD_APPPOOL_FRAME_H
#define MOD_APPPOOL_FRAME_H

#include <apr.h>
#include <stdbool.h>
#include <stddef.h>

enum frame_kind {
    FRAME_LENGTH,  /* so many bytes */
    FRAME_CHUNKED, /* RFC 9112, 7.1 */
    FRAME_EOF      /* until the connection ends */
};

enum frame_state {
    FRAME_DATA,         /* `left` bytes of body are due (not FRAME_EOF) */
    FRAME_CHUNK_SIZE,   /* within the digits of a chunk's size */
    FRAME_CHUNK_EXT,    /* after them, up to LF */
    FRAME_CHUNK_END,    /* the CR LF after a chunk's data */
    FRAME_TRAILER,      /* after the last chunk, up to an empty line */
    FRAME_ENDED,
    FRAME_BAD
};

struct frame {
    enum frame_kind kind;
    enum frame_state state;
    apr_off_t left;     /* FRAME_DATA: bytes still due */
    unsigned digits;    /* FRAME_CHUNK_SIZE: read so far */
    unsigned line_len;  /* bytes of the present line, or where in it */
    unsigned overhead;  /* bytes of extensions and trailers in all */
};

/* length counts for FRAME_LENGTH only (>= 0). */
void frame_init(struct frame *frame, enum frame_kind kind, apr_off_t length);

/*
 * Take bytes from data; returns how many (> 0 unless ended or bad). *body_r,
 * *body_len_r: the slice of body among them, length 0 if there is none.
 */
size_t frame_feed(struct frame *frame, const char *data, size_t len,
                  const char **body_r, size_t *body_len_r);

bool frame_has_ended(const struct frame *frame);
bool frame_is_bad(const struct frame *frame);

/* The connection has ended: is that the end of the body, too? */
bool frame_may_end(const struct frame *frame);

#endif
