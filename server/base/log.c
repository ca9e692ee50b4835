/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - see log.h.
 *
 * The log's open file belongs to others as well (httpd, its children), so it
 * must not be made non-blocking; looking first whether there is room, then one
 * write, is what is left.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *part;
    enum log_level level;
    int fd;
    unsigned long dropped; /* lines since the last one that was written */
} sink = { "server", LOG_LEVEL_NOTICE, STDERR_FILENO, 0 };

static const char *const level_names[] = { "error", "warn", "notice", "info",
                                           "debug" };

void log_open(const char *part, enum log_level level)
{
    sink.part = part;
    sink.level = level;
}

enum log_level log_level_of_httpd(unsigned level)
{
    if (level == 0 || level == 4 || level == 5) {
        return LOG_LEVEL_NOTICE;
    }
    if (level < 4) {
        return LOG_LEVEL_ERROR;
    }
    return level == 6 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

void log_set_level(enum log_level level)
{
    sink.level = level;
}

void log_to(int fd)
{
    sink.fd = fd < 0 ? STDERR_FILENO : fd;
}

/*
 * A writable pipe promises room for PIPE_BUF bytes (pipe(7)). A longer line
 * is written only into a pipe that is at most a quarter full: page by page a
 * pipe holds at least half of its nominal size.
 */
static int has_room(int fd, size_t len)
{
    int used;
    int size = len <= PIPE_BUF ? -1 : fcntl(fd, F_GETPIPE_SZ);

    if (size < 0 || ioctl(fd, FIONREAD, &used) < 0) {
        return 1;
    }
    return used <= size / 4;
}

int log_write_line(int fd, const char *line, size_t len)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };
    ssize_t n;

    if (len > LOG_LINE_MAX) {
        len = LOG_LINE_MAX;
    }
    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT) ||
        (p.revents & POLLERR) || !has_room(fd, len)) {
        return 0;
    }
    do {
        n = write(fd, line, len);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN || errno == EPIPE ? 0 : -errno;
    }
    return n == (ssize_t)len ? 1 : -ENOSPC;
}

/* "[Wed Nov 25 00:02:44.123456 2026]", as httpd writes it. */
static size_t put_time(char *to, size_t size)
{
    struct timespec now;
    struct tm tm;
    char date[32], year[16];

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof(date), "%a %b %d %H:%M:%S", &tm);
    strftime(year, sizeof(year), "%Y", &tm);
    return (size_t)snprintf(to, size, "[%s.%06ld %s]", date,
                            now.tv_nsec / 1000, year);
}

/* Copy text, control characters as \xNN, what fits. Returns its length. */
static size_t put_escaped(char *to, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (; *text != '\0' && n + 4 <= size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f) {
            to[n++] = '\\';
            to[n++] = 'x';
            to[n++] = hex[c >> 4];
            to[n++] = hex[c & 15];
        } else {
            to[n++] = (char)c;
        }
    }
    return n;
}

static int log_text(int fd, enum log_level level, const char *text)
{
    char line[LOG_LINE_MAX];
    size_t n = put_time(line, sizeof(line));

    n += (size_t)snprintf(line + n, sizeof(line) - n,
                          " [apppool:%s] [pid %ld] %s: ", level_names[level],
                          (long)getpid(), sink.part);
    n += put_escaped(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';
    return log_write_line(fd, line, n);
}

static void log_args(enum log_level level, const char *format, va_list args)
{
    int saved = errno;
    char text[LOG_LINE_MAX];

    if (level > sink.level) {
        return;
    }
    if (sink.dropped > 0) {
        snprintf(text, sizeof(text),
                 "the log was full, %lu lines were dropped", sink.dropped);
        if (log_text(sink.fd, LOG_LEVEL_WARN, text) > 0) {
            sink.dropped = 0;
        }
    }
    vsnprintf(text, sizeof(text), format, args);
    if (log_text(sink.fd, level, text) <= 0) {
        sink.dropped++;
    }
    errno = saved;
}

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_args(level, format, args);
    va_end(args);
}

/* May one more be written? Begins a new span of time where the last is over. */
static int has_quota(struct log_quota *quota, enum log_level level)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec >= quota->until_s) {
        if (quota->n_left_out > 0) {
            log_line(level, "%u more lines like the next one were left out",
                     quota->n_left_out);
        }
        *quota = (struct log_quota){ .until_s = now.tv_sec + LOG_QUOTA_S };
    }
    if (quota->n_written == LOG_QUOTA_LINES) {
        quota->n_left_out++;
        return 0;
    }
    quota->n_written++;
    return 1;
}

void log_some(struct log_quota *quota, enum log_level level,
              const char *format, ...)
{
    va_list args;

    if (level <= sink.level && has_quota(quota, level)) {
        va_start(args, format);
        log_args(level, format, args);
        va_end(args);
    }
}

int log_line_to(int fd, enum log_level level, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return log_text(fd, level, text);
}
