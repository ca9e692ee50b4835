/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolation.h - PoolIsolation: what keeps an application's processes apart.
 */
#ifndef APPPOOL_ISOLATION_H
#define APPPOOL_ISOLATION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct isolation {
    bool tmp;     /* folders for temporary files of its own */
    bool ipc;     /* System V IPC, message queues, /dev/shm of its own */
    bool files;   /* writes below its root only */
    bool signals; /* signals nobody outside, sees no abstract socket there */
    uint32_t memory_mib;  /* for all its processes; 0: no limit, as below */
    uint32_t cpu_percent; /* of one CPU */
    uint32_t pids;        /* processes and threads */
    char cgroup[PATH_MAX]; /* folder for its group; "": there are no limits */
};

/*
 * The words of PoolIsolation, a blank between two; "": none. true, or false and
 * a sentence in `why`.
 */
bool isolation_parse(const char *words, struct isolation *isolation_r,
                     char *why, size_t size);

#endif
