/* SPDX-License-Identifier: Apache-2.0 */
/*
 * startup.h - does a folder hold a startup file; remembered for a second.
 *
 * So a new file needs no restart of httpd, and a busy site no look per request.
 * That there is none is not remembered.
 */
#ifndef MOD_APPPOOL_STARTUP_H
#define MOD_APPPOOL_STARTUP_H

#include <apr_pools.h>
#include <stdbool.h>

#include "apppool/protocol.h"

struct startup_cache;

/* A cache that any number of threads may use; lives in p. */
struct startup_cache *startup_cache_new(apr_pool_t *p);

enum startup {
    STARTUP_NONE,   /* no startup file */
    STARTUP_FOUND,
    STARTUP_HIDDEN  /* httpd may not look into the folder */
};

/*
 * Is one in `root`? With `link` root is a link to a folder in it. At most a
 * second old.
 */
enum startup startup_find(struct startup_cache *cache, const char *root,
                          bool link);

/*
 * Did this folder have no index lately? httpd's own look costs a sub-request
 * for each name of DirectoryIndex.
 */
bool startup_lacks_index(struct startup_cache *cache, const char *folder);
void startup_note_no_index(struct startup_cache *cache, const char *folder);

#endif
