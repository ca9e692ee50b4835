/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_check.c - contradictions that only the whole configuration shows.
 *
 * Runs for configtest as well as for a start, after httpd has merged the
 * vhosts. What can be repaired while httpd runs is only warned about.
 */
#include "config.h"

#include <http_core.h>
#include <http_log.h>
#include <pwd.h>
#include <unistd.h>
#include <unixd.h>

#include "definitions.h"

APLOG_USE_MODULE(apppool);

static int refuse(server_rec *s, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, s, "%s", what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The engine's user may be nobody else's: it could be spoken for. */
static int check_server_user(server_rec *s, const struct pool_settings *once)
{
    const struct passwd *user;

    if (once->server_user == NULL || geteuid() != 0) {
        return OK;
    }
    user = getpwnam(once->server_user);
    if (user != NULL && user->pw_uid == 0) {
        return refuse(s, "PoolServerUser must not be root; leave it out, or "
                      "make a user for the pool alone");
    }
    if (user != NULL && user->pw_uid == ap_unixd_config.user_id) {
        return refuse(s, "PoolServerUser must not be httpd's own User; leave "
                      "it out, or make a user for the pool alone");
    }
    return OK;
}

static int check_users(server_rec *s, const struct pool_settings *once,
                       const struct definitions *all)
{
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        const struct place_config *place =
            APR_ARRAY_IDX(all->all, i, struct definition *)->place;

        if (place->user != NULL && once->user_switching == 0) {
            return refuse(s, "PoolUser needs PoolUserSwitching on");
        }
        if (place->user != NULL && once->server_user != NULL &&
            strcmp(place->user, once->server_user) == 0) {
            return refuse(s, "PoolUser must not be PoolServerUser: no "
                          "application runs as the pool itself");
        }
        if (place->user != NULL && strcmp(place->user, "root") == 0) {
            return refuse(s, "PoolUser must not be root: no application runs "
                          "as root");
        }
    }
    return OK;
}

static int check_startup_files(server_rec *s, const struct definitions *all)
{
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        const struct definition *d =
            APR_ARRAY_IDX(all->all, i, struct definition *);

        if (d->site.startup_file != NULL && d->type == TYPE_AUTO) {
            return refuse(s, "PoolStartupFile needs PoolAppType, unless its "
                          "name ends in .ru or .py");
        }
    }
    return OK;
}

static void warn(server_rec *s, const struct definitions *all)
{
    int i;

    for (i = 0; i < all->notes->nelts; i++) {
        ap_log_error(APLOG_MARK, APLOG_WARNING | APLOG_STARTUP, 0, s, "%s",
                     APR_ARRAY_IDX(all->notes, i, const char *));
    }
}

int config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                 server_rec *s)
{
    const struct pool_settings *once = config_once(s);
    const struct definitions *all = definitions_collect(ptemp, s);
    int status;

    (void)pconf;
    (void)plog;
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        warn(s, all);
    }
    status = check_server_user(s, once);
    if (status == OK) {
        status = check_users(s, once, all);
    }
    if (status == OK) {
        status = check_startup_files(s, all);
    }
    if (status == OK && ap_unixd_config.chroot_dir != NULL) {
        status = refuse(s, "ChrootDir and mod_apppool do not go together: the "
                        "pool's programs are outside of it");
    }
    return status;
}
