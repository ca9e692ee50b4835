/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_hands.c - see other_hands.h.
 *
 * What nobody else may change cannot change between this look and an open, so
 * there is no race to win.
 */
#include "other_hands.h"

#include <apr_strings.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel has it */

static bool others_may_change(const char *path, const struct stat *info,
                              bool is_last)
{
    if (info->st_uid != 0 && info->st_uid != geteuid()) {
        return true;
    }
    if (!S_ISDIR(info->st_mode) || (info->st_mode & 022) == 0) {
        return false;
    }
    /* What is ours in a sticky folder nobody else renames; but anybody may be
     * the first to make a name there. */
    if ((info->st_mode & S_ISVTX) != 0 && !is_last) {
        return false;
    }
    /* Some systems let the group of their logging daemon write here. */
    return (info->st_mode & 002) != 0 || strcmp(path, "/var/log") != 0;
}

/* Where a link leads; one that is relative from its own folder. */
static const char *target_of(apr_pool_t *p, const char *link)
{
    char target[PATH_MAX];
    ssize_t len = readlink(link, target, sizeof(target) - 1);

    if (len < 0) {
        return NULL;
    }
    target[len] = '\0';
    return target[0] == '/'
               ? apr_pstrdup(p, target)
               : apr_pstrcat(p, apr_pstrndup(p, link, (apr_size_t)(
                                    strrchr(link, '/') - link)),
                             "/", target, NULL);
}

static const char *walk(apr_pool_t *p, const char *folder, unsigned *links)
{
    const char *end = folder;

    while (*end != '\0') {
        const char *found, *path;
        struct stat info;
        bool is_last;

        end += strspn(end, "/");
        end += strcspn(end, "/");
        is_last = end[strspn(end, "/")] == '\0';
        path = apr_pstrndup(p, folder, (apr_size_t)(end - folder));
        if (lstat(path, &info) != 0) {
            return NULL;
        }
        if (others_may_change(path, &info, is_last) || *links > LINKS_MAX) {
            return path;
        }
        if (S_ISLNK(info.st_mode)) {
            const char *target = target_of(p, path);

            ++*links;
            found = target != NULL ? walk(p, target, links) : path;
            if (found != NULL) {
                return found;
            }
        }
    }
    return NULL;
}

const char *in_other_hands(apr_pool_t *p, const char *folder)
{
    unsigned links = 0;

    return walk(p, folder, &links);
}
