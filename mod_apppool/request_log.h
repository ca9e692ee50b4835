/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_log.h - what an application says to the log beside its response.
 *
 * It comes in pieces of any size and goes as lines (LOG_LINE_MAX bytes at most;
 * a longer one becomes several) to the application's log: PoolLogFile, else
 * httpd's log of the request; with the client either way.
 */
#ifndef MOD_APPPOOL_REQUEST_LOG_H
#define MOD_APPPOOL_REQUEST_LOG_H

#include <httpd.h>
#include <sys/types.h>

struct request_log {
    request_rec *r;
    pid_t pid;            /* of the process */
    char *line;           /* NULL until there is something */
    apr_size_t len;
};

void request_log_init(struct request_log *log, request_rec *r, pid_t pid);
void request_log_add(struct request_log *log, const char *data,
                     apr_size_t len);

/* Log what has no end of line yet. */
void request_log_finish(struct request_log *log);

#endif
