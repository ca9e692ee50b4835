/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configure.h - tells the pool server what the configuration says.
 */
#ifndef MOD_APPPOOL_CONFIGURE_H
#define MOD_APPPOOL_CONFIGURE_H

#include "definitions.h"

/* Descriptors of what servers have started, for those that come after them. */
struct configure_ledgers {
    int before; /* of a server that has died; borrowed; -1: there is none */
    int now;    /* of this one; the caller's; stays -1 where it has none */
};

/*
 * Send a whole generation to the master over a config channel, asked for at
 * the admin pair's client end (borrowed), and wait until it counts, 10 s at
 * most.
 *
 * generation  from 1 on, greater than the last one
 * s           the main server
 *
 * APR_SUCCESS, or an error and a sentence from p in *why_r.
 */
apr_status_t configure_send(int admin, apr_uint32_t generation, server_rec *s,
                            const struct definitions *definitions,
                            struct configure_ledgers *ledgers,
                            const char **why_r, apr_pool_t *p);

/*
 * Open the logs that PoolLogFile names, with the parent's rights, before
 * configure_send(): files are appended to, programs are started as httpd starts
 * those of ErrorLog. Where that is syslog a program of ours leads there
 * (server/syslog). s is the main server, p is pconf. NULL, or a sentence that
 * says what cannot be opened.
 */
const char *configure_open_logs(const struct definitions *definitions,
                                struct pool_settings *once,
                                const server_rec *s, apr_pool_t *p);

#endif
