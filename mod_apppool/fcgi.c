/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fcgi.c - the protocol to php-cgi and other FastCGI programs.
 */
#include "fcgi.h"

/* A piece of the body is a record of STDIN; an empty one ends it. */
static apr_size_t wrap(const struct app_request *request, apr_size_t len,
                       struct app_wrapping *w)
{
    apr_size_t part = len < FCGI_CONTENT_MAX ? len : FCGI_CONTENT_MAX;

    (void)request;
    fcgi_put_header(w->before, FCGI_STDIN, part);
    w->before_len = FCGI_HEADER_LEN;
    return part;
}

const struct protocol protocol_fastcgi = {
    .name = "fastcgi",
    .may_say_more = true,
    .make_head = fcgi_head,
    .wrap = wrap,
    .open = fcgi_response_open,
    .feed = fcgi_response_feed,
    .eof = fcgi_response_eof,
};
