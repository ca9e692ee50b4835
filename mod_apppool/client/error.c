/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error.c - sentences for the library's own errors.
 */
#include "apppool/error.h"

#include <apr_strings.h>

static const char *sentence(apr_status_t rv)
{
    switch (rv) {
    case APPPOOL_ESPAWN:
        return "The application does not start";
    case APPPOOL_EBUSY:
        return "The queue is full";
    case APPPOOL_ETIMEOUT:
        return "No process became free in time";
    case APPPOOL_EIO:
        return "The pool server closed the connection";
    case APPPOOL_EPROTO:
        return "The pool server said something unknown";
    case APPPOOL_EDETACHED:
        return "This process has detached from the pool server";
    case APPPOOL_EUNKNOWN:
        return "No such application";
    case APPPOOL_EDENIED:
        return "Not allowed for this client";
    case APPPOOL_EABANDONED:
        return "Who asked has gone";
    case APPPOOL_ESTALE:
        return "The kept connection was already closed";
    case APPPOOL_EFAILED:
        return "The operation failed";
    default:
        return NULL;
    }
}

char *apppool_strerror(apr_status_t rv, char *buf, apr_size_t size)
{
    const char *text = sentence(rv);

    if (size == 0) {
        return buf;
    }
    buf[0] = '\0';
    if (text == NULL) {
        return apr_strerror(rv, buf, size);
    }
    apr_cpystrn(buf, text, size);
    return buf;
}
