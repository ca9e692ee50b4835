/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - see memory.h.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return fopen(path, "re");
}

/* Field 4 of stat; the name in parentheses before it may hold anything. */
static pid_t parent_of(pid_t pid)
{
    FILE *file = open_proc(pid, "stat");
    char line[1024] = "";
    long parent = -1;
    char *end;

    if (file == NULL) {
        return -1;
    }
    if (fgets(line, sizeof line, file) == NULL) {
        line[0] = '\0';
    }
    fclose(file);
    end = strrchr(line, ')');
    if (end == NULL || sscanf(end + 1, " %*c %ld", &parent) != 1) {
        return -1;
    }
    return (pid_t)parent;
}

static int read_pss(pid_t pid, uint32_t *kib_r)
{
    FILE *file = open_proc(pid, "smaps_rollup");
    char line[256];
    int rc = -ENODATA;

    if (file == NULL) {
        return -errno;
    }
    while (rc != 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %u kB", kib_r) == 1) {
            rc = 0;
        }
    }
    fclose(file);
    return rc;
}

static int read_private(pid_t pid, uint32_t *kib_r)
{
    FILE *file = open_proc(pid, "statm");
    unsigned long resident, shared;
    int n;

    if (file == NULL) {
        return -errno;
    }
    n = fscanf(file, "%*u %lu %lu", &resident, &shared);
    fclose(file);
    if (n != 2 || shared > resident) {
        return -ENODATA;
    }
    *kib_r = (uint32_t)((resident - shared) *
                        (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
    return 0;
}

int memory_of(pid_t pid, pid_t parent, uint32_t *kib_r)
{
    if (parent_of(pid) != parent) {
        return -EPERM;
    }
    if (read_pss(pid, kib_r) == 0) {
        return 0;
    }
    return read_private(pid, kib_r);
}
