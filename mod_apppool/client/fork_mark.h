/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork_mark.h - tells a process from its forked copy without asking the kernel.
 *
 * getpid() is a system call, and was three of them a request. A page that the
 * kernel wipes in a forked child (MADV_WIPEONFORK) says the same.
 */
#ifndef APPPOOL_FORK_MARK_H
#define APPPOOL_FORK_MARK_H

#include <stdbool.h>
#include <sys/types.h>

struct fork_mark {
    volatile const char *page; /* NULL: there is none, getpid() has to do */
    pid_t owner;
};

/* The calling process is the one. Never fails. */
void fork_mark_set(struct fork_mark *mark);
void fork_mark_clear(struct fork_mark *mark);

/* Is this the process that set it? */
bool fork_mark_is_here(const struct fork_mark *mark);

#endif
