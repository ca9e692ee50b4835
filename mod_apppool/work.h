/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work.h - a request on its way through the handler.
 */
#ifndef MOD_APPPOOL_WORK_H
#define MOD_APPPOOL_WORK_H

#include <httpd.h>
#include <stdbool.h>

#include "definitions.h"
#include "exchange.h"
#include "notes.h"
#include "request.h"
#include "resolve.h"

struct work {
    request_rec *r;
    const struct place_config *place;
    const struct resolved *found;
    const struct definition *definition;
    enum apppool_session_protocol spoken; /* by head; 0: there is none yet */
    struct app_request request;
    const char *head;
    apr_size_t head_len;
    struct child *child;
    struct body body;
    struct response response;
    struct exchange exchange;
    struct apppool_session *session; /* NULL: none now */
    pid_t pid;                       /* of the last session's process */
    struct timing timing;            /* asked: when it was ready for a session;
                                        before, when it began */
    struct notes notes;
    unsigned n_stale;                /* kept connections that were closed */
    unsigned n_repeated;             /* after a process died with it */
    bool was_reused;                 /* the connection has carried others */
};

#endif
