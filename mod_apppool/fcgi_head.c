/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi_head.c - the records that stand before a request's body.
 */
#include "fcgi.h"

#include <apr_strings.h>
#include <string.h>

#define ROLE_RESPONDER 1
#define KEEP_CONNECTION 1
#define BEGIN_LEN 8
/* A length takes four bytes from here on (3.4). */
#define LONG_LENGTH 128

/*
 * The stream of PARAMS while it is written. A variable is kept within one
 * record where it fits: php-cgi reads each record for itself (tried: a name cut
 * by a record's end fails the request).
 */
struct params {
    char *record; /* its header */
    char *at;     /* behind what is written */
};

void fcgi_put_header(char *at, enum fcgi_type type, size_t content_len)
{
    at[0] = FCGI_VERSION;
    at[1] = (char)type;
    at[2] = FCGI_REQUEST_ID >> 8;
    at[3] = FCGI_REQUEST_ID & 0xff;
    at[4] = (char)(content_len >> 8);
    at[5] = (char)(content_len & 0xff);
    at[6] = 0;
    at[7] = 0;
}

static size_t record_len(const struct params *params)
{
    return (size_t)(params->at - params->record) - FCGI_HEADER_LEN;
}

static void begin_record(struct params *params)
{
    params->record = params->at;
    params->at += FCGI_HEADER_LEN;
}

static void end_record(const struct params *params)
{
    fcgi_put_header(params->record, FCGI_PARAMS, record_len(params));
}

static void next_record(struct params *params)
{
    end_record(params);
    begin_record(params);
}

static void put_bytes(struct params *params, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = FCGI_CONTENT_MAX - record_len(params);
        size_t part = len < room ? len : room;

        memcpy(params->at, bytes, part);
        params->at += part;
        bytes += part;
        len -= part;
        if (len > 0) {
            next_record(params);
        }
    }
}

static size_t length_len(size_t len)
{
    return len < LONG_LENGTH ? 1 : 4;
}

static size_t pair_len(const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);

    return length_len(name_len) + length_len(value_len) + name_len + value_len;
}

static void put_length(struct params *params, size_t len)
{
    const char bytes[4] = {(char)(0x80 | (len >> 24 & 0x7f)),
                           (char)(len >> 16 & 0xff), (char)(len >> 8 & 0xff),
                           (char)(len & 0xff)};

    if (len < LONG_LENGTH) {
        put_bytes(params, &bytes[3], 1);
    } else {
        put_bytes(params, bytes, sizeof(bytes));
    }
}

static void put_pair(struct params *params, const char *name,
                     const char *value)
{
    if (record_len(params) > 0 &&
        record_len(params) + pair_len(name, value) > FCGI_CONTENT_MAX) {
        next_record(params);
    }
    put_length(params, strlen(name));
    put_length(params, strlen(value));
    put_bytes(params, name, strlen(name));
    put_bytes(params, value, strlen(value));
}

static bool is_sent(const apr_table_entry_t *entry)
{
    return entry->key != NULL && strcmp(entry->key, "CONTENT_LENGTH") != 0;
}

static size_t all_pairs_len(const apr_array_header_t *all)
{
    size_t len = 0;
    int i;

    for (i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        len += is_sent(entry) ? pair_len(entry->key, entry->val) : 0;
    }
    return len;
}

static void put_pairs(struct params *params, const apr_array_header_t *all)
{
    int i;

    for (i = 0; i < all->nelts; i++) {
        const apr_table_entry_t *entry =
            &APR_ARRAY_IDX(all, i, apr_table_entry_t);

        if (is_sent(entry)) {
            put_pair(params, entry->key, entry->val);
        }
    }
}

/* Two records that follow each other hold more than one could. */
static size_t most_records(size_t len)
{
    return 2 * (len / FCGI_CONTENT_MAX) + 2;
}

static char *put_begin(char *at)
{
    static const char content[BEGIN_LEN] = {0, ROLE_RESPONDER,
                                            KEEP_CONNECTION};

    fcgi_put_header(at, FCGI_BEGIN_REQUEST, BEGIN_LEN);
    memcpy(at + FCGI_HEADER_LEN, content, BEGIN_LEN);
    return at + FCGI_HEADER_LEN + BEGIN_LEN;
}

char *fcgi_head(const struct app_request *request, apr_size_t *len_r)
{
    const apr_array_header_t *all = apr_table_elts(request->env);
    const char *length = apr_off_t_toa(request->p, request->body_len);
    size_t len = all_pairs_len(all) + pair_len("CONTENT_LENGTH", length);
    char *head = apr_palloc(request->p, FCGI_HEADER_LEN + BEGIN_LEN + len +
                            FCGI_HEADER_LEN * (most_records(len) + 1));
    struct params params = {.at = put_begin(head)};

    begin_record(&params);
    if (request->has_body) {
        put_pair(&params, "CONTENT_LENGTH", length);
    }
    put_pairs(&params, all);
    if (record_len(&params) > 0) {
        next_record(&params);
    }
    end_record(&params); /* the empty one that ends them */
    *len_r = (apr_size_t)(params.at - head);
    return head;
}
