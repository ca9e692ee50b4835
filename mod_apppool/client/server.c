/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - the handle of a pool server.
 *
 * Only the process that started the server ends it; a forked copy of the handle
 * gives up its descriptors and nothing else.
 */
#include "client.h"
#include "launcher.h"

#include <errno.h>
#include <unistd.h>

/* A channel may turn out dead between answer and HELLO; see connect_over(). */
#define CONNECT_TRIES 3

struct apppool_server {
    apr_pool_t *p;
    struct apppool_server_state state;
    struct apppool_server_options options;
    bool has_options; /* false: imported */
    bool is_detached;
    bool is_exported; /* whoever keeps the state owns process and sockets */
    pid_t owner;      /* the process that started it; 0: not this handle */
};

static bool is_owner(const struct apppool_server *server)
{
    return server->owner == getpid();
}

static void end(struct apppool_server *server)
{
    if (is_owner(server)) {
        launcher_stop(&server->state);
    } else {
        launcher_close(&server->state);
        server->state = launcher_none;
    }
}

static apr_status_t on_pool_cleanup(void *baton)
{
    struct apppool_server *server = baton;

    if (!server->is_exported) {
        end(server);
    }
    return APR_SUCCESS;
}

static struct apppool_server *allocate(apr_pool_t *p)
{
    struct apppool_server *server = apr_pcalloc(p, sizeof(*server));

    server->p = p;
    server->state = launcher_none;
    apr_pool_cleanup_register(p, server, on_pool_cleanup,
                              apr_pool_cleanup_null);
    return server;
}

static apr_status_t start(struct apppool_server *server, const char **message_r)
{
    const char *message = NULL;
    apr_status_t rv = launcher_start(&server->options, &server->state,
                                     &message, server->p);

    server->owner = getpid();
    server->is_detached = false;
    if (message_r != NULL) {
        *message_r = message;
    }
    return rv;
}

apr_status_t apppool_server_start(struct apppool_server **server_r,
                                  const struct apppool_server_options *options,
                                  const char **message_r, apr_pool_t *p)
{
    struct apppool_server_options complete;
    const char *message = NULL;
    apr_status_t rv = launcher_check(options, &complete, &message, p);

    *server_r = NULL;
    if (rv == APR_SUCCESS) {
        struct apppool_server *server = allocate(p);

        server->options = complete;
        server->has_options = true;
        rv = start(server, &message);
        if (rv == APR_SUCCESS) {
            *server_r = server;
        }
    }
    if (message_r != NULL) {
        *message_r = message;
    }
    return rv;
}

apr_status_t apppool_server_restart(struct apppool_server *server,
                                    const char **message_r)
{
    if (!server->has_options) {
        if (message_r != NULL) {
            *message_r = "an imported server has no options to start it with";
        }
        return APR_EINVAL;
    }
    end(server);
    return start(server, message_r);
}

apr_status_t apppool_server_shutdown(struct apppool_server *server)
{
    end(server);
    return APR_SUCCESS;
}

apr_status_t apppool_server_detach(struct apppool_server *server)
{
    fd_close(&server->state.rendezvous);
    fd_close(&server->state.admin);
    if (!is_owner(server)) {
        fd_close(&server->state.pidfd);
    }
    server->is_detached = true;
    return APR_SUCCESS;
}

pid_t apppool_server_pid(const struct apppool_server *server)
{
    return server->state.pid;
}

void apppool_server_export(struct apppool_server *server,
                           struct apppool_server_state *state_r)
{
    *state_r = server->state;
    server->is_exported = true;
}

apr_status_t apppool_server_import(struct apppool_server **server_r,
                                   const struct apppool_server_state *state,
                                   apr_pool_t *p)
{
    struct apppool_server *server = allocate(p);

    server->state = *state;
    server->owner = launcher_is_child(state) ? getpid() : 0;
    *server_r = server;
    return APR_SUCCESS;
}

/* Connecting -------------------------------------------------------------- */

static int ms_until(int64_t end_us)
{
    int64_t us = end_us - client_now();

    return us <= 0 ? 0 : (int)((us + 999) / 1000);
}

static apr_status_t try_to_connect(int fd, int64_t end_us,
                                   apr_uint32_t generation,
                                   struct apppool_client **client_r)
{
    int channel = -1;
    int rc = rendezvous_ask(fd, RENDEZVOUS_CHANNEL, ms_until(end_us),
                            &channel);

    switch (rc) {
    case 0:
        return client_new(&channel, end_us, generation, client_r);
    case -ETIMEDOUT:
        return APPPOOL_ETIMEOUT;
    case -EPIPE:
        return APPPOOL_EIO;
    case -EPROTO:
        return APPPOOL_EPROTO;
    default:
        return APR_FROM_OS_ERROR(-rc);
    }
}

/* The answer to a sibling that died comes to us, and its channel may be closed
 * while we say HELLO: so the end of a channel is not yet the end. */
static apr_status_t connect_over(int fd, apr_uint32_t generation,
                                 struct apppool_client **client_r,
                                 apr_pool_t *p)
{
    const int64_t end_us = client_now() + CLIENT_PATIENCE;
    apr_status_t rv = APPPOOL_EIO;

    *client_r = NULL;
    for (int i = 0; i < CONNECT_TRIES && rv == APPPOOL_EIO; i++) {
        rv = try_to_connect(fd, end_us, generation, client_r);
    }
    if (rv == APR_SUCCESS) {
        client_give_to_pool(*client_r, p);
    }
    return rv;
}

apr_status_t apppool_server_connect(struct apppool_server *server,
                                    struct apppool_client **client_r,
                                    apr_pool_t *p)
{
    *client_r = NULL;
    if (server->is_detached) {
        return APPPOOL_EDETACHED;
    }
    if (server->state.rendezvous < 0) {
        return APPPOOL_EIO;
    }
    return connect_over(server->state.rendezvous, server->state.generation,
                        client_r, p);
}

apr_status_t apppool_server_connect_admin(struct apppool_server *server,
                                          struct apppool_client **client_r,
                                          apr_pool_t *p)
{
    *client_r = NULL;
    if (server->is_detached) {
        return APPPOOL_EDETACHED;
    }
    if (server->state.admin < 0) {
        return server->state.rendezvous < 0 ? APPPOOL_EIO : APPPOOL_EDENIED;
    }
    return connect_over(server->state.admin, 0, client_r, p);
}

apr_status_t apppool_client_from_admin(int fd,
                                       struct apppool_client **client_r,
                                       apr_pool_t *p)
{
    return connect_over(fd, 0, client_r, p);
}
