/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request_log.c - puts lines together for the log.
 */
#include "request_log.h"

#include <apr_strings.h>
#include <http_log.h>
#include <string.h>
#include <util_time.h>

#include "config.h"
#include "resolve.h"

APLOG_USE_MODULE(apppool);

/* As long as ap_log_rerror() can write, less what stands before it. */
#define LOG_LINE_MAX 7000

void request_log_init(struct request_log *log, request_rec *r, pid_t pid)
{
    *log = (struct request_log){.r = r, .pid = pid};
}

/* The application's own log; NULL: httpd's. */
static apr_file_t *own_log(const request_rec *r)
{
    const struct place_config *place = config_place(r->per_dir_config);
    apr_hash_t *logs = config_once(r->server)->logs;

    return place->log_file != NULL && logs != NULL
               ? apr_hash_get(logs, place->log_file, APR_HASH_KEY_STRING)
               : NULL;
}

/* In one piece: others write there, too. */
static void write_own(apr_file_t *file, const struct request_log *log)
{
    char time[APR_CTIME_LEN], text[LOG_LINE_MAX + 200];
    apr_size_t len;

    ap_recent_ctime(time, apr_time_now());
    len = (apr_size_t)apr_snprintf(
        text, sizeof(text), "[%s] [pid %" APR_PID_T_FMT "] [client %s] %.*s\n",
        time, log->pid, log->r->useragent_ip, (int)log->len, log->line);
    apr_file_write(file, text, &len);
}

void request_log_finish(struct request_log *log)
{
    apr_file_t *file = log->len > 0 ? own_log(log->r) : NULL;

    if (file != NULL) {
        write_own(file, log);
    } else if (log->len > 0) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, log->r,
                      "app %s (pid %" APR_PID_T_FMT ") says: %.*s",
                      resolve_found(log->r)->site.root, log->pid,
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
