/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sticky.c - see sticky.h.
 */
#include "sticky.h"

#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <inttypes.h>
#include <string.h>

#define DEFAULT_COOKIE "apppool_route"
#define ID_DIGITS 16
#define SET_COOKIE "Set-Cookie"

bool sticky_is_name(const char *text)
{
    const char *c = text;

    while (apr_isalnum(*c) || *c == '-' || *c == '_' || *c == '.') {
        c++;
    }
    return *c == '\0' && c != text && c - text <= 256;
}

static const char *cookie_of(const struct place_config *place)
{
    return place->sticky_cookie ? place->sticky_cookie : DEFAULT_COOKIE;
}

static const char *route_of(const request_rec *r,
                            const struct place_config *place)
{
    char *name;

    if (place->sticky_route != NULL) {
        return place->sticky_route;
    }
    name = apr_palloc(r->pool, APRMAXHOSTLEN + 1);
    if (apr_gethostname(name, APRMAXHOSTLEN + 1, r->pool) != APR_SUCCESS ||
        !sticky_is_name(name)) {
        return "localhost";
    }
    return name;
}

/* The value of the cookie of this name; NULL: the client sent none. */
static const char *find_cookie(const request_rec *r, const char *name)
{
    const char *all = apr_table_get(r->headers_in, "Cookie");
    char *copy = all ? apr_pstrdup(r->pool, all) : NULL;
    size_t len = strlen(name);
    char *rest, *pair;

    for (pair = copy ? apr_strtok(copy, ";,", &rest) : NULL; pair != NULL;
         pair = apr_strtok(NULL, ";,", &rest)) {
        while (apr_isspace(*pair)) {
            pair++;
        }
        if (strncmp(pair, name, len) == 0 && pair[len] == '=') {
            return pair + len + 1;
        }
    }
    return NULL;
}

/* "0123456789abcdef.host"; 0: it is anything else. */
static apr_uint64_t parse(const char *value, const char *route)
{
    uint64_t id;
    int end = 0;

    if (strspn(value, "0123456789abcdef") != ID_DIGITS ||
        sscanf(value, "%16" SCNx64 "%n", &id, &end) != 1 ||
        end != ID_DIGITS || value[end] != '.') {
        return 0;
    }
    value += end + 1;
    end = (int)strlen(value);
    while (end > 0 && apr_isspace(value[end - 1])) {
        end--;
    }
    return strlen(route) == (size_t)end &&
                   strncmp(value, route, (size_t)end) == 0
               ? id
               : 0;
}

apr_uint64_t sticky_wanted(const request_rec *r,
                           const struct place_config *place)
{
    const char *value;

    if (place->sticky_sessions != 1) {
        return 0;
    }
    value = find_cookie(r, cookie_of(place));
    return value ? parse(value, route_of(r, place)) : 0;
}

struct others {
    apr_table_t *kept;
    const char *start; /* "NAME=" of the cookie that goes */
};

static int keep_other(void *baton, const char *name, const char *value)
{
    struct others *others = baton;

    if (ap_cstr_casecmp(name, SET_COOKIE) != 0 ||
        strncmp(value, others->start, strlen(others->start)) != 0) {
        apr_table_addn(others->kept, name, value);
    }
    return 1;
}

/* What was told of a process that then took no request. */
static void forget(request_rec *r, const char *start)
{
    struct others others = {.kept = apr_table_make(r->pool, 8),
                            .start = start};

    if (apr_table_get(r->headers_out, SET_COOKIE) != NULL) {
        apr_table_do(keep_other, &others, r->headers_out, NULL);
        r->headers_out = others.kept;
    }
}

void sticky_tell(request_rec *r, const struct place_config *place,
                 const char *base_uri, apr_uint64_t id)
{
    const char *start;

    if (place->sticky_sessions != 1) {
        return;
    }
    start = apr_pstrcat(r->pool, cookie_of(place), "=", NULL);
    forget(r, start);
    if (id == 0 || sticky_wanted(r, place) == id) {
        return;
    }
    apr_table_addn(r->headers_out, SET_COOKIE,
                   apr_psprintf(r->pool, "%s%016" PRIx64
                                ".%s; Path=%s; HttpOnly; SameSite=Lax%s",
                                start, (uint64_t)id, route_of(r, place),
                                base_uri[0] ? base_uri : "/",
                                strcmp(ap_http_scheme(r), "https") == 0
                                    ? "; Secure"
                                    : ""));
}
