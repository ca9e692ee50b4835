/* SPDX-License-Identifier: Apache-2.0 */
/*
 * said.h - where each setting was said: file and line of its directive, for
 * apppoolctl config and for complaints about the whole configuration.
 *
 * Kept beside the values and merged as they are. What .htaccess says is not
 * noted: it belongs to a request.
 */
#ifndef MOD_APPPOOL_SAID_H
#define MOD_APPPOOL_SAID_H

#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>
#include <stdbool.h>

struct said {
    const char *directive; /* as it is in the table, "PoolMax" */
    const char *args;      /* as they were written */
    const char *file;
    int line;
    const server_rec *server; /* at whose top; NULL: in a section */
};

/* Note the directive at hand in a list, made where it is NULL. */
void said_note(cmd_parms *cmd, apr_array_header_t **list);

/* What an inner place adds replaces what is said of the same; NULL is empty. */
apr_array_header_t *said_merge(apr_pool_t *p, apr_array_header_t *base,
                               apr_array_header_t *add);

/* The last word on this directive; NULL: it was not said. */
const struct said *said_find(const apr_array_header_t *list,
                             const char *directive);

/* "/etc/apache2/x.conf:12: " from p; "" where it was not said. */
const char *said_where(apr_pool_t *p, const apr_array_header_t *list,
                       const char *directive);

/* May it be said more than once in a place (PoolSetEnv)? */
bool said_adds(const char *directive);

#endif
