/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.h - what a request asks for, as the client wrote it.
 */
#ifndef MOD_APPPOOL_TARGET_H
#define MOD_APPPOOL_TARGET_H

#include <httpd.h>

/*
 * Path and query as the client sent them: of the first request when this one is
 * an internal redirect of it. An absolute-form target loses scheme and host.
 */
const char *target_as_sent(request_rec *r);

/*
 * The same for an application that has nothing but the target to go by: where
 * httpd has made another request of it (mod_rewrite, ErrorDocument, an SSI
 * include) it is that one's path, escaped, and its query.
 */
const char *target_that_counts(request_rec *r);

#endif
