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
#include "config_limits.h"
#include "definitions.h"
#include "said.h"

APLOG_USE_MODULE(apppool);

/* who: whom the sentence is about; said: what is said there, so that file and
 * line of the directive that who or what begins with can be named; or NULL. */
static int refuse(server_rec *s, const apr_array_header_t *said,
                  const char *who, const char *what)
{
    apr_pool_t *p = s->process->pconf;
    const char *sentence = strncmp(who, "Pool", 4) == 0 ? who : what;
    const char *directive = apr_pstrmemdup(p, sentence,
                                           strcspn(sentence, " "));

    ap_log_error(APLOG_MARK, APLOG_CRIT | APLOG_STARTUP, 0, s, "%s%s %s",
                 said_where(p, said, directive), who, what);
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
        return refuse(s, once->said, who,
                      "must not be root; leave it out, or make a user for the "
                      "pool alone");
    }
    if (user != NULL && user->pw_uid == ap_unixd_config.user_id) {
        return refuse(s, once->said, who,
                      "must not be httpd's own User; leave it out, or make a "
                      "user for the pool alone");
    }
    return OK;
}

static int check_patterns(server_rec *s, const struct pool_settings *once)
{
    apr_size_t len = limits_len_of_texts(once->allow_roots);

    return len <= WIRE_MAX_STRING
               ? OK
               : refuse(s, once->said, "PoolAllowRoots", apr_psprintf(
                     s->process->pconf, "names patterns of %" APR_SIZE_T_FMT
                     " bytes in all, and %d is the most; let one with a * "
                     "stand for many", len, WIRE_MAX_STRING));
}

static int check_user(server_rec *s, const struct pool_settings *once,
                      const struct place_config *place)
{
    const char *user = place->user;
    const char *who = apr_pstrcat(s->process->pconf, "PoolUser ", user, NULL);

    if (once->user_switching == 0) {
        return refuse(s, place->said, who, "needs PoolUserSwitching on");
    }
    if (once->server_user != NULL && strcmp(user, once->server_user) == 0) {
        return refuse(s, place->said, who,
                      "is PoolServerUser, too: no application runs as the "
                      "pool itself; name another");
    }
    return OK;
}

static int check_users(server_rec *s, const struct pool_settings *once,
                       const struct definitions *all)
{
    int i, status = OK;

    for (i = 0; i < all->all->nelts && status == OK; i++) {
        const struct place_config *place =
            APR_ARRAY_IDX(all->all, i, struct definition *)->place;

        if (place->user != NULL) {
            status = check_user(s, once, place);
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
        return "PoolSpawnMethod smart is for rack, wsgi, psgi and php; say "
               "direct";
    }
    return d->site.type == TYPE_PHP ? php_contradiction(d) : NULL;
}

static bool is_configtest(void)
{
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
}

/* configtest refuses what is not on disk; a start goes on, since it may come
 * with the next deployment. */
static const char *fault_of(apr_pool_t *p, const struct pool_settings *once,
                            const struct definition *d)
{
    const char *what = contradiction(d);

    if (what == NULL) {
        what = limits_contradiction(p, once, d);
    }
    if (what == NULL) {
        what = limits_too_many_variables(p, d);
    }
    if (what == NULL && is_configtest()) {
        what = limits_missing(p, d);
    }
    return what;
}

static int check_applications(server_rec *s, const struct pool_settings *once,
                              const struct definitions *all)
{
    apr_pool_t *p = s->process->pconf;
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        const struct definition *d =
            APR_ARRAY_IDX(all->all, i, struct definition *);
        const char *what = fault_of(p, once, d);

        if (what != NULL) {
            return refuse(s, d->place->said, apr_psprintf(
                p, "application %s (%s):", d->site.root,
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

/* Another module's directive, at the top of the main server. */
static const char *where_is(apr_pool_t *p, const char *directive)
{
    const ap_directive_t *d;

    for (d = ap_conftree; d != NULL; d = d->next) {
        if (ap_cstr_casecmp(d->directive, directive) == 0) {
            return apr_psprintf(p, "%s:%d: ", d->filename, d->line_num);
        }
    }
    return "";
}

static int refuse_chroot(server_rec *s, apr_pool_t *p)
{
    const char *who = apr_pstrcat(p, where_is(p, "ChrootDir"), "ChrootDir",
                                  NULL);

    return refuse(s, NULL, who, "and mod_apppool do not go together: the "
                  "pool's programs are outside of it");
}

int config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                 server_rec *s)
{
    const struct pool_settings *once = config_once(s);
    struct definitions *all = definitions_collect(ptemp, s);
    int status;

    (void)pconf;
    (void)plog;
    if (is_configtest()) {
        limits_note(ptemp, once, all);
        warn(s, all);
    }
    status = check_server_user(s, once);
    if (status == OK) {
        status = check_patterns(s, once);
    }
    if (status == OK) {
        status = check_users(s, once, all);
    }
    if (status == OK) {
        status = check_applications(s, once, all);
    }
    if (status == OK && ap_unixd_config.chroot_dir != NULL) {
        status = refuse_chroot(s, ptemp);
    }
    return status;
}
