/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_headers.h - which of a client's headers an application gets to see.
 */
#ifndef MOD_APPPOOL_CLIENT_HEADERS_H
#define MOD_APPPOOL_CLIENT_HEADERS_H

#include <httpd.h>
#include <stdbool.h>

typedef void client_header_fn(void *baton, const char *name,
                              const char *value);

/*
 * Call `each` for every header that may pass, in order. Left out: what belongs
 * to the connection or says how long the body is, Proxy (CGI's HTTP_PROXY),
 * Authorization where httpd itself has checked it, and names with other bytes
 * than letters, digits and '-', which one language or another would take for a
 * different name (said in the log).
 */
void client_headers_each(request_rec *r, client_header_fn *each, void *baton);


#endif
