/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel.h - client and application speak another protocol (WebSocket ...).
 */
#ifndef MOD_APPPOOL_TUNNEL_H
#define MOD_APPPOOL_TUNNEL_H

#include <httpd.h>
#include <stdbool.h>

#include "child.h"

enum tunnel_end {
    TUNNEL_APP_CLOSED,    /* the application has, and all of it went out */
    TUNNEL_CLIENT_CLOSED,
    TUNNEL_MADE_ROOM,     /* older generations of httpd's children fill its
                             scoreboard */
    TUNNEL_STOPPED        /* httpd stops */
};

/*
 * Answer 101 with these headers, then carry bytes between the connection of r
 * and the application at fd until one of them is done; first the `early` ones
 * to the client. The connection is closed after it.
 */
enum tunnel_end tunnel_run(request_rec *r, struct child *child, int fd,
                           apr_table_t *headers, const char *early,
                           apr_size_t early_len);

#endif
