/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scgi.c - the protocol to our loaders and to foreign SCGI programs.
 */
#include "scgi.h"

/* A body needs no wrapping: its length comes first. */
static apr_size_t wrap(const struct app_request *request, apr_size_t len,
                       struct app_wrapping *w)
{
    (void)request;
    (void)w;
    return len;
}

const struct protocol protocol_scgi = {
    .name = "scgi",
    .make_head = scgi_head,
    .wrap = wrap,
    .open = scgi_response_open,
    .feed = scgi_response_feed,
    .eof = scgi_response_eof,
};
