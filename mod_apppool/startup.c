/* SPDX-License-Identifier: Apache-2.0 */
/*
 * startup.c - a small direct-mapped cache of what folders hold.
 *
 * Its size is fixed: names come from requests where PoolAllowRoots is used.
 */
#include "startup.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <apr_time.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app_type.h"
#include "clock.h"

#define LINES 512
#define FRESH apr_time_from_sec(1)
#define PATH_SIZE 4352 /* a root, a slash and a file's name */

struct line {
    char *path;      /* on the heap, goes with the process; NULL: empty */
    char kind;       /* of the look: 'r' root, 'l' link, 'i' index */
    enum startup found;
    apr_time_t at;
};

struct startup_cache {
    apr_thread_mutex_t *mutex;
    struct line lines[LINES];
};

struct startup_cache *startup_cache_new(apr_pool_t *p)
{
    struct startup_cache *cache = apr_pcalloc(p, sizeof(*cache));

    apr_thread_mutex_create(&cache->mutex, APR_THREAD_MUTEX_DEFAULT, p);
    return cache;
}

/* The folder above the public one: "link/.." goes where the link leads. */
static enum startup look(const char *root, bool link)
{
    char path[PATH_SIZE];
    struct stat info;
    size_t i;

    for (i = 0; i < APP_N_STARTUP_FILES; i++) {
        apr_snprintf(path, sizeof(path), "%s%s/%s", root, link ? "/.." : "",
                     app_startup_files[i].name);
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            return STARTUP_FOUND;
        }
        if (errno == EACCES) {
            return STARTUP_HIDDEN;
        }
    }
    return STARTUP_NONE;
}

static struct line *line_of(struct startup_cache *cache, const char *path,
                            char kind)
{
    apr_ssize_t len = APR_HASH_KEY_STRING;
    unsigned hash = apr_hashfunc_default(path, &len) * 31 + (unsigned char)kind;

    return &cache->lines[hash % LINES];
}

static bool line_is(const struct line *line, const char *path, char kind)
{
    apr_time_t age = clock_now() - line->at;

    return line->path != NULL && line->kind == kind && age >= 0 &&
           age < FRESH && strcmp(line->path, path) == 0;
}

static bool recall(struct startup_cache *cache, const char *path, char kind,
                   enum startup *found_r)
{
    struct line *line = line_of(cache, path, kind);
    bool known;

    apr_thread_mutex_lock(cache->mutex);
    known = line_is(line, path, kind);
    if (known) {
        *found_r = line->found;
    }
    apr_thread_mutex_unlock(cache->mutex);
    return known;
}

static void remember(struct startup_cache *cache, const char *path, char kind,
                     enum startup found)
{
    struct line *line = line_of(cache, path, kind);

    apr_thread_mutex_lock(cache->mutex);
    if (line->path == NULL || strcmp(line->path, path) != 0) {
        free(line->path);
        line->path = strdup(path);
    }
    line->kind = kind;
    line->found = found;
    line->at = clock_now();
    apr_thread_mutex_unlock(cache->mutex);
}

enum startup startup_find(struct startup_cache *cache, const char *root,
                          bool link)
{
    char kind = link ? 'l' : 'r';
    enum startup found;

    if (!recall(cache, root, kind, &found)) {
        found = look(root, link);
        if (found != STARTUP_NONE) { /* a new file counts at once */
            remember(cache, root, kind, found);
        }
    }
    return found;
}

bool startup_lacks_index(struct startup_cache *cache, const char *folder)
{
    enum startup found;

    return recall(cache, folder, 'i', &found);
}

void startup_note_no_index(struct startup_cache *cache, const char *folder)
{
    remember(cache, folder, 'i', STARTUP_NONE);
}
