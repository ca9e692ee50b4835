/* SPDX-License-Identifier: Apache-2.0 */
/*
 * response_world.c - see response_world.h.
 */
#include "response_world.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define LARGE 1000

apr_pool_t *pool;

void response_world_begin(void)
{
    apr_initialize();
    apr_pool_create(&pool, NULL);
}

void response_world_end(void)
{
    apr_pool_destroy(pool);
    apr_terminate();
}

static void add(char *to, size_t *len, const struct app_piece *piece)
{
    memcpy(to + *len, piece->data, piece->len);
    *len += piece->len;
}

static void take(struct outcome *out, const struct app_piece *piece)
{
    const char *link;

    switch (piece->kind) {
    case PIECE_BODY:
        ck_assert_uint_gt(piece->len, 0);
        add(out->body, &out->body_len, piece);
        break;
    case PIECE_LOG:
        add(out->log, &out->log_len, piece);
        break;
    case PIECE_INTERIM:
        link = apr_table_get(out->response->interim.headers, "Link");
        out->hints = apr_pstrcat(pool, out->hints, link ? link : "-", ";",
                                 NULL);
        break;
    case PIECE_NONE:
        break;
    }
}

static bool goes_on(const struct outcome *out)
{
    return out->response->error == NULL && !out->response->has_ended &&
           !out->response->is_upgraded;
}

/* In memory of its exact size, so that ASan sees each byte too far. */
static size_t feed_part(const struct protocol *protocol, struct outcome *out,
                        const char *data, size_t len)
{
    char *copy = malloc(len);
    size_t used = 0;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, data, len);
    while (used < len && goes_on(out)) {
        struct app_piece piece;
        size_t n = protocol->feed(out->response, copy + used, len - used,
                                  &piece);

        ck_assert(n > 0 || !goes_on(out));
        used += n;
        take(out, &piece);
    }
    free(copy);
    return used;
}

struct outcome feed(const struct protocol *protocol,
                    const struct app_request *request, const char *data,
                    size_t len, size_t first, size_t step)
{
    struct outcome out = { .response = protocol->open(pool, request, LIMIT),
                           .body = apr_palloc(pool, len),
                           .log = apr_palloc(pool, len), .hints = "" };
    size_t at = 0, part = first;

    for (; at < len && goes_on(&out); part = step) {
        at += feed_part(protocol, &out, data + at,
                        part < len - at ? part : len - at);
    }
    out.left_over = len - at;
    if (goes_on(&out)) {
        protocol->eof(out.response);
    }
    return out;
}

static void check_alike(const struct outcome *a, const struct outcome *b)
{
    ck_assert_msg((a->response->error == NULL) == (b->response->error == NULL),
                  "%s / %s", a->response->error, b->response->error);
    ck_assert_int_eq(a->response->fault, b->response->fault);
    ck_assert_int_eq(a->response->has_ended, b->response->has_ended);
    ck_assert_int_eq(a->response->can_keep, b->response->can_keep);
    ck_assert_int_eq(a->response->status, b->response->status);
    ck_assert_str_eq(a->hints, b->hints);
    ck_assert_uint_eq(a->body_len, b->body_len);
    ck_assert_mem_eq(a->body, b->body, a->body_len);
    ck_assert_uint_eq(a->log_len, b->log_len);
    ck_assert_mem_eq(a->log, b->log, a->log_len);
    if (a->response->error == NULL) {
        ck_assert_uint_eq(a->left_over, b->left_over);
    }
}

struct outcome feed_all_ways(const struct protocol *protocol,
                             const struct app_request *request,
                             const char *data, size_t len)
{
    struct outcome whole = feed(protocol, request, data, len, len, len);
    struct outcome other = feed(protocol, request, data, len, 1, 1);

    check_alike(&whole, &other);
    for (size_t cut = 1; len < LARGE && cut < len; cut++) {
        other = feed(protocol, request, data, len, cut, len);
        check_alike(&whole, &other);
    }
    return whole;
}

void expect_body(const struct outcome *out, const char *body)
{
    ck_assert_msg(out->response->error == NULL, "%s", out->response->error);
    ck_assert_uint_eq(out->body_len, strlen(body));
    ck_assert_mem_eq(out->body, body, strlen(body));
}

void expect_fault(const struct outcome *out, enum app_fault fault,
                  const char *words)
{
    ck_assert_ptr_nonnull(out->response->error);
    ck_assert_msg(strstr(out->response->error, words) != NULL, "'%s' in '%s'",
                  words, out->response->error);
    ck_assert_int_eq(out->response->fault, fault);
    ck_assert(!out->response->has_ended);
}

const char *header(const struct outcome *out, const char *name)
{
    return apr_table_get(out->response->headers, name);
}
