/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.h - the Server-Timing header (PoolServerTiming).
 */
#ifndef MOD_APPPOOL_TIMING_H
#define MOD_APPPOOL_TIMING_H

#include <httpd.h>

/* Of one request; all 0 until known. */
struct timing {
    apr_time_t asked;           /* when a session was first asked for */
    apr_time_t handed_out;      /* when the one that answered came */
    apr_interval_time_t spawn;  /* of the time between, for a start */
};

/* "queue;dur=0.1, spawn;dur=0.0, app;dur=12.3": milliseconds, until now. */
const char *timing_header(apr_pool_t *p, const struct timing *timing);

#endif
