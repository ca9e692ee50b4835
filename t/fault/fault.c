/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault.c - an LD_PRELOAD library that makes a call fail.
 *
 *   APPPOOL_FAULT=role:call:n:errno[:times]
 *       in processes of this role (master, engine, watcher, spawn, other) the
 *       n-th call (from 1 on) of this name fails, and the times-1 after it;
 *       so many in all, also where an ended process is followed by another
 *   APPPOOL_FAULT_HIT=PATH
 *       a file of four bytes: how many have failed. It is mapped at the start,
 *       since the engine opens no file later
 *
 * errno 0 stands for a short read or write: of one byte. What glibc calls
 * inside itself is not seen.
 */
#undef _FORTIFY_SOURCE /* whose headers define the calls themselves */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <poll.h>
#include <unistd.h>

static char wanted[32]; /* name of the call; "": none here */
static int fault_errno;
static unsigned first, last;
static atomic_uint counted;
static atomic_uint *hits; /* in all processes */

static const char *role_of_this(void)
{
    char line[512];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    ssize_t n = fd < 0 ? -1 : syscall(SYS_read, fd, line, sizeof(line) - 1);

    syscall(SYS_close, fd);
    if (n <= 0) {
        return "other";
    }
    line[n] = '\0';
    if (strstr(line, "apppool-spawn") != NULL) {
        return "spawn";
    }
    if (strcmp(line, "apppool-server") != 0) {
        return "other";
    }
    if (memmem(line, (size_t)n, "--engine", 8) != NULL) {
        return "engine";
    }
    return memmem(line, (size_t)n, "--watcher", 9) != NULL ? "watcher"
                                                           : "master";
}

__attribute__((constructor)) static void read_orders(void)
{
    const char *orders = getenv("APPPOOL_FAULT");
    const char *path = getenv("APPPOOL_FAULT_HIT");
    char role[16], call[32];
    unsigned times = 1;
    int fd;

    if (orders == NULL || path == NULL ||
        sscanf(orders, "%15[^:]:%31[^:]:%u:%d:%u", role, call, &first,
               &fault_errno, &times) < 4 ||
        strcmp(role, role_of_this()) != 0) {
        return;
    }
    last = first + times - 1;
    fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR);
    hits = (atomic_uint *)syscall(SYS_mmap, NULL, sizeof(*hits),
                                  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if ((intptr_t)hits != -1) {
        snprintf(wanted, sizeof(wanted), "%s", call);
    }
}

/* Is it this one's turn to fail? Leaves errno as the failure's. */
static int is_due(const char *call)
{
    unsigned n;

    if (*wanted == '\0' || strcmp(call, wanted) != 0) {
        return 0;
    }
    n = atomic_fetch_add(&counted, 1) + 1;
    if (n < first || n > last || atomic_load(hits) > last - first) {
        return 0; /* or it was in a process before this one */
    }
    atomic_fetch_add(hits, 1);
    errno = fault_errno;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call that fails with -1 (mmap: with what is the same as a pointer). */
#define FAIL(type, name, parameters, arguments)                               \
    type name parameters                                                      \
    {                                                                         \
        return is_due(#name) ? (type)-1 : REAL(name) arguments;               \
    }

/* And one that may be short instead. */
#define SHORT(name, parameters, arguments, short_arguments)                   \
    ssize_t name parameters                                                   \
    {                                                                         \
        if (is_due(#name)) {                                                  \
            return fault_errno != 0 ? -1 : REAL(name) short_arguments;        \
        }                                                                     \
        return REAL(name) arguments;                                          \
    }

int open(const char *path, int flags, ...)
{
    va_list more;
    int mode;

    va_start(more, flags);
    mode = va_arg(more, int);
    va_end(more);
    return is_due("open") ? -1 : REAL(open)(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
    va_list more;
    int mode;

    va_start(more, flags);
    mode = va_arg(more, int);
    va_end(more);
    return is_due("openat") ? -1 : REAL(openat)(folder, path, flags, mode);
}

int fcntl(int fd, int what, ...)
{
    va_list more;
    void *argument;

    va_start(more, what);
    argument = va_arg(more, void *);
    va_end(more);
    return is_due("fcntl") ? -1 : REAL(fcntl)(fd, what, argument);
}

FAIL(int, socket, (int family, int type, int protocol),
     (family, type, protocol))
FAIL(int, socketpair, (int family, int type, int protocol, int ends[2]),
     (family, type, protocol, ends))
FAIL(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags),
     (fd, a, n, flags))
FAIL(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAIL(int, listen, (int fd, int backlog), (fd, backlog))
FAIL(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
FAIL(int, setsockopt, (int fd, int level, int name, const void *value,
     socklen_t n), (fd, level, name, value, n))
FAIL(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
FAIL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags),
     (fd, m, flags))
FAIL(ssize_t, send, (int fd, const void *bytes, size_t n, int flags),
     (fd, bytes, n, flags))
FAIL(int, pipe2, (int ends[2], int flags), (ends, flags))
FAIL(int, dup3, (int from, int to, int flags), (from, to, flags))
FAIL(pid_t, fork, (void), ())
FAIL(int, memfd_create, (const char *name, unsigned flags), (name, flags))
FAIL(void *, mmap, (void *at, size_t n, int how, int flags, int fd, off_t from),
     (at, n, how, flags, fd, from))
FAIL(int, ftruncate, (int fd, off_t n), (fd, n))
FAIL(int, epoll_create1, (int flags), (flags))
FAIL(int, epoll_ctl, (int set, int what, int fd, struct epoll_event *event),
     (set, what, fd, event))
FAIL(int, epoll_wait, (int set, struct epoll_event *events, int n, int ms),
     (set, events, n, ms))
FAIL(int, poll, (struct pollfd *fds, nfds_t n, int ms), (fds, n, ms))
FAIL(int, eventfd, (unsigned value, int flags), (value, flags))
FAIL(int, signalfd, (int fd, const sigset_t *set, int flags),
     (fd, set, flags))
FAIL(int, pidfd_open, (pid_t pid, unsigned flags), (pid, flags))
FAIL(int, execv, (const char *path, char *const words[]), (path, words))
FAIL(char *, mkdtemp, (char *name), (name))
SHORT(read, (int fd, void *bytes, size_t n), (fd, bytes, n),
      (fd, bytes, n > 0 ? 1 : 0))
SHORT(write, (int fd, const void *bytes, size_t n), (fd, bytes, n),
      (fd, bytes, n > 0 ? 1 : 0))
