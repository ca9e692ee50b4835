/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - what a forked copy of the master does before it executes another
 * program. Only async-signal-safe calls.
 */
#ifndef APPPOOL_MASTER_CHILD_H
#define APPPOOL_MASTER_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Make fds[i] (any numbers, also twice) descriptor i, not close-on-exec, and
 * close every other at exec. 0 or -1 (errno).
 */
int child_keep_descriptors(int *fds, unsigned n);

/*
 * Become this user for good, with no other group; checked, also that there is
 * no way back. Only as root. 0 or -1 (errno).
 */
int child_become_user(uid_t uid, gid_t gid);

/*
 * The same, but keep those capabilities of `set` (bits 1 << CAP_x, below 32)
 * that we have, also across an exec. What a container does not have cannot be
 * kept: then the program does with less.
 */
int child_become_user_keeping(uid_t uid, gid_t gid, uint32_t set);

/* No signal is blocked, all are at their default. */
void child_reset_signals(void);

/* Send a packet without raising SIGPIPE. */
void child_report(int fd, const char *text, size_t len);

#endif
