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

/* Its name may hold anything; the last ")" ends that. */
static int parse(const char *text, struct proc_stat *stat_r)
{
    const char *after = strrchr(text, ')');
    unsigned long user, system;

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

int proc_stat_read_open(int fd, struct proc_stat *stat_r)
{
    char text[1024];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

    if (n < 0) {
        return -errno;
    }
    text[n] = '\0';
    return parse(text, stat_r);
}

int proc_stat_read(pid_t pid, struct proc_stat *stat_r)
{
    char path[32];
    int fd, rc;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    rc = proc_stat_read_open(fd, stat_r);
    fd_close(&fd);
    return rc;
}
