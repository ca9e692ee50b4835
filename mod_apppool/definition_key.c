/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition_key.c - what the processes of an application are made of, as text.
 *
 * Two places with one key share processes. Fields end in a newline, which no
 * directive's argument can hold.
 */
#include "definitions.h"

#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>

#include "app_type.h"
#include "definition_key.h"

apr_array_header_t *definitions_interpreters(apr_pool_t *p,
                                             const struct place_config *place,
                                             enum apppool_type type)
{
    const struct { const char *directive, *path; } all[] = {
        {"PoolRuby", place->ruby}, {"PoolPython", place->python},
        {"PoolNode", place->node}, {"PoolPerl", place->perl},
        {"PoolPhp", place->php}};
    const char *own = app_type(type)->directive;
    apr_array_header_t *named = apr_array_make(p, 5, sizeof(char *));
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].path != NULL &&
            (type == TYPE_AUTO ||
             (own != NULL && strcmp(own, all[i].directive) == 0))) {
            APR_ARRAY_PUSH(named, const char *) =
                apr_pstrcat(p, all[i].directive, "=", all[i].path, NULL);
        }
    }
    return named;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

apr_array_header_t *definitions_setenv(apr_pool_t *p,
                                       const struct place_config *place)
{
    apr_array_header_t *all = apr_array_make(p, 8, sizeof(char *));
    apr_hash_index_t *i;

    if (place->setenv == NULL) {
        return all;
    }
    for (i = apr_hash_first(p, place->setenv); i; i = apr_hash_next(i)) {
        APR_ARRAY_PUSH(all, const char *) =
            apr_pstrcat(p, (const char *)apr_hash_this_key(i), "=",
                        (const char *)apr_hash_this_val(i), NULL);
    }
    qsort(all->elts, (size_t)all->nelts, sizeof(char *), compare_texts);
    return all;
}

/* Some take their base URI at start; the others are told by each request. */
static const char *base_uri_of(const struct site *site)
{
    return app_type(site->type)->takes_base_uri ? site->base_uri : "";
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

const char *definition_key(apr_pool_t *p, const struct place_config *place,
                           const struct site *site, const char *root)
{
    const char *numbers = apr_psprintf(
        p, "%d %d %d %d %d", (int)site->type, (int)site->protocol,
        config_number(place->threads, 1),
        config_number(place->spawn_method, SPAWN_DEFAULT), site->link);
    const char *interpreters = apr_array_pstrcat(
        p, definitions_interpreters(p, place, site->type), ' ');
    const char *setenv = place->setenv
                             ? apr_array_pstrcat(
                                   p, definitions_setenv(p, place), '\n')
                             : "";

    return apr_pstrcat(p, root, "\n", numbers, "\n",
                       or_empty(site->startup_file), "\n",
                       or_empty(site->command), "\n",
                       config_environment(place), "\n", interpreters, "\n",
                       or_empty(place->user), "\n", or_empty(place->group),
                       "\n", or_empty(place->isolation), "\n",
                       base_uri_of(site), "\n", setenv, NULL);
}
