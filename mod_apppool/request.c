/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - variables for those who want variables, headers for the others.
 */
#include "request.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "client_headers.h"
#include "environment.h"
#include "forwarded.h"
#include "target.h"

struct taken {
    apr_table_t *headers;
    enum forwarded forwarded;
};

static void take_header(void *baton, const char *name, const char *value)
{
    struct taken *taken = baton;

    if (ap_cstr_casecmp(name, "Host") != 0 &&
        (taken->forwarded == FORWARDED_OFF || !forwarded_is_ours(name))) {
        apr_table_addn(taken->headers, name, value);
    }
}

/* As sent; a client of HTTP/1.0 may have sent none. */
static const char *host_of(request_rec *r)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    unsigned port;

    if (host != NULL) {
        return host;
    }
    port = environment_server_port(r);
    return ap_is_default_port(port, r)
               ? ap_get_server_name_for_url(r)
               : apr_psprintf(r->pool, "%s:%u", ap_get_server_name_for_url(r),
                              port);
}

static void add_upgrade(request_rec *r, apr_table_t *headers)
{
    apr_table_addn(headers, "Connection", "Upgrade");
    apr_table_addn(headers, "Upgrade",
                   apr_table_get(r->headers_in, "Upgrade"));
}

static apr_table_t *headers_of(request_rec *r,
                               const struct place_config *place,
                               bool with_upgrade)
{
    struct taken taken = {
        .headers = apr_table_make(r->pool, 24),
        .forwarded = (enum forwarded)config_number(place->forwarded_headers,
                                                   FORWARDED_ON)};

    apr_table_addn(taken.headers, "Host", host_of(r));
    client_headers_each(r, take_header, &taken);
    forwarded_add(r, taken.forwarded, taken.headers);
    if (with_upgrade) {
        add_upgrade(r, taken.headers);
    }
    return taken.headers;
}

static bool announces_body(const request_rec *r)
{
    return r->main == NULL &&
           (apr_table_get(r->headers_in, "Content-Length") ||
            apr_table_get(r->headers_in, "Transfer-Encoding"));
}

/*
 * WebSocket and its kin. Not what httpd speaks itself, and not from within
 * HTTP/2, where no connection can be had.
 */
static bool wants_upgrade(request_rec *r)
{
    const char *upgrade = apr_table_get(r->headers_in, "Upgrade");
    const char *connection = apr_table_get(r->headers_in, "Connection");

    return upgrade != NULL && connection != NULL && r->main == NULL &&
           r->connection->master == NULL &&
           r->proto_num >= HTTP_VERSION(1, 1) &&
           ap_find_token(r->pool, connection, "upgrade") &&
           !ap_find_token(r->pool, upgrade, "h2c") &&
           ap_cstr_casecmpn(upgrade, "TLS/", 4) != 0;
}

struct app_request request_of(request_rec *r, const struct protocol *protocol,
                              const struct place_config *place,
                              const struct body *body, const char *base_uri,
                              const struct script *script)
{
    struct app_request request = {.p = r->pool, .method = r->method,
                                  .body_len = body->len,
                                  .drains_body = script->filename != NULL,
                                  .has_body = announces_body(r) ||
                                              body->len != 0};

    if (protocol->wants_headers) {
        request.target = target_that_counts(r);
        request.wants_upgrade = wants_upgrade(r);
        request.headers = headers_of(r, place, request.wants_upgrade);
    } else {
        apr_table_t *env = environment_of_request(r, base_uri);

        request.target = target_as_sent(r);
        if (script->filename != NULL) {
            script_variables(r, script, env);
        }
        request.env = env;
    }
    return request;
}
