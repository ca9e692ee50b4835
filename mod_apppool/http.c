/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the protocol of Node.js, of ASGI servers, and of any HTTP server.
 */
#include "http.h"

const struct protocol protocol_http = {
    .name = "http",
    .wants_headers = true,
    .takes_unmeasured = true,
    .may_leave_body = true,
    .may_say_more = true,
    .make_head = http_head,
    .wrap = http_wrap,
    .open = http_response_open,
    .feed = http_response_feed,
    .eof = http_response_eof,
};
