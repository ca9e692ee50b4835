/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.h - the server's life bound to httpd's: start, restart, stop, children.
 */
#ifndef MOD_APPPOOL_BOOT_H
#define MOD_APPPOOL_BOOT_H

#include <httpd.h>

/* Hooks of httpd. */
int boot_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *s);
void boot_child_init(apr_pool_t *pchild, server_rec *s);
void boot_child_stopping(apr_pool_t *pchild, int graceful);
int boot_monitor(apr_pool_t *p, server_rec *s);

#endif
