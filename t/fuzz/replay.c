/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - see replay.h. The mutations are the same each time.
 */
#include "replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mutate.h"

#define SEED_MAX 65536

static size_t read_seed(const char *path, uint8_t *seed)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    printf("%s\n", path);
    fflush(stdout);
    if (file == NULL) {
        abort();
    }
    size = fread(seed, 1, SEED_MAX, file);
    fclose(file);
    return size;
}

static void try_seed(const char *path, replay_fn *try, const void *baton)
{
    static uint8_t seed[SEED_MAX], data[SEED_MAX + MUTATE_ROOM];
    size_t size = read_seed(path, seed);
    int i;

    try(baton, seed, size);
    for (i = 0; i < MUTATIONS; i++) {
        memcpy(data, seed, size);
        try(baton, data, mutate(data, size));
    }
}

unsigned replay_folder(const char *folder, replay_fn *try, const void *baton)
{
    char path[4096];
    struct dirent *entry;
    unsigned n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), CORPUS "/%s", folder);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), CORPUS "/%s/%s", folder,
                     entry->d_name);
            try_seed(path, try, baton);
            n++;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

int replay_end(unsigned passed, unsigned failed)
{
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
