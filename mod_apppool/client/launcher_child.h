/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher_child.h - what happens between fork() and exec().
 */
#ifndef APPPOOL_LAUNCHER_CHILD_H
#define APPPOOL_LAUNCHER_CHILD_H

/* The last one, the failure pipe, must be close-on-exec. */
#define LAUNCHER_CHILD_FDS 5

struct launcher_child {
    const char *path;
    const char *const *argv;
    int fds[LAUNCHER_CHILD_FDS]; /* become 0, 1, 2, 3; errno of a failure */
    int max_fd; /* greatest descriptor that can be open */
};

/* Greatest possible descriptor; ask before fork(). */
int launcher_child_max_fd(void);

/* Only async-signal-safe calls. Writes errno to the failure pipe and exits
 * with 127 when anything fails. */
_Noreturn void launcher_child_run(const struct launcher_child *child);

#endif
