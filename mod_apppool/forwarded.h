/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forwarded.h - tells an http application who asked, and how
 * (PoolForwardedHeaders).
 */
#ifndef MOD_APPPOOL_FORWARDED_H
#define MOD_APPPOOL_FORWARDED_H

#include <httpd.h>
#include <stdbool.h>

enum forwarded {
    FORWARDED_OFF,     /* what the client sent passes untouched */
    FORWARDED_ON,      /* X-Forwarded-For, -Proto, -Host, -Port */
    FORWARDED_RFC7239  /* these, and Forwarded */
};

/* Is it a header that only httpd may say where it is not off? */
bool forwarded_is_ours(const char *name);

/* Add them. */
void forwarded_add(request_rec *r, enum forwarded how, apr_table_t *headers);

#endif
