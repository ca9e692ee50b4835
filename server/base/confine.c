/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine.c - see confine.h.
 */
#include "confine.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

static int get_capabilities(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };

    return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int drop_capabilities(uint32_t kept)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct left[2] = { { 0 }, { 0 } };
    int rc = kept != 0 ? get_capabilities(left) : 0;

    left[0].permitted &= kept;
    left[0].effective = left[0].permitted;
    left[0].inheritable = 0;
    left[1] = (struct __user_cap_data_struct){ 0 };
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return rc == 0 && syscall(SYS_capset, &header, left) < 0 ? -errno : rc;
}

/*
 * An empty folder that nobody can write is hard to come by, and one that we
 * made would have to be removed. proc(5): the fdinfo folder of a process that
 * has ended stays a folder, and has nothing in it. It is ours to enter only if
 * the process can be dumped.
 */
static pid_t fork_dumpable(void)
{
    pid_t pid;

    prctl(PR_SET_DUMPABLE, 1);
    pid = fork();
    if (pid == 0) {
        pause(); /* until it is killed */
        _exit(0);
    }
    prctl(PR_SET_DUMPABLE, 0);
    return pid;
}

static int enter_empty_root(void)
{
    char path[40];
    pid_t pid = fork_dumpable();
    int rc;

    if (pid < 0) {
        return -errno;
    }
    snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)pid);
    rc = chroot(path) < 0 || chdir("/") < 0 ? -errno : 0;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return rc;
}

static void change_root(void)
{
    struct __user_cap_data_struct mine[2] = { { 0 }, { 0 } };
    int rc;

    if (get_capabilities(mine) < 0 ||
        (mine[0].effective & 1u << CAP_SYS_CHROOT) == 0) {
        return; /* started by an ordinary user, or in a container without it */
    }
    rc = enter_empty_root();
    if (rc < 0) {
        log_warn("the engine keeps the system's root: %s", strerror(-rc));
    }
}

void confine(enum confined who)
{
    const char *name = who == CONFINE_ENGINE ? "engine" : "watcher";
    const struct rlimit no_core = { 0, 0 };
    int rc;

    tzset(); /* reads a file, for the log's times */
    setrlimit(RLIMIT_CORE, &no_core);
    if (who == CONFINE_ENGINE) {
        change_root();
    }
    rc = drop_capabilities(who == CONFINE_WATCHER ? 1u << CAP_DAC_READ_SEARCH
                                                  : 0);
    if (rc < 0) {
        log_warn("the %s keeps its capabilities: %s", name, strerror(-rc));
    }
    rc = confine_calls(who);
    if (rc < 0) {
        log_warn("the %s may make any system call: %s", name, strerror(-rc));
    }
}
