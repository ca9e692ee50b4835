/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot.c - when httpd's parent starts, keeps and ends the pool server.
 *
 * post_config runs twice at start; only the pass of the real configuration
 * counts. A graceful restart keeps the server. A hard one and a stop are
 * announced by APR_OC_REASON_RESTART, which a graceful one is not; then the
 * server is told to end at once, while httpd ends its children. A stop without
 * that announcement (prefork's graceful stop) shows in the cleanup of pconf.
 */
#include "boot.h"

#include <ap_mpm.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <mpm_common.h>
#include <unistd.h>

#include "child.h"
#include "config.h"
#include "configure.h"
#include "keeper.h"
#include "socket.h"

APLOG_USE_MODULE(apppool);

static int httpd_is_stopping(void)
{
    int state = AP_MPMQ_RUNNING;

    ap_mpm_query(AP_MPMQ_MPM_STATE, &state);
    return state == AP_MPMQ_STOPPING;
}

/* One server that httpd waits for. Each has a record of its own: by this APR
 * finds which of its records is to go, and boot_monitor() may have started the
 * next server before httpd has reaped this one. */
struct watched {
    apr_proc_t process;
    struct keeper *keeper;
};

static void watch_server(struct keeper *keeper);

static void on_server_ended(struct keeper *keeper)
{
    struct pool_settings *once = config_once(ap_server_conf);

    if (keeper_has_server(keeper) || keeper->is_stopping ||
        httpd_is_stopping()) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, ap_server_conf,
                 "the pool server has ended unexpectedly; starting it anew");
    keeper_start(keeper, ap_server_conf, once);
    watch_server(keeper);
}

static void on_other_child(int reason, void *data, int status)
{
    struct watched *watched = data;
    struct keeper *keeper = watched->keeper;

    (void)status;
    switch (reason) {
    case APR_OC_REASON_DEATH:
    case APR_OC_REASON_LOST:
        apr_proc_other_child_unregister(watched);
        on_server_ended(keeper);
        break;
    case APR_OC_REASON_RESTART:
        keeper->is_stopping = 1;
        keeper_tell_end(keeper);
        break;
    default:
        break; /* handled already, or a graceful restart */
    }
}

/* httpd reaps it for us and tells; until pconf is cleared. */
static void watch_server(struct keeper *keeper)
{
    apr_pool_t *pconf = ap_server_conf->process->pconf;
    struct watched *watched; /* APR keeps the pointers, not copies */

    if (keeper->server.pid != 0) {
        watched = apr_pcalloc(pconf, sizeof(*watched));
        watched->process.pid = keeper->server.pid;
        watched->keeper = keeper;
        apr_proc_other_child_register(&watched->process, on_other_child,
                                      watched, NULL, pconf);
    }
}

/* post_config's plog: httpd clears it between reading its configuration and
 * the next post_config. */
static apr_pool_t *until_read;

static apr_status_t on_conf_cleared(void *data)
{
    struct keeper *keeper = data;

    if (keeper->parent != getpid()) {
        return APR_SUCCESS; /* a fork of the parent that cleans up */
    }
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING) {
        keeper_tell_end(keeper);
        keeper_await_end(keeper);
        mailbox_close(&keeper->box);
    } else if (!keeper->is_stopping) {
        keeper_announce_reload(keeper, until_read);
    }
    return APR_SUCCESS;
}

static void log_notes(const struct definitions *all, server_rec *s)
{
    int i;

    for (i = 0; i < all->notes->nelts; i++) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "%s",
                     APR_ARRAY_IDX(all->notes, i, const char *));
    }
}

static void log_unprivileged(server_rec *s)
{
    if (geteuid() != 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "httpd was not started as "
                     "root: all applications run as its own user");
    }
}

int boot_post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                     server_rec *s)
{
    struct pool_settings *once = config_once(s);
    struct keeper *keeper;
    const char *error;

    until_read = plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    keeper = keeper_get();
    keeper->is_stopping = 0;
    once->definitions = definitions_collect(pconf, s);
    log_notes(once->definitions, s);
    log_unprivileged(s);
    error = configure_open_logs(once->definitions, once, s, pconf);
    if (error != NULL) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "%s; what applications print "
                     "goes to the error log", error);
    }
    keeper_number(keeper, once->definitions);
    keeper_start(keeper, s, once);
    watch_server(keeper);
    apr_pool_cleanup_register(pconf, keeper, on_conf_cleared,
                              apr_pool_cleanup_null);
    return OK;
}

/* Every ten seconds or so in the parent. */
int boot_monitor(apr_pool_t *p, server_rec *s)
{
    struct keeper *keeper = keeper_get();

    (void)p;
    keeper_look_after_ending(keeper);
    keeper_look_after_shared(keeper, s);
    if (!keeper->is_stopping && !httpd_is_stopping() &&
        !keeper_has_server(keeper)) {
        keeper_start(keeper, s, config_once(s));
        watch_server(keeper);
    }
    return OK;
}

/* Once: APR finds it by making a file there. */
static void choose_buffer_dir(struct pool_settings *once, apr_pool_t *pchild)
{
    if (once->buffer_dir == NULL) {
        apr_temp_dir_get(&once->buffer_dir, pchild); /* else each body tries */
    }
}

void boot_child_init(apr_pool_t *pchild, server_rec *s)
{
    struct keeper *keeper = keeper_get();

    struct apppool_server_state server = keeper->server;
    struct mailbox box = keeper->box;

    server.generation = keeper->generation;
    if (keeper->parent == getpid()) { /* -X: what it gives up are copies */
        server.rendezvous = fd_duplicate(server.rendezvous);
        box.reader = fd_duplicate(box.reader);
        server.admin = server.pidfd = box.writer = -1;
    } else {
        fd_close(&keeper->ledger);
    }
    choose_buffer_dir(config_once(s), pchild);
    config_once(s)->child = child_new(pchild, s, &server, &box,
                                      keeper->parent);
}

void boot_child_stopping(apr_pool_t *pchild, int graceful)
{
    struct child *child = config_once(ap_server_conf)->child;

    (void)pchild;
    if (!graceful && child != NULL) {
        child_stop(child);
    }
}
