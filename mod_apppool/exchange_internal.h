/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_internal.h - what the files of an exchange know of each other.
 */
#ifndef MOD_APPPOOL_EXCHANGE_INTERNAL_H
#define MOD_APPPOOL_EXCHANGE_INTERNAL_H

#include "exchange.h"

/* Bytes read from the application at a time. */
#define READ_SIZE 32768

/* exchange_bytes.c -------------------------------------------------------- */

/* It ends so; the first reason counts. */
void exchange_stop(struct exchange *x, enum exchange_end how,
                   enum log_number number, const char *why);

/* What can be sent, and read, without waiting. */
void exchange_send_some(struct exchange *x);
void exchange_receive_some(struct exchange *x);

/* The next bytes of the request have to come from the client. */
bool exchange_wants_client(const struct exchange *x);

/* As much is kept as may be: no more is read before the client has taken it. */
bool exchange_is_held_back(const struct exchange *x);

/* exchange_turn.c --------------------------------------------------------- */

/* Wait until something can be done, and do it. */
void exchange_turn(struct exchange *x);

/* For poll(): milliseconds until then, -1 for APR_INT64_MAX. */
int exchange_timeout_ms(apr_time_t wake, apr_time_t now);

#endif
