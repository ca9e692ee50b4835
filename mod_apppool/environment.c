/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment.c - request variables: RFC 3875, and httpd's own beside them.
 *
 * First what other modules left for the request (SetEnv, mod_ssl ...), then the
 * client's headers, last what nobody but httpd may say. Made by hand rather
 * than by ap_add_common_vars(): that one reads PATH of the server, leaves out
 * Authorization and costs a sub-request in its sibling.
 */
#include "environment.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <stdbool.h>

#include "config.h"

APLOG_USE_MODULE(apppool);

#define VARIABLES_USUAL 64

struct headers {
    request_rec *r;
    apr_table_t *env;
    const char *connection; /* the Connection header; NULL: none */
    bool authorization;     /* may the application see it? */
};

/* What httpd itself checked is its own, unless the admin wants it passed. */
static bool may_see_authorization(request_rec *r)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);

    return (r->user == NULL && r->ap_auth_type == NULL) ||
           core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
}

static bool stops_here(const struct headers *headers, const char *name)
{
    static const char *const names[] = {
        "Connection", "Content-Length", "Content-Type", "Expect", "Keep-Alive",
        "Proxy", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ap_cstr_casecmp(name, names[i]) == 0) {
            return true;
        }
    }
    if (ap_cstr_casecmp(name, "Authorization") == 0) {
        return !headers->authorization;
    }
    return headers->connection != NULL &&
           ap_find_token(headers->r->pool, headers->connection, name);
}

/* "Accept-Language" to "HTTP_ACCEPT_LANGUAGE"; NULL: not a plain name. */
static char *variable_of_header(apr_pool_t *p, const char *name)
{
    char *variable = apr_pstrcat(p, "HTTP_", name, NULL);
    char *c;

    for (c = variable + 5; *c != '\0'; c++) {
        if (*c == '-') {
            *c = '_';
        } else if (apr_isalnum(*c)) {
            *c = apr_toupper(*c);
        } else {
            return NULL;
        }
    }
    return c > variable + 5 ? variable : NULL;
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

static int add_header(void *baton, const char *name, const char *value)
{
    struct headers *headers = baton;
    apr_pool_t *p = headers->r->pool;
    const char *variable;

    if (stops_here(headers, name)) {
        return 1;
    }
    variable = variable_of_header(p, name);
    if (variable == NULL) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, headers->r,
                      "header '%s' is not passed on: its name has other bytes "
                      "than letters, digits and '-'",
                      ap_escape_logitem(p, name));
        return 1;
    }
    if (strcmp(variable, "HTTP_COOKIE") == 0) {
        value = cookie_value(p, value);
    }
    apr_table_addn(headers->env, variable, value);
    return 1;
}

/* The headers, each name once. */
static apr_table_t *header_variables(request_rec *r)
{
    struct headers headers = {
        .r = r,
        .env = apr_table_make(r->pool, 24),
        .connection = apr_table_get(r->headers_in, "Connection"),
        .authorization = may_see_authorization(r)};

    apr_table_do(add_header, &headers, r->headers_in, NULL);
    apr_table_compress(headers.env, APR_OVERLAP_TABLES_MERGE);
    return headers.env;
}

/*
 * The target as the client sent it: of the first request when this one is an
 * internal redirect of it. An absolute-form target loses scheme and host.
 */
static const char *request_uri(request_rec *r)
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

/*
 * The port the client named, or the one it came to: only with UseCanonicalName
 * it is the configured one.
 */
static unsigned server_port(request_rec *r)
{
    const core_dir_config *core =
        ap_get_core_module_config(r->per_dir_config);

    if (core->use_canonical_name != USE_CANONICAL_NAME_ON &&
        r->parsed_uri.port_str == NULL) {
        return r->connection->local_addr->port;
    }
    return ap_get_server_port(r);
}

static void add_server(request_rec *r, apr_table_t *env)
{
    conn_rec *c = r->connection;
    const char *scheme = ap_http_scheme(r);

    apr_table_setn(env, "GATEWAY_INTERFACE", "CGI/1.1");
    apr_table_setn(env, "SERVER_SOFTWARE", ap_get_server_banner());
    apr_table_setn(env, "SERVER_PROTOCOL", r->protocol);
    apr_table_setn(env, "SERVER_NAME", ap_get_server_name_for_url(r));
    apr_table_setn(env, "SERVER_PORT",
                   apr_psprintf(r->pool, "%u", server_port(r)));
    apr_table_setn(env, "SERVER_ADDR", c->local_ip);
    apr_table_setn(env, "DOCUMENT_ROOT", ap_document_root(r));
    apr_table_setn(env, "REQUEST_SCHEME", scheme);
    if (strcmp(scheme, "https") == 0 && !apr_table_get(env, "HTTPS")) {
        apr_table_setn(env, "HTTPS", "on");
    }
}

static void add_client(request_rec *r, apr_table_t *env)
{
    const char *host = ap_get_useragent_host(r, REMOTE_HOST, NULL);

    apr_table_setn(env, "REMOTE_ADDR", r->useragent_ip);
    apr_table_setn(env, "REMOTE_PORT",
                   apr_itoa(r->pool, r->useragent_addr->port));
    if (host != NULL) {
        apr_table_setn(env, "REMOTE_HOST", host);
    }
    /* Nobody else says who the user is: not a header, not SetEnv. */
    apr_table_unset(env, "REMOTE_USER");
    apr_table_unset(env, "AUTH_TYPE");
    if (r->user != NULL) {
        apr_table_setn(env, "REMOTE_USER", r->user);
    }
    if (r->ap_auth_type != NULL) {
        apr_table_setn(env, "AUTH_TYPE", r->ap_auth_type);
    }
}

/* Errors sent here by ErrorDocument, and mod_rewrite, want to know. */
static void add_redirect(request_rec *r, apr_table_t *env)
{
    if (r->prev == NULL) {
        return;
    }
    apr_table_setn(env, "REDIRECT_URL", r->prev->uri);
    if (r->prev->args != NULL) {
        apr_table_setn(env, "REDIRECT_QUERY_STRING", r->prev->args);
    }
}

static void add_request(request_rec *r, apr_table_t *env,
                        const char *base_uri)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    const char *path = r->uri + strlen(base_uri);

    apr_table_setn(env, "REQUEST_METHOD", r->method);
    apr_table_setn(env, "REQUEST_URI", request_uri(r));
    apr_table_setn(env, "QUERY_STRING", r->args ? r->args : "");
    apr_table_setn(env, "SCRIPT_NAME", base_uri);
    /* "/blog" and "/blog/" are the same place: the application's root. */
    apr_table_setn(env, "PATH_INFO", *path ? path : "/");
    apr_table_unset(env, "CONTENT_LENGTH");
    apr_table_unset(env, "CONTENT_TYPE");
    if (type != NULL) {
        apr_table_setn(env, "CONTENT_TYPE", type);
    }
}

apr_table_t *environment_of_request(request_rec *r, const char *base_uri)
{
    apr_table_t *env = apr_table_make(r->pool, VARIABLES_USUAL);

    apr_table_overlap(env, r->subprocess_env, APR_OVERLAP_TABLES_SET);
    apr_table_overlap(env, header_variables(r), APR_OVERLAP_TABLES_SET);
    add_server(r, env);
    add_client(r, env);
    add_redirect(r, env);
    add_request(r, env, base_uri);
    return env;
}
