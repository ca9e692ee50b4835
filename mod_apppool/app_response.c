/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_response.c - what the readers of all protocols have in common.
 */
#include "protocol.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>
#include <strings.h>

/* How much of what an application wrote is shown in the log. */
#define SHOWN_MAX 60

void app_response_init(struct app_response *response, apr_pool_t *p,
                       apr_size_t header_limit)
{
    *response = (struct app_response){.pool = p,
                                      .header_limit = header_limit,
                                      .content_length = -1,
                                      .status = 200};
    response->headers = apr_table_make(p, 16);
}

void app_response_fail(struct app_response *response, enum app_fault fault,
                       const char *error)
{
    if (response->error == NULL) {
        response->fault = fault;
        response->error = error;
    }
}

/* Shortened and printable. */
static const char *shown(apr_pool_t *p, const char *text)
{
    char *copy = apr_pstrmemdup(p, text, strnlen(text, SHOWN_MAX));
    char *c;

    for (c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return copy;
}

void app_response_fail_text(struct app_response *response,
                            enum app_fault fault, const char *error,
                            const char *text)
{
    app_response_fail(response, fault,
                      apr_pstrcat(response->pool, error, ": '",
                                  shown(response->pool, text), "'", NULL));
}

bool app_is_hop_by_hop(const char *name)
{
    static const char *const names[] = {
        "Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer",
        "Upgrade"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool app_is_token(const char *name, apr_size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    apr_size_t i;

    for (i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c >= 0x80 || (!apr_isalnum(c) && strchr(others, c) == NULL) ||
            c == '\0') {
            return false;
        }
    }
    return len > 0;
}

bool app_is_value(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;

        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

bool app_parse_length(const char *text, apr_off_t *length_r)
{
    apr_off_t length = 0;
    size_t digits = 0;

    for (; digits < 18 && apr_isdigit(text[digits]); digits++) {
        length = length * 10 + (text[digits] - '0');
    }
    *length_r = length;
    return digits > 0 && text[digits] == '\0';
}

void app_take_content_length(struct app_response *response,
                             const char *value)
{
    apr_off_t length;

    if (!app_parse_length(value, &length) ||
        (response->content_length >= 0 &&
         response->content_length != length)) {
        app_response_fail_text(response, FAULT_HEADER_BAD,
                               "the response's Content-Length makes no sense",
                               value);
        return;
    }
    response->content_length = length;
}
