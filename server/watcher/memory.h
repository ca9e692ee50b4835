/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - how much memory and processor time a process of the pool takes.
 */
#ifndef APPPOOL_WATCHER_MEMORY_H
#define APPPOOL_WATCHER_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct memory {
    uint32_t pss_kib;     /* proportional set size; where the kernel refuses it
                             (a container without CAP_SYS_PTRACE), resident less
                             shared pages */
    uint32_t private_kib; /* pages of its own; 0: refused */
    uint64_t cpu_us;      /* user and system time, of the process alone */
};

/*
 * Measure a process by its stat and its smaps_rollup or statm in /proc, which
 * the master has opened (borrowed). Only a child of `parent` is looked at.
 * 0 and *memory_r, or -errno (-EPERM: not a child of it; -ESRCH: it has gone).
 */
int memory_of(int stat_fd, int memory_fd, pid_t parent,
              struct memory *memory_r);

#endif
