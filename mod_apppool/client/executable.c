/* SPDX-License-Identifier: Apache-2.0 */
/*
 * executable.c - completes and checks a server's options before it is started.
 *
 * The programs get the starter's privileges, so nobody else may have written
 * them.
 */
#include "launcher.h"

#include "installed.h"

#include <apr_strings.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_empty(const char *text)
{
    return text == NULL || text[0] == '\0';
}

/* A name without a slash along PATH; NULL: nowhere. */
static const char *find_in_path(const char *name, apr_pool_t *p)
{
    const char *folder = getenv("PATH");
    struct stat st;

    if (folder == NULL) {
        folder = "/usr/local/bin:/usr/bin:/bin";
    }
    while (*folder != '\0') {
        size_t len = strcspn(folder, ":");
        const char *path = apr_psprintf(p, "%.*s/%s", (int)len, folder, name);

        /* Only absolute folders: where we stand is nobody's choice. */
        if (folder[0] == '/' && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
            access(path, X_OK) == 0) {
            return path;
        }
        folder += len;
        folder += *folder == ':';
    }
    return NULL;
}

/* Why the program at this path must not be started; NULL: it may. */
static const char *fault(const struct stat *st)
{
    const uid_t starter = geteuid();

    if (!S_ISREG(st->st_mode)) {
        return "not a regular file";
    }
    if (st->st_uid != 0 && st->st_uid != starter) {
        return "owned by neither root nor the user who starts it";
    }
    if ((st->st_mode & S_IWOTH) != 0) {
        return "everybody can write it";
    }
    if ((st->st_mode & S_IWGRP) != 0 && starter == 0 && st->st_gid != 0) {
        return "its group can write it, and root would start it";
    }
    return NULL;
}

static apr_status_t check_program(const char *what, const char *path,
                                  const char **message_r, apr_pool_t *p)
{
    const char *reason = NULL;
    struct stat st;
    int error = 0;
    char text[160];

    if (stat(path, &st) < 0) {
        error = errno;
    } else {
        reason = fault(&st);
        if (reason != NULL || access(path, X_OK) < 0) {
            error = EACCES;
        }
    }
    if (error == 0) {
        return APR_SUCCESS;
    }
    if (reason == NULL) {
        reason = apr_strerror(APR_FROM_OS_ERROR(error), text, sizeof(text));
    }
    *message_r = apr_psprintf(p, "%s: %s: %s", what, path, reason);
    return APR_FROM_OS_ERROR(error);
}

/* *program: found and checked, an absolute path or as given. */
static apr_status_t complete_program(const char *what, const char **program,
                                     const char *installed,
                                     const char **message_r, apr_pool_t *p)
{
    const char *given = is_empty(*program) ? installed : *program;

    *program = strchr(given, '/') != NULL ? apr_pstrdup(p, given)
                                          : find_in_path(given, p);
    if (*program == NULL) {
        *message_r = apr_psprintf(p, "%s: %s: not found in PATH", what, given);
        return APR_ENOENT;
    }
    return check_program(what, *program, message_r, p);
}

static const char *copy_or(const char *text, const char *otherwise,
                           apr_pool_t *p)
{
    return text == NULL ? otherwise : apr_pstrdup(p, text);
}

apr_status_t launcher_check(const struct apppool_server_options *options,
                            struct apppool_server_options *complete_r,
                            const char **message_r, apr_pool_t *p)
{
    struct apppool_server_options *o = complete_r;
    apr_status_t rv;

    *o = *options;
    o->log_file = is_empty(o->log_file) ? NULL : apr_pstrdup(p, o->log_file);
    o->environment = copy_or(o->environment, "production", p);
    o->ruby = is_empty(o->ruby) ? "ruby" : apr_pstrdup(p, o->ruby);
    o->user = is_empty(o->user) ? "nobody" : apr_pstrdup(p, o->user);
    o->runtime_dir = is_empty(o->runtime_dir) ? NULL
                                              : apr_pstrdup(p, o->runtime_dir);
    rv = complete_program("pool server", &o->server_executable,
                          APPPOOL_SERVER_PATH, message_r, p);
    if (rv == APR_SUCCESS) {
        rv = complete_program("spawn server", &o->spawn_server,
                              APPPOOL_SPAWN_PATH, message_r, p);
    }
    return rv;
}
