/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line for the log, in httpd's own form.
 *
 *   [Wed Nov 25 00:02:44.123456 2026] [apppool:error] [pid 123] app /srv/x: ...
 *
 * Goes to standard error (httpd's ErrorLog, or what the library's user gave).
 * One write(2) a line of at most LOG_LINE_MAX bytes, so that lines of several
 * processes never mix; control characters are shown as \xNN. Never waits: when
 * the log cannot take a line it is dropped and the next one says how many were.
 */
#ifndef APPPOOL_LOG_H
#define APPPOOL_LOG_H

#include <stddef.h>

/* Room for a line of an application (8,000 bytes), its root, and the rest. */
#define LOG_LINE_MAX (8000 + 4096 + 256)

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_NOTICE,
                 LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/*
 * part: "master", "engine" ...; level: nothing above it is written.
 * fd: borrowed; log_to(-1) goes back to standard error.
 */
void log_open(const char *part, enum log_level level);
void log_to(int fd);

/*
 * httpd's LogLevel (APLOG_*, syslog's numbers; 0: not said) as one of ours. As
 * in httpd itself a notice is always written unless only errors are wanted.
 */
enum log_level log_level_of_httpd(unsigned level);
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The same to another log in httpd's form (a virtual host's), whatever the
 * level. fd: borrowed. 1 written, 0 dropped.
 */
int log_line_to(int fd, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * For what a client can bring about as often as it likes: at most
 * LOG_QUOTA_LINES of one kind in LOG_QUOTA_S seconds; the next one after that
 * says how many were left out. A quota is static, and zero at first.
 */
#define LOG_QUOTA_LINES 20
#define LOG_QUOTA_S     10
struct log_quota {
    long until_s;      /* monotonic */
    unsigned n_written, n_left_out;
};
void log_some(struct log_quota *quota, enum log_level level,
              const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...)  log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)   log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)   log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)  log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Write one line to any log descriptor without ever waiting (poll, then one
 * write of at most LOG_LINE_MAX bytes). 1 written, 0 it would have waited (for
 * a reader of a pipe, too), -errno (a full disk).
 */
int log_write_line(int fd, const char *line, size_t len);

#endif
