/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_headers.c - sorts out a client's headers.
 */
#include "client_headers.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>

APLOG_USE_MODULE(apppool);

struct filter {
    request_rec *r;
    const char *connection; /* the Connection header; NULL: none */
    bool authorization;     /* may the application see it? */
    client_header_fn *each;
    void *baton;
};

/* What httpd itself checked is its own, unless the admin wants it passed. */
static bool may_see_authorization(request_rec *r)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);

    return (r->user == NULL && r->ap_auth_type == NULL) ||
           core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
}

static bool stops_here(const struct filter *filter, const char *name)
{
    static const char *const names[] = {
        "Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy",
        "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_cstr_casecmp(name, names[i]) == 0) {
            return true;
        }
    }
    if (ap_cstr_casecmp(name, "Authorization") == 0) {
        return !filter->authorization;
    }
    return filter->connection != NULL &&
           ap_find_token(filter->r->pool, filter->connection, name);
}

static bool is_plain(const char *name)
{
    const char *c;

    for (c = name; apr_isalnum(*c) || *c == '-'; c++) {
    }
    return c > name && *c == '\0';
}

static bool is_token_byte(char c)
{
    return apr_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/*
 * httpd has joined several Cookie headers with ", ", as it does with all. In a
 * cookie a comma and a blank stand nowhere else (RFC 6265, 4.1.1), so where a
 * name and '=' follow they are such a joint.
 */
static const char *cookie_value(apr_pool_t *p, const char *value)
{
    char *copy, *at;

    if (strstr(value, ", ") == NULL) {
        return value;
    }
    copy = apr_pstrdup(p, value);
    for (at = copy; (at = strstr(at, ", ")) != NULL; at += 2) {
        const char *name = at + 2;

        while (is_token_byte(*name)) {
            name++;
        }
        if (name > at + 2 && *name == '=') {
            *at = ';';
        }
    }
    return copy;
}

static int take(void *baton, const char *name, const char *value)
{
    struct filter *filter = baton;
    apr_pool_t *p = filter->r->pool;

    if (stops_here(filter, name)) {
        return 1;
    }
    if (!is_plain(name)) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, filter->r,
                      "header '%s' is not passed on: its name has other bytes "
                      "than letters, digits and '-'",
                      ap_escape_logitem(p, name));
        return 1;
    }
    if (ap_cstr_casecmp(name, "Cookie") == 0) {
        value = cookie_value(p, value);
    }
    filter->each(filter->baton, name, value);
    return 1;
}

void client_headers_each(request_rec *r, client_header_fn *each, void *baton)
{
    struct filter filter = {
        .r = r,
        .connection = apr_table_get(r->headers_in, "Connection"),
        .authorization = may_see_authorization(r),
        .each = each,
        .baton = baton};

    apr_table_do(take, &filter, r->headers_in, NULL);
}
