/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_version.c - a module of httpd that makes the one of before a restart
 * look like another version of mod_apppool.
 */
#include <httpd.h>

#include <http_config.h>

#include "keeper.h"

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s)
{
    struct keeper *keeper = ap_retained_data_get("mod_apppool/keeper");

    (void)pconf, (void)plog, (void)ptemp, (void)s;
    if (keeper != NULL) {
#ifdef OTHER_LAYOUT
        keeper->layout--;
#else
        keeper->options[strlen(keeper->options) - 1]++; /* the wire's version */
#endif
    }
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

AP_DECLARE_MODULE(other_version) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};
