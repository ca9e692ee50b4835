/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory.h - how much memory a process of the pool takes.
 */
#ifndef APPPOOL_WATCHER_MEMORY_H
#define APPPOOL_WATCHER_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

/*
 * KiB of the process: its proportional set size; where the kernel refuses that
 * (a container without CAP_SYS_PTRACE), resident less shared pages. Only a
 * child of `parent` is looked at, whatever pid was asked for.
 * 0 and *kib_r, or -errno (-EPERM: not a child of it).
 */
int memory_of(pid_t pid, pid_t parent, uint32_t *kib_r);

#endif
