/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - every error's status and line in the log, here alone.
 */
#ifndef MOD_APPPOOL_FAILURE_H
#define MOD_APPPOOL_FAILURE_H

#include "work.h"

/* An event of this application: who, what, how long after it began. */
void failure_log(const struct work *w, int level, enum log_number number,
                 const char *what);

/* 503 with Retry-After; 0: 1 s. */
int failure_unavailable(request_rec *r, unsigned retry_after_s);

/* There is no session: the status, or OK and a page was sent. */
int failure_of_session(const struct work *w, apr_status_t rv,
                       const struct apppool_failure *failure);

/* The exchange came to no good end: the status, or OK where a response has
 * begun, which is cut. */
int failure_of_exchange(struct work *w, enum exchange_end how);

/* PoolMaxRequestTime is over. */
bool failure_took_too_long(const struct work *w);

#endif
