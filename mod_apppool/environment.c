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

#include "client_headers.h"
#include "config.h"
#include "target.h"

APLOG_USE_MODULE(apppool);

#define VARIABLES_USUAL 64

/* "Accept-Language" to "HTTP_ACCEPT_LANGUAGE". */
static char *variable_of_header(apr_pool_t *p, const char *name)
{
    char *variable = apr_pstrcat(p, "HTTP_", name, NULL);
    char *c;

    for (c = variable + 5; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : apr_toupper(*c);
    }
    return variable;
}

static void add_header(void *baton, const char *name, const char *value)
{
    apr_table_t *env = baton;

    if (ap_cstr_casecmp(name, "Content-Type") != 0) {
        apr_table_addn(env, variable_of_header(apr_table_elts(env)->pool,
                                               name), value);
    }
}

/* The headers, each name once. */
static apr_table_t *header_variables(request_rec *r)
{
    apr_table_t *env = apr_table_make(r->pool, 24);

    client_headers_each(r, add_header, env);
    apr_table_compress(env, APR_OVERLAP_TABLES_MERGE);
    return env;
}

unsigned environment_server_port(request_rec *r)
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
                   apr_psprintf(r->pool, "%u", environment_server_port(r)));
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
    apr_table_setn(env, "REQUEST_URI", target_as_sent(r));
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
