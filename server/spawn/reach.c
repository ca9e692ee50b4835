/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.c - finds the folder that keeps a user out, which a bare "Permission
 * denied" does not tell.
 */
#include "spawn.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

size_t reach_blocked(const char *path)
{
    char part[PATH_MAX];
    const char *slash = path;

    while ((slash = strchr(slash, '/')) != NULL) {
        size_t len = slash == path ? 1 : (size_t)(slash - path);

        if (len >= sizeof(part)) {
            break;
        }
        memcpy(part, path, len);
        part[len] = '\0';
        if (faccessat(AT_FDCWD, part, X_OK, AT_EACCESS) < 0) {
            return len;
        }
        slash++;
    }
    return 0;
}
