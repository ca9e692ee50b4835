/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_head.c - puts a request into HTTP/1.1's form.
 */
#include "http.h"

#include <apr_strings.h>
#include <string.h>

#define SPOKEN " HTTP/1.1\r\n"
#define LENGTH_MAX 64 /* of the line that says how long the body is */

struct writer {
    char *at;      /* NULL: only counts */
    size_t len;
};

static void put(struct writer *w, const char *text)
{
    size_t len = strlen(text);

    if (w->at != NULL) {
        memcpy(w->at, text, len);
        w->at += len;
    }
    w->len += len;
}

/* What other modules made of a request may have line ends in it (RequestHeader
 * with a part of the decoded path): they would make headers of their own. */
static void put_value(struct writer *w, const char *value)
{
    char *c = w->at;

    put(w, value);
    for (; c != NULL && c < w->at; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f) {
            *c = ' ';
        }
    }
}

static int put_header(void *baton, const char *name, const char *value)
{
    struct writer *w = baton;

    put(w, name);
    put(w, ": ");
    put_value(w, value);
    put(w, "\r\n");
    return 1;
}

/* RFC 9112, 6.3: no line at all where there is no body. */
static void put_framing(struct writer *w, const struct app_request *request)
{
    char line[LENGTH_MAX];

    if (request->body_len < 0) {
        put(w, "Transfer-Encoding: chunked\r\n");
    } else if (request->has_body || request->body_len > 0) {
        apr_snprintf(line, sizeof(line), "Content-Length: %" APR_OFF_T_FMT
                     "\r\n", request->body_len);
        put(w, line);
    }
}

static void put_all(struct writer *w, const struct app_request *request)
{
    put(w, request->method);
    put(w, " ");
    put(w, request->target);
    put(w, SPOKEN);
    apr_table_do(put_header, w, request->headers, NULL);
    put_framing(w, request);
    put(w, "\r\n");
}

char *http_head(const struct app_request *request, apr_size_t *len_r)
{
    struct writer w = {.at = NULL};
    char *head;

    put_all(&w, request);
    *len_r = w.len;
    head = apr_palloc(request->p, w.len);
    w = (struct writer){.at = head};
    put_all(&w, request);
    return head;
}

apr_size_t http_wrap(const struct app_request *request, apr_size_t len,
                     struct app_wrapping *w)
{
    if (request->body_len >= 0) {
        return len;
    }
    if (len == 0) {
        memcpy(w->before, "0\r\n\r\n", w->before_len = 5);
        return 0;
    }
    w->before_len = (apr_size_t)apr_snprintf(
        w->before, sizeof(w->before), "%" APR_UINT64_T_HEX_FMT "\r\n",
        (apr_uint64_t)len);
    memcpy(w->after, "\r\n", w->after_len = 2);
    return len;
}
