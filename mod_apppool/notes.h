/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.h - what the access log can tell of a request, as notes for LogFormat:
 *
 *   %{apppool-queue}n  milliseconds until it had a process, all tries together
 *   %{apppool-spawn}n  of these, milliseconds in which one was started
 *   %{apppool-app}n    milliseconds that it kept the process
 *   %{apppool-pid}n    of the process that answered
 *   %{apppool-retry}n  how often it was tried again, with another process
 *
 * A request that got no process has the first two only.
 */
#ifndef MOD_APPPOOL_NOTES_H
#define MOD_APPPOOL_NOTES_H

#include <httpd.h>

#include "apppool/session.h"

struct notes {
    apr_time_t began, lent; /* waiting began; the process came. 0: not now */
    apr_interval_time_t queue, spawn, app;
    pid_t pid;              /* 0: none yet */
    unsigned n_lent;
};

/* A process is asked for / has come (NULL: none did) / is given back. */
void notes_ask(struct notes *notes);
void notes_lent(struct notes *notes, request_rec *r,
                const struct apppool_session *session);
void notes_returned(struct notes *notes, request_rec *r);

#endif
