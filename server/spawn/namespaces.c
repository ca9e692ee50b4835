/* SPDX-License-Identifier: Apache-2.0 */
/*
 * namespaces.c - a mount and an IPC namespace (namespaces(7)).
 *
 * There is none of pids: its first process would have to reap, is not ended by
 * a SIGTERM that it does not handle, and takes all others with it - a preloader
 * its forks.
 */
#include "namespaces.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static const char *const temporary[] = { "/tmp", "/var/tmp" };

static _Noreturn void fail(const struct spawn *spawn, const char *means,
                           const char *what)
{
    spawn_fail(spawn, "PoolIsolation %s: %s: %s.%s", means, what,
               strerror(errno), errno == EPERM
                   ? " httpd has to be started as root, with CAP_SYS_ADMIN."
                   : "");
}

static bool lies_below(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

static void check_root(const struct spawn *spawn)
{
    const char *root = wire_get_text(&spawn->define, FIELD_ROOT, NULL);

    for (size_t i = 0; i < sizeof(temporary) / sizeof(*temporary); i++) {
        if (lies_below(root, temporary[i])) {
            spawn_fail(spawn, "PoolIsolation tmp would hide the application's "
                       "root %s with a %s of its own. Put it elsewhere.",
                       root, temporary[i]);
        }
    }
}

/* What is mounted outside later is seen inside, never the other way. */
static void leave_mounts(const struct spawn *spawn, const char *means)
{
    if (unshare(CLONE_NEWNS) < 0) {
        fail(spawn, means, "a mount namespace");
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
        fail(spawn, means, "mounts that stay inside");
    }
}

/* A folder that is not there hides nothing. */
static void mount_empty(const struct spawn *spawn, const char *means,
                        const char *folder)
{
    if (mount("apppool", folder, "tmpfs", MS_NOSUID | MS_NODEV,
              "mode=1777") < 0 && errno != ENOENT) {
        fail(spawn, means, folder);
    }
}

static void enter_ipc(const struct spawn *spawn)
{
    if (unshare(CLONE_NEWIPC) < 0) {
        fail(spawn, "ipc", "an IPC namespace");
    }
    mount_empty(spawn, "ipc", "/dev/shm");
    if (access("/dev/mqueue", F_OK) == 0 &&
        mount("apppool", "/dev/mqueue", "mqueue",
              MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        fail(spawn, "ipc", "/dev/mqueue");
    }
}

void namespaces_enter(const struct spawn *spawn)
{
    const struct isolation *wanted = &spawn->isolation;

    if (wanted->tmp) {
        check_root(spawn);
    }
    if (wanted->tmp || wanted->ipc) {
        leave_mounts(spawn, wanted->tmp ? "tmp" : "ipc");
    }
    for (size_t i = 0; wanted->tmp && i < sizeof(temporary) /
                                          sizeof(*temporary); i++) {
        mount_empty(spawn, "tmp", temporary[i]);
    }
    if (wanted->ipc) {
        enter_ipc(spawn);
    }
    if (wanted->tmp || wanted->ipc) {
        report_step(spawn, "went into namespaces of its own%s%s",
                    wanted->tmp ? ", tmp" : "", wanted->ipc ? ", ipc" : "");
    }
}
