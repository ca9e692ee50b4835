/* SPDX-License-Identifier: Apache-2.0 */
/*
 * real_app.h - applications for tests with the real pool server.
 */
#ifndef APPPOOL_TEST_REAL_APP_H
#define APPPOOL_TEST_REAL_APP_H

#include "apppool/server.h"
#include "apppool/session.h"

#include <apr_pools.h>
#include <stdint.h>
#include <sys/types.h>

#define REAL_PATIENCE_MS 20000

/* The programs as `make check` has staged them, the log in folder. */
struct apppool_server_options real_options(apr_pool_t *pool,
                                           const char *folder);

/* Code that answers with path, pid and its version, "one". */
extern const char real_good_app[];

/* A WSGI application in folder/name, of a user of its own; its root. */
char *real_app(apr_pool_t *pool, const char *folder, const char *name,
               const char *code);

/* Replace a file of such an application. */
void real_write(const char *path, const char *text);

/* One request; the whole body of its response, valid until the next one of
 * this thread. */
const char *real_ask(const struct apppool_session *session, const char *path);

/* The engine of the server with this pid; waits for there being one. */
pid_t real_engine(pid_t server);

int64_t real_now_ms(void);

#endif
