/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_limits.c - see config_limits.h.
 */
#include "config_limits.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_config.h>
#include <http_main.h>
#include <sys/stat.h>

#include "app_type.h"
#include "other_hands.h"
#include "said.h"

const char *limits_contradiction(apr_pool_t *p,
                                 const struct pool_settings *once,
                                 const struct definition *d)
{
    int least = config_number(d->place->min_instances, 1);
    int most = config_number(d->place->max_per_app, 0);

    if (most > 0 && least > most) {
        return apr_psprintf(p, "PoolMinInstances %d is more than PoolMaxPerApp "
                            "%d; raise one or lower the other", least, most);
    }
    if (least > config_max(once)) {
        return apr_psprintf(p, "PoolMinInstances %d is more than PoolMax (%d), "
                            "which counts all applications; raise PoolMax",
                            least, config_max(once));
    }
    if (d->place->pre_start == 1 && least == 0) {
        return "PoolPreStart on starts PoolMinInstances processes, and that "
               "is 0; say at least 1";
    }
    return NULL;
}

apr_size_t limits_len_of_texts(const apr_array_header_t *texts)
{
    apr_size_t len = 0;
    int i;

    for (i = 0; texts != NULL && i < texts->nelts; i++) {
        len += strlen(APR_ARRAY_IDX(texts, i, const char *)) + 1;
    }
    return len;
}

const char *limits_too_many_variables(apr_pool_t *p,
                                      const struct definition *d)
{
    apr_size_t len = limits_len_of_texts(definitions_setenv(p, d->place));

    return len <= WIRE_MAX_STRING ? NULL : apr_psprintf(
        p, "PoolSetEnv makes variables of %" APR_SIZE_T_FMT " bytes in all, "
        "and %d is the most; let the application read what is large from a "
        "file", len, WIRE_MAX_STRING);
}

/* Only what is certainly not there: a folder that even root cannot see may be
 * one that the application's user can. */
static bool is_missing(const char *path)
{
    struct stat info;

    return stat(path, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* As httpd's own paths: a relative one is below the folder. */
static const char *path_in(apr_pool_t *p, const char *folder, const char *name)
{
    return name[0] == '/' ? name : apr_pstrcat(p, folder, "/", name, NULL);
}

static const char *missing_startup_file(apr_pool_t *p,
                                        const struct definition *d)
{
    const char *file = d->site.startup_file;
    const char *path;

    if (file == NULL || d->dynamic || d->site.link) {
        return NULL;
    }
    path = path_in(p, d->site.root, file);
    return is_missing(path) ? apr_psprintf(p, "PoolStartupFile %s: there is no "
                                           "%s", file, path) : NULL;
}

const char *limits_open_to_others(apr_pool_t *p, const char *file)
{
    const char *folder = in_other_hands(p, ap_make_dirstr_parent(p, file));

    return folder ? apr_psprintf(p, "PoolLogFile %s: the folder %s must belong "
                                 "to root or to who starts httpd, and nobody "
                                 "else may write it: a link there could lead "
                                 "to any file", file, folder) : NULL;
}

static const char *unfit_log_folder(apr_pool_t *p, const struct definition *d)
{
    const char *file = d->place->log_file;
    const char *folder;

    if (file == NULL || file[0] == '|') {
        return NULL;
    }
    folder = ap_make_dirstr_parent(p, file);
    return is_missing(folder)
               ? apr_psprintf(p, "PoolLogFile %s: there is no folder %s; make "
                              "it", file, folder)
               : limits_open_to_others(p, file);
}

/* One without a slash is found by PATH. */
static const char *missing_program(apr_pool_t *p, const char *directive,
                                   const char *folder, const char *command)
{
    const char *program = ap_getword_conf(p, &command);
    const char *path = path_in(p, folder, program);

    return strchr(program, '/') != NULL && is_missing(path)
               ? apr_psprintf(p, "%s: there is no program %s", directive, path)
               : NULL;
}

static const char *missing_command(apr_pool_t *p, const struct definition *d)
{
    return d->site.command != NULL && !d->dynamic && !d->site.link
               ? missing_program(p, "PoolAppCommand", d->site.root,
                                 d->site.command)
               : NULL;
}

/* As ErrorLog: || is | and |$ a line for a shell. */
static const char *missing_logger(apr_pool_t *p, const struct definition *d)
{
    const char *file = d->place->log_file;

    if (file == NULL || file[0] != '|' || file[1] == '$') {
        return NULL;
    }
    return missing_program(p, "PoolLogFile", ap_server_root,
                           file + strspn(file, "|"));
}

const char *limits_missing(apr_pool_t *p, const struct definition *d)
{
    const char *what = missing_startup_file(p, d);

    if (what == NULL) {
        what = missing_command(p, d);
    }
    if (what == NULL) {
        what = missing_logger(p, d);
    }
    return what ? what : unfit_log_folder(p, d);
}

static void note(struct definitions *all, apr_pool_t *p,
                 const struct definition *d, const char *directive,
                 const char *what)
{
    APR_ARRAY_PUSH(all->notes, const char *) =
        apr_psprintf(p, "%sapplication %s: %s", said_where(p, d->place->said,
                                                            directive),
                     d->site.root, what);
}

/* What would start now, where the configuration does not say it. */
static enum apppool_type type_on_disk(apr_pool_t *p,
                                      const struct definition *d)
{
    const char *root = apr_pstrcat(p, d->site.root, d->site.link ? "/../" : "/",
                                   NULL);
    size_t i;

    for (i = 0; d->site.type == TYPE_AUTO && i < APP_N_STARTUP_FILES; i++) {
        if (!is_missing(apr_pstrcat(p, root, app_startup_files[i].name,
                                    NULL))) {
            return app_startup_files[i].type;
        }
    }
    return d->site.type;
}

static void note_concurrency(apr_pool_t *p, struct definitions *all,
                             const struct definition *d)
{
    int threads = config_number(d->place->threads, 1);
    int concurrency = config_number(d->place->concurrency, threads);

    if (app_type(type_on_disk(p, d))->has_threads &&
        (concurrency > threads || concurrency == 0)) {
        note(all, p, d, "PoolConcurrency", apr_psprintf(
            p, "PoolConcurrency %d hands a process more requests than its "
            "PoolThreads %d work on; they wait there though another process "
            "may be free", concurrency, threads));
    }
}

/* Started with httpd, all together. */
static int count_pre_started(const struct definitions *all)
{
    int n = 0, i;

    for (i = 0; i < all->all->nelts; i++) {
        const struct place_config *place =
            APR_ARRAY_IDX(all->all, i, struct definition *)->place;

        if (place->pre_start == 1) {
            n += config_number(place->min_instances, 1);
        }
    }
    return n;
}

void limits_note(apr_pool_t *p, const struct pool_settings *once,
                 struct definitions *all)
{
    int started = count_pre_started(all);
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        note_concurrency(p, all, APR_ARRAY_IDX(all->all, i,
                                               struct definition *));
    }
    if (started > config_max(once)) {
        APR_ARRAY_PUSH(all->notes, const char *) = apr_psprintf(
            p, "%sPoolPreStart is to start %d processes, and PoolMax is %d: "
            "not all will start with httpd",
            said_where(p, once->said, "PoolMax"), started, config_max(once));
    }
}
