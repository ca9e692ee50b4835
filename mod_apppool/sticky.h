/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sticky.h - the cookie that leads a client back to the process it had.
 *
 * Its value is ID.ROUTE: the process's random id in hexadecimal digits, and a
 * name by which a balancer in front finds this host (mod_proxy_balancer's
 * stickysession). Everything here does nothing unless PoolStickySessions is on.
 */
#ifndef MOD_APPPOOL_STICKY_H
#define MOD_APPPOOL_STICKY_H

#include "config.h"

/* May it stand in the cookie, as its name or route? */
bool sticky_is_name(const char *text);

/* The process that the request's cookie names; 0: none, or another host's. */
apr_uint64_t sticky_wanted(const request_rec *r,
                           const struct place_config *place);

/* The response sets the cookie to this process, unless the client has it so.
 * base_uri: "" at the root. May be called again, for another process. */
void sticky_tell(request_rec *r, const struct place_config *place,
                 const char *base_uri, apr_uint64_t id);

#endif
