/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_world.h - a client of the library and its fake server.
 */
#ifndef APPPOOL_TEST_CLIENT_WORLD_H
#define APPPOOL_TEST_CLIENT_WORLD_H

#include "apppool/pool.h"
#include "apppool/server.h"
#include "fake_server.h"

#include <pthread.h>

extern apr_pool_t *pool;
extern struct fake *fake;
extern struct apppool_server *server;
extern struct apppool_client *client;
extern const struct apppool_get_options blog; /* of the usual application */

/* Fixture; every descriptor and child must be gone afterwards. */
void client_world_begin(void);
void client_world_begin_without_client(void);
void client_world_end(void);

/* A session there has to be: the client's with the usual application, or one
 * with other options, in p. */
struct apppool_session *got(void);
struct apppool_session *got_with(const struct apppool_get_options *options,
                                 apr_pool_t *p);

/* None: asking has to end with this status. */
void expect_get(apr_status_t status);

/* The application sends back what it gets. */
void expect_echo(const struct apppool_session *session);

/* A thread that asks for one session after another. */
struct asker {
    pthread_t thread;
    unsigned n_rounds;
    apr_interval_time_t timeout;
    enum apppool_session_end end; /* of each session */
    apr_status_t status;          /* of the last time it asked */
    unsigned n_got;
};

void asker_start(struct asker *asker);

#endif
