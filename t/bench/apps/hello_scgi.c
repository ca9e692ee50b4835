/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The benchmarks' application in C on a listener at descriptor 3, as our own
 * loaders speak it: SCGI, connections kept (server/loaders/README).
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LISTENER 3
#define MOST 256

static char big[1 << 20], input[1 << 17];

/* Bytes of the head with its netstring, 0: not all is there. */
static size_t head_size(const char *at, size_t len)
{
    char *end;
    size_t size = strtoul(at, &end, 10);

    return memchr(at, ':', len) && *end == ':' &&
                   (size_t)(end - at) + size + 2 <= len
               ? (size_t)(end - at) + size + 2
               : 0;
}

static const char *variable(const char *at, size_t len, const char *name)
{
    const char *end = at + len - 1;

    for (at = strchr(at, ':') + 1; at < end; at += strlen(at) + 1) {
        const char *value = at + strlen(at) + 1;

        if (strcmp(at, name) == 0) {
            return value;
        }
        at = value;
    }
    return "";
}

static int answer(int fd, const char *body, size_t len, int keep)
{
    char head[200];
    int n = sprintf(head, "Status: 200 OK\r\nContent-Type: text/plain\r\n"
                    "Content-Length: %zu\r\n", len);
    struct iovec v[2];
    size_t all;

    n += keep ? sprintf(head + n, "X-Apppool-Frame: %zu\r\n\r\n", len)
              : sprintf(head + n, "\r\n");
    v[0] = (struct iovec){head, (size_t)n};
    v[1] = (struct iovec){(void *)(size_t)body, len};
    all = (size_t)n + len;
    while (all > 0) {
        ssize_t sent = writev(fd, v, 2);

        if (sent < 0) {
            return 0;
        }
        all -= (size_t)sent;
        for (int i = 0; i < 2; i++) {
            size_t of = (size_t)sent < v[i].iov_len ? (size_t)sent
                                                    : v[i].iov_len;

            v[i].iov_base = (char *)v[i].iov_base + of;
            v[i].iov_len -= of;
            sent -= (ssize_t)of;
        }
    }
    return keep;
}

/* One request; 0: the connection is over. */
static int serve(int fd)
{
    size_t len = 0, head, body, left;
    const char *uri;
    int keep;

    do {
        ssize_t n = read(fd, input + len, sizeof(input) - 1 - len);

        if (n <= 0) {
            return 0;
        }
        len += (size_t)n;
        input[len] = '\0';
        head = head_size(input, len);
    } while (head == 0 && len < sizeof(input) - 1);
    uri = variable(input, head, "REQUEST_URI");
    keep = strcmp(variable(input, head, "APPPOOL_KEEPALIVE"), "1") == 0;
    if (strcmp(uri, "/upload") == 0) {
        char text[32];

        body = strtoul(variable(input, head, "CONTENT_LENGTH"), NULL, 10);
        for (left = body - (len - head); left > 0;) {
            ssize_t n = read(fd, input, sizeof(input) < left ? sizeof(input)
                                                             : left);

            if (n <= 0) {
                return 0;
            }
            left -= (size_t)n;
        }
        return answer(fd, text, (size_t)sprintf(text, "%zu\n", body), keep);
    }
    if (strcmp(uri, "/big") == 0) {
        return answer(fd, big, sizeof(big), keep);
    }
    if (strcmp(uri, "/sleep") == 0) {
        usleep(50000);
    }
    return answer(fd, "Hello, world!\n", 14, keep);
}

int main(void)
{
    static struct pollfd watched[MOST] = {{.fd = LISTENER, .events = POLLIN}};
    int n = 1;

    memset(big, 'x', sizeof(big));
    while (poll(watched, (nfds_t)n, -1) > 0) {
        for (int i = n - 1; i > 0; i--) {
            if (watched[i].revents && !serve(watched[i].fd)) {
                close(watched[i].fd);
                watched[i] = watched[--n];
            }
        }
        if (watched[0].revents && n < MOST) {
            watched[n] = (struct pollfd){.events = POLLIN};
            watched[n].fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC);
            n += watched[n].fd >= 0;
        }
    }
    return 0;
}
