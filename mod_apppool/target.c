/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - the target of a request, raw or remade.
 */
#include "target.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "resolve.h"

const char *target_as_sent(request_rec *r)
{
    const char *target = r->main ? NULL : r->the_request;
    const char *end, *slashes;

    while (target != NULL && *target != '\0' && !apr_isspace(*target)) {
        target++;
    }
    while (target != NULL && apr_isspace(*target)) {
        target++;
    }
    if (target == NULL || *target == '\0') {
        return r->unparsed_uri ? r->unparsed_uri : r->uri;
    }
    end = target + strcspn(target, " \t\r\n");
    if (*target != '/' && (slashes = strstr(target, "://")) && slashes < end) {
        const char *path = strpbrk(slashes + 3, "/? \t\r\n");

        if (path == NULL || *path != '/') {
            return apr_pstrcat(r->pool, "/", path && *path == '?'
                               ? apr_pstrmemdup(r->pool, path,
                                                (apr_size_t)(end - path))
                               : "", NULL);
        }
        target = path;
    }
    return apr_pstrmemdup(r->pool, target, (apr_size_t)(end - target));
}

/* A rewritten query may have parts of the decoded path in it. */
static const char *escape_controls(apr_pool_t *p, const char *query)
{
    char *escaped = apr_palloc(p, 3 * strlen(query) + 1), *to = escaped;

    for (; *query != '\0'; query++) {
        unsigned char c = (unsigned char)*query;

        if (c <= ' ' || c == 0x7f) {
            to += apr_snprintf(to, 4, "%%%02X", c);
        } else {
            *to++ = *query;
        }
    }
    *to = '\0';
    return escaped;
}

const char *target_that_counts(request_rec *r)
{
    const char *path;

    if (r->prev == NULL && r->main == NULL && !resolve_was_rewritten(r)) {
        return target_as_sent(r);
    }
    path = ap_os_escape_path(r->pool, r->uri, 1);
    return r->args ? apr_pstrcat(r->pool, path, "?",
                                 escape_controls(r->pool, r->args), NULL)
                   : path;
}
