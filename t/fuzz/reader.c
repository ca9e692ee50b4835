/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader.c - a response in three ways, which must all come out alike.
 */
#include "reader.h"

#include <apr_general.h>
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT 2048
#define HEAD 1
#define UPGRADE 2

/* What came out, in a form that can be compared. */
struct outcome {
    enum app_fault fault;
    int status;
    bool has_ended, can_keep, is_upgraded;
    size_t used, body_len, log_len;
    unsigned n_interim;
    uint64_t body_sum, log_sum, header_sum;
};

struct run {
    const struct protocol *protocol;
    struct app_response *response;
    struct outcome out;
};

static bool goes_on(const struct run *run)
{
    const struct app_response *response = run->response;

    return response->error == NULL && !response->has_ended &&
           !response->is_upgraded;
}

/* FNV-1a. */
static uint64_t add(uint64_t sum, const char *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        sum = (sum ^ (unsigned char)data[i]) * UINT64_C(1099511628211);
    }
    return sum;
}

static void take(struct run *run, const struct app_piece *piece)
{
    switch (piece->kind) {
    case PIECE_BODY:
        assert(piece->len > 0 && run->response->header_done);
        run->out.body_len += piece->len;
        run->out.body_sum = add(run->out.body_sum, piece->data, piece->len);
        break;
    case PIECE_LOG:
        run->out.log_len += piece->len;
        run->out.log_sum = add(run->out.log_sum, piece->data, piece->len);
        break;
    case PIECE_INTERIM:
        assert(run->response->interim.status == 103);
        run->out.n_interim++;
        break;
    case PIECE_NONE:
        break;
    }
}

/* In memory of its exact size: a sanitizer sees each byte too far. */
static void feed(struct run *run, const char *data, size_t len)
{
    char *copy = malloc(len);
    size_t used = 0;

    assert(copy != NULL);
    memcpy(copy, data, len);
    while (used < len && goes_on(run)) {
        struct app_piece piece;
        size_t n = run->protocol->feed(run->response, copy + used, len - used,
                                       &piece);

        assert(n <= len - used);
        assert(n > 0 || !goes_on(run));
        take(run, &piece);
        used += n;
    }
    run->out.used += used;
    free(copy);
}

static int add_header(void *sum, const char *name, const char *value)
{
    uint64_t *header_sum = sum;

    assert(app_is_token(name, strlen(name)) && app_is_value(value));
    *header_sum = add(*header_sum, name, strlen(name));
    *header_sum = add(*header_sum, value, strlen(value) + 1);
    return 1;
}

static void finish(struct run *run)
{
    const struct app_response *response = run->response;
    struct outcome *out = &run->out;

    if (goes_on(run)) {
        run->protocol->eof(run->response);
        assert(!goes_on(run));
    }
    assert((response->error != NULL) == (response->fault != FAULT_NONE));
    assert(!response->has_ended || response->error == NULL);
    out->fault = response->fault;
    if (response->error == NULL) {
        assert(response->header_done);
        assert(response->status >= 200 || response->is_upgraded);
        out->status = response->status;
        out->has_ended = response->has_ended;
        out->can_keep = response->can_keep;
        out->is_upgraded = response->is_upgraded;
        apr_table_do(add_header, &out->header_sum, response->headers, NULL);
    }
}

static struct outcome run_in_steps(const struct protocol *protocol,
                                   const struct app_request *request,
                                   const char *data, size_t len, size_t step)
{
    struct run run = {.protocol = protocol};
    size_t at;

    run.response = protocol->open(request->p, request, HEADER_LIMIT);
    for (at = 0; at < len && goes_on(&run); at += step) {
        feed(&run, data + at, len - at < step ? len - at : step);
    }
    finish(&run);
    return run.out;
}

/* How much of a broken response came out depends on the pieces; that it is
 * broken, and why, does not. */
static void check_alike(const struct outcome *a, const struct outcome *b)
{
    assert(a->fault == b->fault);
    if (a->fault == FAULT_NONE) {
        assert(a->status == b->status && a->has_ended == b->has_ended);
        assert(a->can_keep == b->can_keep);
        assert(a->is_upgraded == b->is_upgraded && a->used == b->used);
        assert(a->body_len == b->body_len && a->body_sum == b->body_sum);
        assert(a->log_len == b->log_len && a->log_sum == b->log_sum);
        assert(a->n_interim == b->n_interim);
        assert(a->header_sum == b->header_sum);
    }
}

void reader_try(const struct protocol *protocol, const uint8_t *data,
                size_t size)
{
    struct app_request request = {.method = "GET"};
    const char *text = (const char *)data + 1;
    struct outcome whole, bytes, pieces;
    unsigned how;

    if (size < 2) {
        return;
    }
    how = data[0];
    request.method = how & HEAD ? "HEAD" : "GET";
    request.wants_upgrade = (how & UPGRADE) != 0;
    apr_pool_create(&request.p, NULL);
    whole = run_in_steps(protocol, &request, text, size - 1, size);
    bytes = run_in_steps(protocol, &request, text, size - 1, 1);
    pieces = run_in_steps(protocol, &request, text, size - 1, how / 4 + 2);
    check_alike(&whole, &bytes);
    check_alike(&whole, &pieces);
    apr_pool_destroy(request.p);
}
