/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.h - httpd's request in the shape that a protocol wants.
 */
#ifndef MOD_APPPOOL_REQUEST_H
#define MOD_APPPOOL_REQUEST_H

#include "body.h"
#include "config.h"
#include "protocol.h"
#include "script.h"

/*
 * base_uri: as environment_of_request(). script: php's, without a filename in
 * other languages. Everything lives in r->pool.
 */
struct app_request request_of(request_rec *r, const struct protocol *protocol,
                              const struct place_config *place,
                              const struct body *body, const char *base_uri,
                              const struct script *script);

#endif
