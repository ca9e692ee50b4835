/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.c - see script.h.
 *
 * Which file runs is always what httpd itself found, never what is left of a
 * path: php-cgi, too, would look for the longest part of a path that is a file
 * and run picture.jpg for /picture.jpg/x.php.
 */
#include "script.h"

#include <apr_strings.h>
#include <http_core.h>
#include <string.h>
#include <strings.h>
#include <util_script.h>

#define EXTENSION ".php"

bool script_is_there(const request_rec *r)
{
    size_t len = r->filename != NULL ? strlen(r->filename) : 0;

    return r->finfo.filetype == APR_REG && len > strlen(EXTENSION) &&
           strcasecmp(r->filename + len - strlen(EXTENSION), EXTENSION) == 0;
}

/* With MergeSlashes off the uri may have several where one is meant. */
static const char *merge_slashes(request_rec *r, const char *uri)
{
    char *copy;

    if (strstr(uri, "//") == NULL) {
        return uri;
    }
    copy = apr_pstrdup(r->pool, uri);
    ap_no2slash(copy);
    return copy;
}

struct script script_of_file(request_rec *r)
{
    const char *path_info = r->path_info != NULL ? r->path_info : "";
    int name_len = ap_find_path_info(r->uri, path_info);

    return (struct script){
        .filename = r->filename,
        .name = merge_slashes(r, apr_pstrmemdup(r->pool, r->uri,
                                                (apr_size_t)name_len)),
        .path_info = path_info};
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* The uri of a file; one that no uri leads to is named as if it lay at base. */
static const char *uri_of(request_rec *r, const char *filename,
                          const char *base)
{
    const char *folder = site_clean_folder(r->pool,
                                           ap_context_document_root(r));
    const char *prefix = site_clean_folder(r->pool, ap_context_prefix(r));

    if (strcmp(prefix, "/") == 0) {
        prefix = "";
    }
    if (site_is_below(filename, folder)) {
        return apr_pstrcat(r->pool, prefix, filename + strlen(folder), NULL);
    }
    return apr_pstrcat(r->pool, base, "/", base_name(filename), NULL);
}

struct script script_of_front(request_rec *r, const struct site *site,
                              const char *base)
{
    const char *file = site->startup_file, *rest = r->uri + strlen(base);

    if (file[0] != '/') {
        file = apr_pstrcat(r->pool, site_clean_folder(r->pool, site->root),
                           "/", file, NULL);
    }
    return (struct script){.filename = file,
                           .name = uri_of(r, file, base),
                           .path_info = rest[0] != '\0' ? rest : "/"};
}

/*
 * Where the rest of the path would lead if it were a path of its own, but for
 * Alias and rewrites: a sub-request would know those, at the price of one for
 * each request of a front controller, and of lines in the log for what it may
 * not read.
 */
static const char *translate(request_rec *r, const char *path_info)
{
    return apr_pstrcat(r->pool,
                       site_clean_folder(r->pool, ap_document_root(r)),
                       path_info, NULL);
}

static void set_or_unset(apr_table_t *env, const char *name, const char *value)
{
    if (value != NULL && value[0] != '\0') {
        apr_table_setn(env, name, value);
    } else {
        apr_table_unset(env, name);
    }
}

void script_variables(request_rec *r, const struct script *script,
                      apr_table_t *env)
{
    bool has_rest = script->path_info[0] != '\0';

    if (has_rest) {
        /* Beside it php-cgi takes PATH_TRANSLATED for the script, as if Action
           had called it, or takes PATH_INFO away. */
        apr_table_unset(env, "REDIRECT_URL");
    }
    apr_table_setn(env, "SCRIPT_FILENAME", script->filename);
    apr_table_setn(env, "SCRIPT_NAME", script->name);
    set_or_unset(env, "PATH_INFO", script->path_info);
    set_or_unset(env, "PATH_TRANSLATED",
                 has_rest ? translate(r, script->path_info) : NULL);
    apr_table_setn(env, "CONTEXT_PREFIX", ap_context_prefix(r));
    apr_table_setn(env, "CONTEXT_DOCUMENT_ROOT", ap_context_document_root(r));
    apr_table_setn(env, "SERVER_ADMIN", r->server->server_admin);
    /* cgi.force_redirect wants to see that a web server asks. */
    if (apr_table_get(env, "REDIRECT_STATUS") == NULL) {
        apr_table_setn(env, "REDIRECT_STATUS", "200");
    }
}
