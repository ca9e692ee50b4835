/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.c - see failure.h.
 */
#include "failure.h"

#include <apr_strings.h>
#include <http_log.h>

#include "apppool/error.h"
#include "clock.h"
#include "page.h"

APLOG_USE_MODULE(apppool);

/* What a client that has gone gets in the access log, as elsewhere. */
#define STATUS_CLIENT_GONE 499

void failure_log(const struct work *w, int level, enum log_number number,
                 const char *what)
{
    apr_time_t elapsed = clock_now() - w->timing.asked;

    ap_log_rerror(APLOG_MARK, level, 0, w->r,
                  "AP%d: application %s, process %" APR_PID_T_FMT ": %s "
                  "(after %.3f s)", number, w->found->site.root, w->pid, what,
                  (double)elapsed / APR_USEC_PER_SEC);
}

static void say_when_again(request_rec *r, unsigned after_s)
{
    apr_table_setn(r->err_headers_out, "Retry-After",
                   apr_psprintf(r->pool, "%u", after_s));
}

int failure_unavailable(request_rec *r, unsigned retry_after_s)
{
    say_when_again(r, retry_after_s ? retry_after_s : 1);
    return HTTP_SERVICE_UNAVAILABLE;
}

/* Nobody reads what would be answered. */
static int client_gone(const struct work *w, const char *what)
{
    request_rec *r = w->r;

    failure_log(w, APLOG_DEBUG, LOG_CLIENT_GONE, what);
    if (!w->response.passed_any) {
        r->status = STATUS_CLIENT_GONE;
    }
    r->connection->aborted = 1;
    return OK;
}

static enum log_number refusal_number(apr_status_t rv)
{
    switch (rv) {
    case APPPOOL_ESPAWN:
        return LOG_SPAWN_FAILED;
    case APPPOOL_EBUSY:
        return LOG_BUSY;
    case APPPOOL_ETIMEOUT:
        return LOG_QUEUE_TIMEOUT;
    case APPPOOL_EIO:
        return LOG_NO_SERVER;
    case APPPOOL_EUNKNOWN:
        return LOG_UNKNOWN;
    default:
        return LOG_OTHER;
    }
}

/* It has no process yet. */
static void log_refusal(const struct work *w, apr_status_t rv, const char *id,
                        const char *message)
{
    apr_time_t elapsed = clock_now() - w->timing.asked;

    ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, w->r,
                  "AP%d: application %s: no process after %.3f s%s%s: %s",
                  refusal_number(rv), w->found->site.root,
                  (double)elapsed / APR_USEC_PER_SEC, id ? ", error " : "",
                  id ? id : "", message);
}

int failure_of_session(const struct work *w, apr_status_t rv,
                       const struct apppool_failure *failure)
{
    request_rec *r = w->r;
    char text[200];
    const char *message = failure->message
                              ? failure->message
                              : apppool_strerror(rv, text, sizeof(text));

    if (child_is_stopping(w->child)) {
        failure_log(w, APLOG_DEBUG, LOG_STOPPING, "httpd stops");
        return failure_unavailable(r, 0);
    }
    if (rv == APPPOOL_EABANDONED) {
        return client_gone(w, "the client has gone while it waited");
    }
    log_refusal(w, rv, failure->id, message);
    switch (rv) {
    case APPPOOL_ESPAWN:
        if (failure->retry_after_s > 0) {
            say_when_again(r, failure->retry_after_s);
        }
        return page_spawn_error(r, w->place, failure);
    case APPPOOL_EBUSY:
    case APPPOOL_ETIMEOUT:
    case APPPOOL_EIO:
        return failure_unavailable(r, failure->retry_after_s);
    default:
        return HTTP_INTERNAL_SERVER_ERROR;
    }
}

bool failure_took_too_long(const struct work *w)
{
    int limit_s = config_number(w->definition->place->max_request_s, 0);

    return limit_s > 0 &&
           clock_now() - w->timing.handed_out >= apr_time_from_sec(limit_s);
}

int failure_of_exchange(struct work *w, enum exchange_end how)
{
    const char *why = w->exchange.why ? w->exchange.why : "it broke off";
    int status;

    if (how == EXCHANGE_CLIENT_GONE) {
        return client_gone(w, why);
    }
    if (child_is_stopping(w->child)) {
        failure_log(w, APLOG_DEBUG, LOG_STOPPING, "httpd stops");
        status = failure_unavailable(w->r, 0);
    } else if (how == EXCHANGE_UPLOAD_CUT) {
        failure_log(w, APLOG_DEBUG, LOG_UPLOAD_CUT, why);
        status = body_failure_status(&w->body);
    } else if (how == EXCHANGE_SILENT) {
        failure_log(w, APLOG_ERR, w->exchange.number, why);
        status = HTTP_GATEWAY_TIME_OUT;
    } else if (failure_took_too_long(w)) {
        failure_log(w, APLOG_ERR, LOG_TOO_LONG,
                    "the request took longer than PoolMaxRequestTime");
        status = HTTP_GATEWAY_TIME_OUT;
    } else {
        failure_log(w, how == EXCHANGE_MADE_ROOM ? APLOG_INFO : APLOG_ERR,
                    w->exchange.number, why);
        status = how == EXCHANGE_NO_ROOM ||
                         w->exchange.number == LOG_OVERLOADED
                     ? failure_unavailable(w->r, 0)
                     : HTTP_BAD_GATEWAY;
    }
    if (how == EXCHANGE_NO_ROOM) {
        response_undo(&w->response); /* unless some of it is on its way */
    }
    return w->response.started ? response_finish(&w->response, true) : status;
}
