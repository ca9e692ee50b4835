/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd.c - descriptors: flags, copies, closing, waiting (prototypes: socket.h).
 */
#include "packet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

int fd_write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

int fd_set_nonblocking(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        return -errno;
    }
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_duplicate(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    errno = saved;
}

int64_t packet_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, int timeout_ms)
{
    const int64_t end_ms = packet_now_ms() + timeout_ms;
    struct pollfd poller = { .fd = fd, .events = events };

    for (;;) {
        int rc = poll(&poller, 1, timeout_ms);

        if (rc >= 0) {
            return rc;
        }
        if (errno != EINTR) {
            return -errno;
        }
        if (timeout_ms >= 0) {
            int64_t left_ms = end_ms - packet_now_ms();

            timeout_ms = left_ms > 0 ? (int)left_ms : 0;
        }
    }
}

int wire_wait_readable(int fd, int timeout_ms)
{
    return wait_for(fd, POLLIN, timeout_ms);
}

int wire_wait_writable(int fd, int timeout_ms)
{
    return wait_for(fd, POLLOUT, timeout_ms);
}
