/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_stat.c - see proc_stat.h.
 */
#include "proc_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"

static int read_text(pid_t pid, char *text, size_t size)
{
    char path[32];
    ssize_t n;
    int fd, rc;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    n = read(fd, text, size - 1);
    rc = n < 0 ? -errno : 0;
    text[n > 0 ? n : 0] = '\0';
    fd_close(&fd);
    return rc;
}

/* Its name may hold anything; the last ")" ends that. */
int proc_stat_read(pid_t pid, struct proc_stat *stat_r)
{
    unsigned long user, system;
    const char *after;
    char text[1024];
    int rc = read_text(pid, text, sizeof(text));

    if (rc < 0) {
        return rc;
    }
    after = strrchr(text, ')');
    if (after == NULL ||
        sscanf(after + 1, " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu "
               "%*d %*d %*d %*d %*d %*d %" SCNu64, &stat_r->state,
               &stat_r->parent, &stat_r->session, &user, &system,
               &stat_r->started) != 6) {
        return -ENODATA;
    }
    stat_r->cpu_us = (uint64_t)(user + system) * 1000000 /
                     (uint64_t)sysconf(_SC_CLK_TCK);
    return 0;
}
