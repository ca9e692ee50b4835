/* SPDX-License-Identifier: Apache-2.0 */
/*
 * port.c - see port.h.
 */
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "socket.h"

#define TRIES     256
#define RANGE     8000  /* ports next to the kernel's own range */
#define FIRST     10240 /* well-known services are below */
#define LISTENING 0x0a  /* TCP_LISTEN in /proc/net/tcp */

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* [*first_r, *first_r + *n_r): below the kernel's own range, or above it. */
static void find_range(unsigned *first_r, unsigned *n_r)
{
    unsigned low = 32768, high = 60999;
    FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    if (f != NULL && fscanf(f, "%u %u", &low, &high) != 2) {
        low = 32768;
        high = 60999;
    }
    if (f != NULL) {
        fclose(f);
    }
    if (low >= FIRST + 1000) {
        *n_r = low - FIRST < RANGE ? low - FIRST : RANGE;
        *first_r = low - *n_r;
    } else if (high <= 65535 - 1000) {
        *first_r = high + 1;
        *n_r = 65535 - high;
    } else {
        *first_r = FIRST;
        *n_r = 65535 - FIRST;
    }
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool free = fd >= 0 && bind(fd, (struct sockaddr *)&address,
                                sizeof(address)) == 0;

    fd_close(&fd);
    return free;
}

uint16_t port_choose(bool (*is_taken)(void *baton, uint16_t port),
                     void *baton)
{
    unsigned first, n, start = 0;

    find_range(&first, &n);
    if (getrandom(&start, sizeof(start), 0) != sizeof(start)) {
        start = 0; /* any will do */
    }
    for (unsigned i = 0; i < TRIES && i < n; i++) {
        uint16_t port = (uint16_t)(first + (start % n + i) % n);

        if (!is_taken(baton, port) && is_free(port)) {
            return port;
        }
    }
    return 0;
}

/* Over loopback the answer is there before connect(2) returns. */
static int finish_connect(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t len = sizeof(error);

    if (poll(&p, 1, 0) != 1) {
        return -EAGAIN;
    }
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return -error;
}

static int connect_to(const struct sockaddr *address, socklen_t len, int *fd_r)
{
    int fd = socket(address->sa_family,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? -errno : 0;
    int on = 1;

    if (rc == 0 && connect(fd, address, len) < 0) {
        rc = errno == EINPROGRESS ? finish_connect(fd) : -errno;
    }
    if (rc < 0) {
        fd_close(&fd);
    } else {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    *fd_r = fd;
    return rc;
}

int port_connect(uint16_t port, int *fd_r)
{
    struct sockaddr_in four = loopback(port);
    struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                .sin6_port = htons(port),
                                .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int rc = connect_to((struct sockaddr *)&four, sizeof(four), fd_r);

    if (rc == -ECONNREFUSED &&
        connect_to((struct sockaddr *)&six, sizeof(six), fd_r) == 0) {
        rc = 0;
    }
    return rc;
}

static bool find_owner(const char *table, uint16_t port, uid_t *uid_r)
{
    FILE *f = fopen(table, "re");
    char line[512];
    bool found = false;

    while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
        unsigned its_port, state, uid;

        found = sscanf(line, " %*u: %*[0-9A-F]:%x %*s %x %*s %*s %*s %u",
                       &its_port, &state, &uid) == 3 &&
                its_port == port && state == LISTENING;
        if (found) {
            *uid_r = uid;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return found;
}

bool port_owner(uint16_t port, uid_t *uid_r)
{
    return find_owner("/proc/net/tcp", port, uid_r) ||
           find_owner("/proc/net/tcp6", port, uid_r);
}
