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

#include "definition_key.h"

const char *definitions_interpreter(const struct place_config *place,
                                    enum apppool_type type)
{
    if (type == TYPE_RACK) {
        return place->ruby;
    }
    return type == TYPE_WSGI ? place->python : NULL;
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

/* Ruby takes its base URI at start; the others are told by each request. */
static const char *base_uri_of(const struct site *site, enum apppool_type type)
{
    return type == TYPE_WSGI ? "" : site->base_uri;
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

const char *definition_key(apr_pool_t *p, const struct place_config *place,
                           const struct site *site, const char *root,
                           enum apppool_type type)
{
    const char *numbers = apr_psprintf(
        p, "%d %d %d %d", (int)type, config_number(place->threads, 1),
        config_number(place->spawn_method, SPAWN_DEFAULT), site->link);
    const char *setenv = place->setenv
                             ? apr_array_pstrcat(
                                   p, definitions_setenv(p, place), '\n')
                             : "";

    return apr_pstrcat(p, root, "\n", numbers, "\n",
                       or_empty(site->startup_file), "\n",
                       config_environment(place), "\n",
                       or_empty(definitions_interpreter(place, type)), "\n",
                       or_empty(place->user), "\n", or_empty(place->group),
                       "\n", base_uri_of(site, type), "\n", setenv, NULL);
}
