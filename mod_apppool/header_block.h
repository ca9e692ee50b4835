/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header_block.h - the lines of a response's header (httpd-free).
 *
 * Collects what comes up to the empty line, within the response's limit, then
 * gives it out line by line. Strict: what is no header is a FAULT_HEADER_BAD.
 */
#ifndef MOD_APPPOOL_HEADER_BLOCK_H
#define MOD_APPPOOL_HEADER_BLOCK_H

#include "protocol.h"

/* Zeroed: empty. */
struct header_block {
    char *bytes;        /* in the response's pool */
    size_t len, size;
    bool is_complete;   /* the empty line has come */
    char *next;         /* line to be given out next */
    unsigned n_headers; /* split so far */
};

/*
 * Take bytes up to the end of the block; how many were taken. The response
 * fails when the block is too large or has a NUL in it.
 */
size_t header_block_feed(struct header_block *block,
                         struct app_response *response, const char *data,
                         size_t len);

/* Forget the lines, for the block that follows an interim response. */
void header_block_reset(struct header_block *block);

/* The next line, NUL in place of its end; NULL: there is none. is_complete. */
char *header_block_line(struct header_block *block);

/*
 * Cut a line in two: it becomes the name; the value without blanks around it.
 * NULL: the response has failed.
 */
char *header_block_split(struct header_block *block,
                         struct app_response *response, char *line);

#endif
