/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.c - see root.h.
 */
#include "root.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

static const char *absolute(const char *word, apr_pool_t *p)
{
    char *folder = NULL, *path = NULL;
    size_t len;

    if (apr_filepath_get(&folder, APR_FILEPATH_NATIVE, p) != APR_SUCCESS ||
        apr_filepath_merge(&path, folder, word, APR_FILEPATH_NATIVE, p) !=
            APR_SUCCESS) {
        return word;
    }
    len = strlen(path);
    return len > 1 && path[len - 1] == '/' ? apr_pstrmemdup(p, path, len - 1)
                                           : path;
}

/* Links followed; NULL: it is not there. */
static const char *resolved(const char *path, apr_pool_t *p)
{
    char *real = realpath(path, NULL);
    const char *copy = real != NULL ? apr_pstrdup(p, real) : NULL;

    free(real);
    return copy;
}

/* A root may be a link to the public folder (PoolBaseURI). */
static int leads_to(const char *root, const char *real, apr_pool_t *p)
{
    const char *theirs = resolved(root, p);

    return theirs != NULL &&
           (strcmp(theirs, real) == 0 ||
            strcmp(theirs, apr_pstrcat(p, real, "/public", NULL)) == 0);
}

const char *root_known(const char *word, const json_t *status, apr_pool_t *p)
{
    const char *path = absolute(word, p);
    const char *real = resolved(path, p), *found = NULL;
    const json_t *app;
    size_t i;

    json_array_foreach(json_object_get(status, "applications"), i, app) {
        const char *root = json_string_value(json_object_get(app, "root"));

        if (root != NULL && strcmp(root, path) == 0) {
            return path;
        }
        if (root != NULL && found == NULL && real != NULL &&
            leads_to(root, real, p)) {
            found = apr_pstrdup(p, root);
        }
    }
    return found != NULL ? found : path;
}
