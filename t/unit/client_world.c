/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_world.c - see client_world.h.
 */
#include "client_world.h"
#include "leaks.h"

#include <apr_general.h>
#include <check.h>
#include <poll.h>
#include <unistd.h>

apr_pool_t *pool;
struct fake *fake;
struct apppool_server *server;
struct apppool_client *client;
const struct apppool_get_options blog = { .root = "/srv/blog" };

void client_world_begin_without_client(void)
{
    struct apppool_server_state state = { .pid = 0, .admin = -1, .pidfd = -1 };

    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    fake = fake_start(&state.rendezvous);
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
}

void client_world_begin(void)
{
    client_world_begin_without_client();
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
}

void client_world_end(void)
{
    apr_pool_destroy(pool);
    fake_stop(fake);
    leaks_end();
    apr_terminate();
}

struct apppool_session *got_with(const struct apppool_get_options *options,
                                 apr_pool_t *p)
{
    struct apppool_session *session;
    struct apppool_failure failure;

    ck_assert_msg(apppool_get(client, options, &session, &failure, p) == 0,
                  "%s", failure.message);
    return session;
}

struct apppool_session *got(void)
{
    return got_with(&blog, pool);
}

void expect_get(apr_status_t status)
{
    struct apppool_session *session = (void *)1;
    struct apppool_failure failure = { .message = NULL };

    ck_assert_int_eq(apppool_get(client, &blog, &session, &failure, pool),
                     status);
    ck_assert_ptr_null(session);
    ck_assert_ptr_nonnull(failure.message);
}

void expect_echo(const struct apppool_session *session)
{
    struct pollfd poller = { .fd = apppool_session_reader(session),
                             .events = POLLIN };
    char bytes[4] = "";

    ck_assert_int_eq(write(apppool_session_writer(session), "ping", 4), 4);
    ck_assert_int_eq(poll(&poller, 1, 20000), 1);
    ck_assert_int_eq(read(poller.fd, bytes, 4), 4);
    ck_assert_mem_eq(bytes, "ping", 4);
}

static void *ask(void *baton)
{
    struct asker *asker = baton;
    struct apppool_get_options options = { .root = "/srv/blog",
                                           .timeout = asker->timeout };
    struct apppool_session *session;
    apr_pool_t *own;

    apr_pool_create(&own, NULL);
    for (unsigned i = 0; i < asker->n_rounds; i++) {
        asker->status = apppool_get(client, &options, &session, NULL, own);
        if (asker->status == APR_SUCCESS) {
            asker->n_got++;
            expect_echo(session);
            apppool_session_close(session, asker->end);
        }
        apr_pool_clear(own);
    }
    apr_pool_destroy(own);
    return NULL;
}

void asker_start(struct asker *asker)
{
    ck_assert_int_eq(pthread_create(&asker->thread, NULL, ask, asker), 0);
}
