/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - see memory.h.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "proc_stat.h"

static FILE *open_proc(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return fopen(path, "re");
}

static int read_rollup(pid_t pid, struct memory *memory)
{
    FILE *file = open_proc(pid, "smaps_rollup");
    char line[256];
    unsigned kib;
    int rc = -ENODATA;

    if (file == NULL) {
        return -errno;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %u kB", &kib) == 1) {
            memory->pss_kib = kib;
            rc = 0;
        } else if (sscanf(line, "Private_Clean: %u kB", &kib) == 1 ||
                   sscanf(line, "Private_Dirty: %u kB", &kib) == 1) {
            memory->private_kib += kib;
        }
    }
    fclose(file);
    return rc;
}

static int read_unshared(pid_t pid, uint32_t *kib_r)
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

int memory_of(pid_t pid, pid_t parent, struct memory *memory_r)
{
    struct proc_stat stat;
    int rc = proc_stat_read(pid, &stat);

    if (rc < 0 || stat.parent != parent) {
        return rc < 0 ? rc : -EPERM;
    }
    memory_r->cpu_us = stat.cpu_us;
    memory_r->pss_kib = memory_r->private_kib = 0;
    if (read_rollup(pid, memory_r) == 0) {
        return 0;
    }
    memory_r->private_kib = 0;
    return read_unshared(pid, &memory_r->pss_kib);
}
