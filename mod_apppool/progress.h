/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - tells mod_status what a request waits for.
 */
#ifndef MOD_APPPOOL_PROGRESS_H
#define MOD_APPPOOL_PROGRESS_H

#include <httpd.h>

enum progress {
    PROGRESS_UPLOAD,   /* the client's body */
    PROGRESS_QUEUE,    /* a process */
    PROGRESS_APP,      /* the application's response */
    PROGRESS_CLIENT,   /* the client, which has all of it but the last bytes */
    PROGRESS_TUNNEL    /* either side of an upgraded connection */
};

/* Shown before the request line; nothing without ExtendedStatus. */
void progress_tell(request_rec *r, enum progress what);

#endif
