/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_check.c - contradictions that only the whole configuration shows.
 *
 * Runs for configtest as well as for a start, after httpd has merged the
 * vhosts. What can be repaired while httpd runs is only warned about.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <pwd.h>
#include <unistd.h>
#include <unixd.h>

#include "app_type.h"
#include "definitions.h"

APLOG_USE_MODULE(apppool);

/* who: whom the sentence is about. */
static int refuse(server_rec *s, const char *who, const char *what)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, s, "%s %s", who,
                 what);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The engine's user may be nobody else's: it could be spoken for. */
static int check_server_user(server_rec *s, const struct pool_settings *once)
{
    const struct passwd *user;
    const char *who;

    if (once->server_user == NULL || geteuid() != 0) {
        return OK;
    }
    user = getpwnam(once->server_user);
    who = apr_pstrcat(s->process->pconf, "PoolServerUser ", once->server_user,
                      NULL);
    if (user != NULL && user->pw_uid == 0) {
        return refuse(s, who, "must not be root; leave it out, or make a user "
                      "for the pool alone");
    }
    if (user != NULL && user->pw_uid == ap_unixd_config.user_id) {
        return refuse(s, who, "must not be httpd's own User; leave it out, or "
                      "make a user for the pool alone");
    }
    return OK;
}

static int check_user(server_rec *s, const struct pool_settings *once,
                      const char *user)
{
    const char *who = apr_pstrcat(s->process->pconf, "PoolUser ", user, NULL);

    if (once->user_switching == 0) {
        return refuse(s, who, "needs PoolUserSwitching on");
    }
    if (once->server_user != NULL && strcmp(user, once->server_user) == 0) {
        return refuse(s, who, "is PoolServerUser, too: no application runs as "
                      "the pool itself; name another");
    }
    return OK;
}

static int check_users(server_rec *s, const struct pool_settings *once,
                       const struct definitions *all)
{
    int i, status = OK;

    for (i = 0; i < all->all->nelts && status == OK; i++) {
        const char *user =
            APR_ARRAY_IDX(all->all, i, struct definition *)->place->user;

        if (user != NULL) {
            status = check_user(s, once, user);
        }
    }
    return status;
}

static bool sets(const struct definition *d, const char *name)
{
    return d->place->setenv != NULL &&
           apr_hash_get(d->place->setenv, name, APR_HASH_KEY_STRING) != NULL;
}

/* What php-cgi would do on its own and the pool does instead; NULL: nothing. */
static const char *php_contradiction(const struct definition *d)
{
    if (sets(d, "PHP_FCGI_CHILDREN")) {
        return "PHP_FCGI_CHILDREN is not for a pool, which starts processes "
               "itself; say PoolMaxPerApp";
    }
    if (sets(d, "PHP_FCGI_MAX_REQUESTS")) {
        return "PHP_FCGI_MAX_REQUESTS is not for a pool, which counts requests "
               "itself; say PoolMaxRequests";
    }
    return NULL;
}

/* What goes together in a type's own words; NULL: all does. */
static const char *contradiction(const struct definition *d)
{
    const struct app_type *type = app_type(d->site.type);
    bool is_command = d->site.type == TYPE_COMMAND;
    bool is_auto = d->site.type == TYPE_AUTO;

    if (is_auto && d->site.startup_file != NULL) {
        return "PoolStartupFile needs PoolAppType beside it: the file's name "
               "does not tell its language";
    }
    if (is_command && d->site.command == NULL) {
        return "PoolAppType command needs PoolAppCommand";
    }
    if (!is_command && d->site.command != NULL) {
        return "PoolAppCommand is for PoolAppType command only; leave one of "
               "them out";
    }
    if (is_command && d->site.startup_file != NULL) {
        return "PoolStartupFile is not for a command; name the file in "
               "PoolAppCommand";
    }
    if (!is_command && d->site.protocol != 0 &&
        d->site.protocol != type->protocol) {
        return "PoolAppProtocol is for PoolAppCommand: other types speak the "
               "protocol of their loader";
    }
    if (!type->has_threads && config_number(d->place->threads, 1) > 1) {
        return "PoolThreads is for rack and wsgi; say PoolThreads 1 here; "
               "PoolConcurrency and PoolMaxPerApp serve more requests at once";
    }
    if (!type->can_be_smart && d->place->spawn_method == SPAWN_SMART) {
        return "PoolSpawnMethod smart is for rack, wsgi and psgi; say direct";
    }
    return d->site.type == TYPE_PHP ? php_contradiction(d) : NULL;
}

static int check_types(server_rec *s, const struct definitions *all)
{
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        const struct definition *d =
            APR_ARRAY_IDX(all->all, i, struct definition *);
        const char *what = contradiction(d);

        if (what != NULL) {
            return refuse(s, apr_psprintf(s->process->pconf, "application %s "
                                          "(%s):", d->site.root,
                                          app_type(d->site.type)->name), what);
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
        status = check_types(s, all);
    }
    if (status == OK && ap_unixd_config.chroot_dir != NULL) {
        status = refuse(s, "ChrootDir", "and mod_apppool do not go together: "
                        "the pool's programs are outside of it");
    }
    return status;
}
