/* SPDX-License-Identifier: Apache-2.0 */
/*
 * site.h - which application a place belongs to, by configuration alone.
 *
 * The same function answers for a request and, when the configuration has been
 * read, for every combination of sections a request can meet: so the processes
 * of every request have been told to the pool before.
 */
#ifndef MOD_APPPOOL_SITE_H
#define MOD_APPPOOL_SITE_H

#include <stdbool.h>

#include "config.h"
#include "apppool/protocol.h"

struct site {
    const char *root;     /* of the application; with `link` the link to its
                             public folder */
    const char *base_uri; /* as configured; "" at the root, or where only the
                             request tells */
    const char *startup_file; /* NULL: by type */
    const char *command;      /* as written; NULL: none */
    enum apppool_protocol protocol; /* PoolAppProtocol; 0: by type */
    enum apppool_type type;   /* TYPE_AUTO: by the startup file found */
    bool link;
    bool detected;        /* nobody named the root: it is an application's only
                             where a startup file is */
};

/*
 * The site of a place of server s. docroot: the DocumentRoot that counts; base:
 * the vhost's base URI the request is below, NULL: none. Strings from p.
 * false: no application here.
 */
bool site_find(apr_pool_t *p, const struct place_config *place,
               const server_rec *s, const char *docroot,
               const struct base_uri *base, struct site *site_r);

/* The words of a PoolAppCommand by httpd's rules of quoting; from p. */
apr_array_header_t *site_command_words(apr_pool_t *p, const char *command);

/* "scgi", "http", "fastcgi"; 0: none of them. */
enum apppool_protocol site_protocol_of_name(const char *name);

/*
 * The base URI of server s that uri is at or below, the longest one; NULL:
 * none.
 */
const struct base_uri *site_base_uri(const server_rec *s, const char *uri);

/* Is `path` at `folder` or below it? "" and "/" have everything below. */
bool site_is_below(const char *path, const char *folder);

/* A folder without slashes at its end, from p where it has to be changed. */
const char *site_clean_folder(apr_pool_t *p, const char *folder);

#endif
