/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment.h - what an application is told about a request.
 */
#ifndef MOD_APPPOOL_ENVIRONMENT_H
#define MOD_APPPOOL_ENVIRONMENT_H

#include <httpd.h>

/*
 * The variables of RFC 3875 and what httpd knows beside them, from r->pool.
 * base_uri: "" or "/path"; SCRIPT_NAME and PATH_INFO part there. Everything
 * but CONTENT_LENGTH.
 */
apr_table_t *environment_of_request(request_rec *r, const char *base_uri);

/*
 * The port the client named, or the one it came to: only with UseCanonicalName
 * it is the configured one.
 */
unsigned environment_server_port(request_rec *r);

#endif
