/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc_stat.h - /proc/PID/stat of any process (proc(5)).
 */
#ifndef APPPOOL_PROC_STAT_H
#define APPPOOL_PROC_STAT_H

#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
    char state; /* 'Z': a zombie */
    pid_t parent, session;
    uint64_t cpu_us;  /* user and system */
    uint64_t started; /* after the boot, in ticks: tells a pid's users apart */
};

/* 0; -ENOENT or -ESRCH: it has gone; -errno. */
int proc_stat_read(pid_t pid, struct proc_stat *stat_r);

/* The same from one that is open (borrowed), and read from its beginning. */
int proc_stat_read_open(int fd, struct proc_stat *stat_r);

#endif
