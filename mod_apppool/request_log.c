/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_log.c - puts lines together for the log.
 */
#include "request_log.h"

#include <http_log.h>
#include <string.h>

APLOG_USE_MODULE(apppool);

/* As long as ap_log_rerror() can write. */
#define LOG_LINE_MAX 8000

void request_log_init(struct request_log *log, request_rec *r)
{
    *log = (struct request_log){.r = r};
}

void request_log_finish(struct request_log *log)
{
    if (log->len > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, log->r, "application: %.*s",
                      (int)log->len, log->line);
    }
    log->len = 0;
}

static void add_to_line(struct request_log *log, const char *data,
                        apr_size_t len)
{
    while (len > 0) {
        apr_size_t part = LOG_LINE_MAX - log->len;

        part = part < len ? part : len;
        memcpy(log->line + log->len, data, part);
        log->len += part;
        data += part;
        len -= part;
        if (len > 0) {
            request_log_finish(log);
        }
    }
}

void request_log_add(struct request_log *log, const char *data,
                     apr_size_t len)
{
    if (log->line == NULL) {
        log->line = apr_palloc(log->r->pool, LOG_LINE_MAX);
    }
    while (len > 0) {
        const char *lf = memchr(data, '\n', len);
        apr_size_t part = lf ? (apr_size_t)(lf - data) : len;

        add_to_line(log, data, part > 0 && data[part - 1] == '\r' ? part - 1
                                                                  : part);
        if (lf != NULL) {
            request_log_finish(log);
            part++;
        }
        data += part;
        len -= part;
    }
}
