/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - see child.h.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* First everything out of the way of the numbers that are to be filled. */
int child_keep_descriptors(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, (int)n);
        if (fds[i] < 0) {
            return -1;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (dup2(fds[i], (int)i) < 0) {
            return -1;
        }
    }
    return close_range(n, ~0u, CLOSE_RANGE_CLOEXEC);
}

int child_become_user(uid_t uid, gid_t gid)
{
    uid_t r, e, s;

    if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
        setresuid(uid, uid, uid) < 0 || getresuid(&r, &e, &s) < 0) {
        return -1;
    }
    if (r != uid || e != uid || s != uid || setuid(0) == 0) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

static void keep_capabilities(uint32_t set)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2];

    if (syscall(SYS_capget, &header, data) < 0) {
        return;
    }
    data[0].permitted &= set;
    data[0].effective = data[0].permitted;
    data[0].inheritable = data[0].permitted;
    data[1] = (struct __user_cap_data_struct){ 0 };
    syscall(SYS_capset, &header, data);
    for (unsigned capability = 0; capability < 32; capability++) {
        if ((set >> capability & 1) != 0) {
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
        }
    }
}

int child_become_user_keeping(uid_t uid, gid_t gid, uint32_t set)
{
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 ||
        child_become_user(uid, gid) < 0) {
        return -1;
    }
    keep_capabilities(set);
    return 0;
}

void child_reset_signals(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int signal = 1; signal < NSIG; signal++) {
        sigaction(signal, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

void child_report(int fd, const char *text, size_t len)
{
    send(fd, text, len, MSG_NOSIGNAL);
}
