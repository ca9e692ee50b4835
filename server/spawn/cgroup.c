/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.c - a group of the kernel's, version 2 (admin-guide/cgroup-v2).
 *
 * The folder is the admin's, delegated to httpd; a group below it is named
 * after the application's number, so all its processes are in one. An empty one
 * is used again by the next process.
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "socket.h"

#define CPU_PERIOD_US 100000

static _Noreturn void fail(const struct spawn *spawn, const char *what)
{
    const char *remedy =
        errno == ENOENT || errno == ENODEV
            ? " Is it a folder of a cgroup file system of version 2, and is"
              " the controller in its cgroup.subtree_control?"
        : errno == EACCES || errno == EPERM
            ? " It has to be delegated to httpd's user (Delegate=yes of"
              " systemd)."
            : "";

    spawn_fail(spawn, "PoolIsolation cgroup=%s: %s: %s.%s",
               spawn->isolation.cgroup, what, strerror(errno), remedy);
}

static void put(const struct spawn *spawn, int group, const char *file,
                const char *text)
{
    int fd = openat(group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || write(fd, text, strlen(text)) < 0) {
        fail(spawn, file);
    }
    fd_close(&fd);
}

static void put_number(const struct spawn *spawn, int group, const char *file,
                       unsigned long long number)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", number);
    put(spawn, group, file, text);
}

static void put_limits(const struct spawn *spawn, int group)
{
    const struct isolation *wanted = &spawn->isolation;
    char text[64];

    if (wanted->memory_mib != 0) {
        put_number(spawn, group, "memory.max",
                   (unsigned long long)wanted->memory_mib << 20);
    }
    if (wanted->cpu_percent != 0) {
        snprintf(text, sizeof(text), "%llu %d",
                 wanted->cpu_percent * (unsigned long long)CPU_PERIOD_US / 100,
                 CPU_PERIOD_US);
        put(spawn, group, "cpu.max", text);
    }
    if (wanted->pids != 0) {
        put_number(spawn, group, "pids.max", wanted->pids);
    }
}

static int open_group(const struct spawn *spawn)
{
    char path[PATH_MAX + 32];
    int fd;

    snprintf(path, sizeof(path), "%s/app-%u", spawn->isolation.cgroup,
             (unsigned)wire_get_u32(&spawn->define, FIELD_APP, 0));
    if (mkdir(path, 0755) < 0 && errno != EEXIST) {
        fail(spawn, path);
    }
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        fail(spawn, path);
    }
    return fd;
}

void cgroup_enter(const struct spawn *spawn)
{
    int group;

    if (spawn->isolation.cgroup[0] == '\0') {
        return;
    }
    group = open_group(spawn);
    put_limits(spawn, group);
    put_number(spawn, group, "cgroup.procs", (unsigned long long)getpid());
    fd_close(&group);
    report_step(spawn, "went into its group below %s",
                spawn->isolation.cgroup);
}
