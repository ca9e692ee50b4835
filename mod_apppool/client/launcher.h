/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher.h - starts the program of a pool server and ends it.
 *
 * What the server program finds:
 *   argv  apppool-server --spawn-server PATH --environment NAME --ruby PATH
 *         --user NAME [--runtime-dir DIR] [--admin]
 *         in this order, values as words of their own; --environment "": the
 *         variables as they are now
 *   fds   0 the server's end of the admin pair with --admin, else /dev/null;
 *         1 and 2 the log; 3 the server's end of the rendezvous; no others
 *   and   a session of its own, all signals at their defaults, none blocked,
 *         environment variables and folder of the starter
 */
#ifndef APPPOOL_LAUNCHER_H
#define APPPOOL_LAUNCHER_H

#include "apppool/server.h"

/* Check and complete what a user asked for: all strings set, copied into p,
 * executables found. Errors with their sentence in *message_r. */
apr_status_t launcher_check(const struct apppool_server_options *options,
                            struct apppool_server_options *complete_r,
                            const char **message_r, apr_pool_t *p);

/*
 * Start the program with checked options. *state_r: its pid and our ends, all
 * yours. Errors with their sentence, from p, in *message_r; *state_r then
 * holds nothing.
 */
apr_status_t launcher_start(const struct apppool_server_options *options,
                            struct apppool_server_state *state_r,
                            const char **message_r, apr_pool_t *p);

/* Close our ends, wait, signal, reap; state holds nothing afterwards. */
void launcher_stop(struct apppool_server_state *state);

/* Is the process of `state` a child of this process that was not reaped? */
int launcher_is_child(const struct apppool_server_state *state);

/* Close the descriptors in state. */
void launcher_close(struct apppool_server_state *state);

/* No process, no descriptors. */
extern const struct apppool_server_state launcher_none;

#endif
