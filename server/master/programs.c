/* SPDX-License-Identifier: Apache-2.0 */
/*
 * programs.c - see programs.h.
 */
#include "programs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* FNV-1a, 64 bits: good enough to tell two installations apart. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3u;
    }
    return hash;
}

/* Of one file; 0 where there is none. */
static uint64_t signature_of(const char *path)
{
    uint64_t hash = 0xcbf29ce484222325u;
    struct stat st;

    if (stat(path, &st) < 0) {
        return 0;
    }
    hash = mix(hash, path, strlen(path));
    hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
    hash = mix(hash, &st.st_size, sizeof(st.st_size));
    hash = mix(hash, &st.st_mtim.tv_sec, sizeof(st.st_mtim.tv_sec));
    return mix(hash, &st.st_mtim.tv_nsec, sizeof(st.st_mtim.tv_nsec));
}

/* Of all that is below it: a sum, so that the order in which folders are read
 * means nothing. 0 where it is no folder. */
static uint64_t signature_of_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    uint64_t sum = 0;

    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL;
         entry != NULL; entry = readdir(dir)) {
        char path[4352];

        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            sum += signature_of(path) + signature_of_folder(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return sum;
}

uint64_t programs_signature(const char *spawn_server)
{
    const char *slash = strrchr(spawn_server, '/');
    uint64_t sum = signature_of(spawn_server);
    char folder[4096];

    if (slash != NULL &&
        snprintf(folder, sizeof(folder), "%.*s/loaders",
                 (int)(slash - spawn_server), spawn_server) <
            (int)sizeof(folder)) {
        sum += signature_of_folder(folder);
    }
    return sum != 0 ? sum : 1;
}
