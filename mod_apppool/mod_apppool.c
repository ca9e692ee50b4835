/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_apppool.c - the module record, and which hook is whose.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_status.h>
#include <mpm_common.h>

#include "boot.h"
#include "config.h"
#include "handler.h"
#include "resolve.h"
#include "status.h"

static void register_hooks(apr_pool_t *p)
{
    /* What maps a URI by the admin's word comes before PoolBaseURI. */
    static const char *const mappers[] = {"mod_rewrite.c", "mod_alias.c",
                                          "mod_proxy.c", "mod_userdir.c",
                                          NULL};
    static const char *const mod_dir[] = {"mod_dir.c", NULL};

    (void)p;
    ap_hook_check_config(config_check, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(boot_post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(boot_child_init, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(boot_child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(boot_monitor, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(resolve_note_uri, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(resolve_translate, mappers, NULL, APR_HOOK_LAST);
    ap_hook_map_to_storage(resolve_map_to_storage, NULL, NULL, APR_HOOK_LAST);
    ap_hook_fixups(resolve_before_dir, NULL, mod_dir, APR_HOOK_LAST);
    ap_hook_fixups(resolve_after_dir, mod_dir, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(handler_application, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(status_handler, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(health_handler, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, status_extend, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(apppool) = {
    STANDARD20_MODULE_STUFF,
    config_create_place,
    config_merge_place,
    config_create_server,
    config_merge_server,
    apppool_commands,
    register_hooks,
    AP_MODULE_FLAG_NONE
};
