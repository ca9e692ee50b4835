/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarded.c - X-Forwarded-* and Forwarded.
 *
 * A client can claim an address before its own (the last one is what httpd
 * saw), but never scheme, host or port: frameworks believe these.
 */
#include "forwarded.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "environment.h"

bool forwarded_is_ours(const char *name)
{
    static const char *const names[] = {
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host",
        "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Protocol",
        "X-Forwarded-Scheme", "X-Forwarded-Server", "X-Forwarded-Ssl",
        "X-Url-Scheme", "Front-End-Https"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_cstr_casecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A quoted-string holds whatever Host may have had in it. */
static const char *quoted(apr_pool_t *p, const char *text)
{
    char *copy = apr_palloc(p, 2 * strlen(text) + 3), *at = copy;

    *at++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *at++ = '\\';
        }
        *at++ = *text;
    }
    *at++ = '"';
    *at = '\0';
    return copy;
}

/* RFC 7239, 6: an IPv6 address has brackets. */
static const char *node(request_rec *r)
{
    return strchr(r->useragent_ip, ':')
               ? apr_pstrcat(r->pool, "[", r->useragent_ip, "]", NULL)
               : r->useragent_ip;
}

static void add_forwarded(request_rec *r, const char *host,
                          apr_table_t *headers)
{
    apr_table_addn(headers, "Forwarded",
                   apr_pstrcat(r->pool, "for=", quoted(r->pool, node(r)),
                               ";host=", quoted(r->pool, host), ";proto=",
                               ap_http_scheme(r), NULL));
}

void forwarded_add(request_rec *r, enum forwarded how, apr_table_t *headers)
{
    const char *before = apr_table_get(r->headers_in, "X-Forwarded-For");
    const char *host = apr_table_get(headers, "Host");

    if (how == FORWARDED_OFF) {
        return;
    }
    apr_table_addn(headers, "X-Forwarded-For",
                   before ? apr_pstrcat(r->pool, before, ", ",
                                        r->useragent_ip, NULL)
                          : r->useragent_ip);
    apr_table_addn(headers, "X-Forwarded-Proto", ap_http_scheme(r));
    apr_table_addn(headers, "X-Forwarded-Host", host);
    apr_table_addn(headers, "X-Forwarded-Port",
                   apr_psprintf(r->pool, "%u", environment_server_port(r)));
    if (how == FORWARDED_RFC7239) {
        add_forwarded(r, host, headers);
    }
}
