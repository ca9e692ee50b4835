/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_system.c - see master_system.h.
 */
#include "master_system.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "proc_stat.h"

#define FIRST (1 << 29)

struct system master_system;

void master_system_reset(void)
{
    master_system = (struct system){ .last = FIRST - 1 };
}

pid_t master_system_pid(unsigned n)
{
    return FIRST + (pid_t)n;
}

pid_t __wrap_fork(void);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_send_signal(int pidfd, int signal, siginfo_t *info,
                             unsigned flags);
int __wrap_kill(pid_t pid, int signal);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_getsid(pid_t pid);
int __wrap_proc_stat_read(pid_t pid, struct proc_stat *stat_r);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);

void __wrap_log_line(enum log_level level, const char *format, ...);
void __wrap_log_some(struct log_quota *quota, enum log_level level,
                     const char *format, ...);

void __wrap_log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

void __wrap_log_some(struct log_quota *quota, enum log_level level,
                     const char *format, ...)
{
    (void)quota;
    (void)level;
    (void)format;
}

pid_t __wrap_fork(void)
{
    return ++master_system.last;
}

/* Readable when somebody has written to it: its end. */
int __wrap_pidfd_open(pid_t pid, unsigned flags)
{
    (void)pid;
    (void)flags;
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int __wrap_pidfd_send_signal(int pidfd, int signal, siginfo_t *info,
                             unsigned flags)
{
    (void)pidfd;
    (void)signal;
    (void)info;
    (void)flags;
    return 0;
}

int __wrap_kill(pid_t pid, int signal)
{
    (void)pid;
    (void)signal;
    return 0;
}

/* One that is waited for by its descriptor is nobody's child. */
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    (void)id;
    (void)options;
    info->si_pid = type == P_ALL ? master_system.dead : 0;
    errno = ECHILD;
    return type == P_ALL ? 0 : -1;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
    (void)options;
    *status = master_system.status;
    master_system.dead = 0;
    return pid;
}

/* Some of them share one. */
pid_t __wrap_getsid(pid_t pid)
{
    return pid & ~3;
}

int __wrap_proc_stat_read(pid_t pid, struct proc_stat *stat_r)
{
    *stat_r = (struct proc_stat){ .state = 'S', .session = pid & ~3,
                                  .parent = getpid() };
    return pid < FIRST || (pid == master_system.speaker &&
                           master_system.elsewhere)
               ? -ENOENT
               : 0;
}

static void name_speaker(struct msghdr *msg)
{
    struct ucred who;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&who, CMSG_DATA(c), sizeof(who));
            who.pid = master_system.speaker;
            memcpy(CMSG_DATA(c), &who, sizeof(who));
        }
    }
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
    ssize_t n = __real_recvmsg(fd, msg, flags);

    if (n >= 0 && master_system.speaker != 0) {
        name_speaker(msg);
    }
    return n;
}
