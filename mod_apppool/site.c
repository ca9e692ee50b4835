/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.c - from directives to the root of an application.
 */
#include "site.h"

#include <apr_strings.h>
#include <string.h>

#include "app_type.h"

#define PUBLIC "/public"

bool site_is_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    if (len > 0 && folder[len - 1] == '/') {
        len--;
    }
    return strncmp(path, folder, len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

const char *site_clean_folder(apr_pool_t *p, const char *folder)
{
    size_t len = strlen(folder);

    while (len > 1 && folder[len - 1] == '/') {
        len--;
    }
    return folder[len] == '\0' ? folder : apr_pstrmemdup(p, folder, len);
}

const struct base_uri *site_base_uri(const server_rec *s, const char *uri)
{
    const apr_array_header_t *all = config_server(s)->base_uris;
    const struct base_uri *best = NULL;
    int i;

    for (i = 0; i < all->nelts; i++) {
        const struct base_uri *base = &APR_ARRAY_IDX(all, i, struct base_uri);

        if (site_is_below(uri, base->uri) &&
            (best == NULL || strlen(base->uri) > strlen(best->uri))) {
            best = base;
        }
    }
    return best;
}

apr_array_header_t *site_command_words(apr_pool_t *p, const char *command)
{
    apr_array_header_t *words = apr_array_make(p, 8, sizeof(char *));

    while (*command != '\0') {
        const char *word = ap_getword_conf(p, &command);

        APR_ARRAY_PUSH(words, const char *) = word;
    }
    return words;
}

enum apppool_protocol site_protocol_of_name(const char *name)
{
    static const struct {
        const char *name;
        enum apppool_protocol protocol;
    } all[] = {{"scgi", PROTOCOL_SCGI},
               {"http", PROTOCOL_HTTP},
               {"fastcgi", PROTOCOL_FASTCGI}};
    size_t i;

    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(name, all[i].name) == 0) {
            return all[i].protocol;
        }
    }
    return 0;
}

/* By PoolAppType, else by a command or the name of PoolStartupFile. */
static enum apppool_type type_of(const char *type, const struct site *site)
{
    int number = type != NULL ? app_type_of_name(type) : -1;

    if (number >= 0) {
        return (enum apppool_type)number;
    }
    if (site->command != NULL) {
        return TYPE_COMMAND;
    }
    return site->startup_file != NULL ? app_type_of_file(site->startup_file)
                                      : TYPE_AUTO;
}

static void find_program(const struct place_config *place, const server_rec *s,
                         struct site *site)
{
    const char *protocol = config_naming(&place->app_protocol, s);

    site->startup_file = config_naming(&place->startup_file, s);
    site->command = config_naming(&place->app_command, s);
    site->protocol = protocol ? site_protocol_of_name(protocol) : 0;
    site->type = type_of(config_naming(&place->app_type, s), site);
}

/* A PoolAppRoot of a section: the innermost, it wins. */
static void find_by_section(const struct place_config *place,
                            const server_rec *s, struct site *site)
{
    const char *base_uri = config_naming(&place->base_uri, s);
    const char *location = place->app_root.location;

    site->root = place->app_root.value;
    if (base_uri != NULL) {
        site->base_uri = base_uri;
    } else if (location != NULL && strcmp(location, "/") != 0) {
        site->base_uri = location;
    }
}

/* Does the vhost say PoolBaseURI /URI without a folder? */
static bool has_lone_base_uri(const server_rec *s)
{
    const apr_array_header_t *all = config_server(s)->base_uris;
    int i;

    for (i = 0; i < all->nelts; i++) {
        if (APR_ARRAY_IDX(all, i, struct base_uri).root == NULL) {
            return true;
        }
    }
    return false;
}

static void find_by_base_uri(apr_pool_t *p, const struct base_uri *base,
                             const char *top_root, const char *docroot,
                             struct site *site)
{
    site->base_uri = base->uri;
    site->root = base->root ? site_clean_folder(p, base->root) : top_root;
    if (site->root == NULL) {
        site->root = apr_pstrcat(p, site_clean_folder(p, docroot), base->uri,
                                 NULL);
        site->link = true;
        site->detected = true;
    }
}

static void find_by_docroot(apr_pool_t *p, const char *docroot,
                            struct site *site)
{
    const char *folder = site_clean_folder(p, docroot);
    size_t len = strlen(folder), public_len = strlen(PUBLIC);

    if (len > public_len && strcmp(folder + len - public_len, PUBLIC) == 0) {
        site->root = apr_pstrmemdup(p, folder, len - public_len);
        site->detected = true;
    } else if (site->type == TYPE_PHP) {
        site->root = folder; /* its files lie below DocumentRoot */
    }
}

/* <Directory> with PoolAppType php: the folder is the application. */
static bool is_php_section(const struct place_config *place,
                           const struct site *site)
{
    return site->type == TYPE_PHP && place->app_type.directory != NULL &&
           place->app_root.value == NULL;
}

bool site_find(apr_pool_t *p, const struct place_config *place,
               const server_rec *s, const char *docroot,
               const struct base_uri *base, struct site *site_r)
{
    const char *top_root = config_naming(&place->app_root, s);

    *site_r = (struct site){.base_uri = ""};
    find_program(place, s, site_r);
    if (!config_enabled(place)) {
        return false;
    }
    if (is_php_section(place, site_r)) {
        site_r->root = site_clean_folder(p, place->app_type.directory);
    } else if (top_root != NULL && place->app_root.server == NULL) {
        find_by_section(place, s, site_r);
    } else if (base != NULL) {
        find_by_base_uri(p, base, top_root, docroot, site_r);
    } else if (top_root != NULL && !has_lone_base_uri(s)) {
        site_r->root = top_root;
    } else if (docroot != NULL && top_root == NULL) {
        find_by_docroot(p, docroot, site_r);
    }
    return site_r->root != NULL;
}
