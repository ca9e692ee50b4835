/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refusal.h - what the library makes of REFUSED and of its own errors.
 */
#ifndef APPPOOL_REFUSAL_H
#define APPPOOL_REFUSAL_H

#include "client.h"

/* The status that stands for a REFUSED; never APR_SUCCESS. */
apr_status_t refusal_status(const struct wire_message *refused);

/* Fill failure_r (may be NULL) from a REFUSED, texts into p. */
void refusal_tell(const struct wire_message *refused,
                  struct apppool_failure *failure_r, apr_pool_t *p);

/* Fill failure_r (may be NULL) for an error of the library's own. */
void refusal_tell_status(apr_status_t rv, struct apppool_failure *failure_r,
                         apr_pool_t *p);

#endif
