/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_replay.c - the fuzzers' seeds, as they are and mutated (make check).
 *
 * The mutations are the same each time. A seed that breaks a promise ends the
 * program with its name as the last line.
 */
#include "reader.h"

#include <apr_general.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_MAX 65536
#define MUTATIONS 300

static uint32_t state = 1;

static uint32_t draw(uint32_t below)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

/* Bytes that mean something to a parser are drawn more often than others. */
static uint8_t draw_byte(void)
{
    static const char some[] = "\r\n:; \t0159afHTTP/.\0,\"";

    return draw(2) ? (uint8_t)some[draw(sizeof(some))] : (uint8_t)draw(256);
}

static size_t mutate(uint8_t *data, size_t size)
{
    uint32_t n = draw(4) + 1;

    while (n-- > 0 && size > 2) {
        uint32_t at = draw((uint32_t)size);

        switch (draw(3)) {
        case 0:
            data[at] = draw_byte();
            break;
        case 1: /* a byte less */
            memmove(data + at, data + at + 1, size - at - 1);
            size--;
            break;
        default: /* one more; there is room for MUTATIONS */
            memmove(data + at + 1, data + at, size - at);
            data[at] = draw_byte();
            size++;
            break;
        }
    }
    return size;
}

static void try_seed(const struct protocol *protocol, const char *path)
{
    static uint8_t seed[SEED_MAX], data[SEED_MAX + 8];
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
