/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replay.c - the fuzzers' seeds, as they are and mutated (make check).
 *
 * The mutations are the same each time. A seed that breaks a promise ends the
 * program with its name as the last line.
 */
#include "mutate.h"
#include "reader.h"

#include <apr_general.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX 65536

static void try_seed(const struct protocol *protocol, const char *path)
{
    static uint8_t seed[SEED_MAX], data[SEED_MAX + MUTATE_ROOM];
    FILE *file = fopen(path, "rb");
    size_t size;
    int i;

    printf("%s\n", path);
    fflush(stdout);
    if (file == NULL) {
        abort();
    }
    size = fread(seed, 1, sizeof(seed), file);
    fclose(file);
    reader_try(protocol, seed, size);
    for (i = 0; i < MUTATIONS; i++) {
        memcpy(data, seed, size);
        reader_try(protocol, data, mutate(data, size));
    }
}

static int try_folder(const struct protocol *protocol)
{
    char folder[4096], path[8192];
    struct dirent *entry;
    DIR *dir;
    int n = 0;

    snprintf(folder, sizeof(folder), CORPUS "/%s", protocol->name);
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            try_seed(protocol, path);
            n++;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

int main(void)
{
    const struct protocol *const all[] = {&protocol_http, &protocol_scgi,
                                          &protocol_fastcgi};
    int passed = 0, failed = 0;
    size_t i;

    apr_initialize();
    for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        int n = try_folder(all[i]);

        passed += n;
        failed += n == 0; /* its seeds are not there */
    }
    printf("%d passed, %d failed\n", passed, failed);
    apr_terminate();
    return failed != 0;
}
