/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.c - see memory.h.
 */
#include "memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc_stat.h"

/* smaps_rollup is about 1,000 bytes, a line of its own for each number. */
static int read_rollup(const char *text, struct memory *memory)
{
    unsigned kib;
    int rc = -ENODATA;

    while ((text = strchr(text, '\n')) != NULL) {
        text++;
        if (sscanf(text, "Pss: %u kB", &kib) == 1) {
            memory->pss_kib = kib;
            rc = 0;
        } else if (sscanf(text, "Private_Clean: %u kB", &kib) == 1 ||
                   sscanf(text, "Private_Dirty: %u kB", &kib) == 1) {
            memory->private_kib += kib;
        }
    }
    return rc;
}

static int read_unshared(const char *text, struct memory *memory)
{
    unsigned long resident, shared;

    if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2 ||
        shared > resident) {
        return -ENODATA;
    }
    memory->pss_kib = (uint32_t)((resident - shared) *
                                 (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
    return 0;
}

int memory_of(int stat_fd, int memory_fd, pid_t parent, struct memory *memory_r)
{
    char text[4096];
    struct proc_stat stat;
    int rc = proc_stat_read_open(stat_fd, &stat);
    ssize_t n;

    if (rc < 0 || stat.parent != parent) {
        return rc < 0 ? rc : -EPERM;
    }
    n = pread(memory_fd, text, sizeof(text) - 1, 0);
    if (n < 0) {
        return -errno;
    }
    text[n] = '\0';
    *memory_r = (struct memory){ .cpu_us = stat.cpu_us };
    rc = read_rollup(text, memory_r);
    return rc == 0 ? 0 : read_unshared(text, memory_r);
}
