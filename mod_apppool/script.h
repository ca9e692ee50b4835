/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - php: the file that a request runs, and what it is told of it.
 */
#ifndef MOD_APPPOOL_SCRIPT_H
#define MOD_APPPOOL_SCRIPT_H

#include "site.h"

struct script {
    const char *filename;  /* absolute; NULL: the request runs no file */
    const char *name;      /* its path in the URI: SCRIPT_NAME */
    const char *path_info; /* what follows that; "": nothing */
};

/* Has httpd found a regular file that is called .php? */
bool script_is_there(const request_rec *r);

/* That file. */
struct script script_of_file(request_rec *r);

/*
 * The front controller of the site (PoolStartupFile) for a request that matches
 * no file. base: the beginning of the uri that led to the site; "": nothing.
 */
struct script script_of_front(request_rec *r, const struct site *site,
                              const char *base);

/* Put it into the request's variables. */
void script_variables(request_rec *r, const struct script *script,
                      apr_table_t *env);

#endif
