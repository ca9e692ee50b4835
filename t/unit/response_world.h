/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response_world.h - feeds a protocol's reader with a response in every way in
 * which it may arrive: all must come out alike.
 */
#ifndef APPPOOL_TEST_RESPONSE_WORLD_H
#define APPPOOL_TEST_RESPONSE_WORLD_H

#include "protocol.h"

#define LIMIT 4096 /* of a response's header */

extern apr_pool_t *pool;

/* Fixture. */
void response_world_begin(void);
void response_world_end(void);

/* What came out of a response, in pool. */
struct outcome {
    struct app_response *response;
    char *body, *log;
    size_t body_len, log_len;
    size_t left_over;   /* bytes that were not taken */
    const char *hints;  /* the Link of each interim response, "-" for none;
                           a ";" after each */
};

/* The first `first` bytes, then `step` at a time, then the end. */
struct outcome feed(const struct protocol *protocol,
                    const struct app_request *request, const char *data,
                    size_t len, size_t first, size_t step);

/* Whole, byte by byte, and, unless it is large, cut in two at each offset. */
struct outcome feed_all_ways(const struct protocol *protocol,
                             const struct app_request *request,
                             const char *data, size_t len);

void expect_body(const struct outcome *out, const char *body);
void expect_fault(const struct outcome *out, enum app_fault fault,
                  const char *words);

/* Of the response; NULL: it has none of that name. */
const char *header(const struct outcome *out, const char *name);

#endif
