/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.c - keeps an httpd child connected, whatever becomes of the server.
 *
 * A client is counted by the threads that use it; one whose server was lost is
 * closed and goes when the last of them has noticed. Sessions outlive it. At
 * the child's end nothing is torn down: the end of the process does it, and
 * prefork ends its children from within a signal handler.
 */
#include "child.h"

#include <ap_mpm.h>
#include <apr_thread_mutex.h>
#include <http_log.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "apppool/error.h"
#include "apppool/server.h"
#include "clock.h"
#include "config.h"

APLOG_USE_MODULE(apppool);

/* How long a request waits for a new server, and how often it looks. */
#define PATIENCE apr_time_from_sec(2)
/* So many may be lost by one request. */
#define SERVERS_MAX 4
#define LOOK_EVERY apr_time_from_msec(50)

struct connection {
    apr_pool_t *pool;             /* owns client and this */
    struct apppool_client *client;
    unsigned users;               /* threads, and 1 while it is the current */
};

APR_RING_HEAD(running_ring, running);

struct child {
    server_rec *server;
    pid_t parent;                 /* httpd's, by whom the mailbox is written */
    apr_uint32_t generation;      /* of the configuration it runs with */
    struct mailbox box;
    struct startup_cache *startup;
    apr_thread_mutex_t *mutex;    /* of all below */
    struct connection *current;   /* NULL: no server */
    apr_time_t next_look;         /* no try to connect before this */
    bool has_complained;          /* of there being no server; once */
    struct running_ring running;
    atomic_bool stopping;
    int is_threaded;
};

static struct connection *connection_new(struct child *child,
                                         const struct apppool_server_state *at)
{
    struct apppool_server *handle;
    struct connection *connection;
    apr_status_t rv;
    apr_pool_t *p;
    char text[200];

    apr_pool_create(&p, NULL); /* threads of their own make and end it */
    connection = apr_pcalloc(p, sizeof(*connection));
    connection->pool = p;
    connection->users = 1;
    rv = apppool_server_import(&handle, at, p);
    if (rv == APR_SUCCESS) {
        rv = apppool_server_connect(handle, &connection->client, p);
        apppool_server_detach(handle);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, child->has_complained ? APLOG_DEBUG
                                                       : APLOG_WARNING,
                     0, child->server, "no connection to the pool server: %s",
                     apppool_strerror(rv, text, sizeof(text)));
        child->has_complained = true;
        apr_pool_destroy(p);
        return NULL;
    }
    child->has_complained = false;
    return connection;
}

/* With the mutex held. */
static void unuse(struct connection *connection)
{
    if (connection != NULL && --connection->users == 0) {
        apr_pool_destroy(connection->pool);
    }
}

struct child *child_new(apr_pool_t *pchild, server_rec *s,
                        const struct apppool_server_state *server,
                        const struct mailbox *box, pid_t parent)
{
    struct child *child = apr_pcalloc(pchild, sizeof(*child));

    child->server = s;
    child->parent = parent;
    child->generation = server->generation;
    child->box = *box;
    mailbox_close_writer(&child->box);
    child->startup = startup_cache_new(pchild);
    apr_thread_mutex_create(&child->mutex, APR_THREAD_MUTEX_DEFAULT, pchild);
    ap_mpm_query(AP_MPMQ_IS_THREADED, &child->is_threaded);
    APR_RING_INIT(&child->running, running, link);
    if (server->pid != 0) {
        child->current = connection_new(child, server);
    }
    return child;
}

/* With the mutex held: drop a client whose server has gone. */
static void drop_lost(struct child *child)
{
    if (child->current != NULL &&
        apppool_client_is_lost(child->current->client)) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, child->server,
                     "the pool server has gone; looking for the next one");
        apppool_client_close(child->current->client);
        unuse(child->current);
        child->current = NULL;
    }
}

/* With the mutex held: one try, not too often. */
static void look_for_server(struct child *child)
{
    struct apppool_server_state at = {.pid = child->parent, .rendezvous = -1,
                                      .admin = -1, .pidfd = -1,
                                      .generation = child->generation};
    apr_time_t now = clock_now();

    if (now < child->next_look) {
        return;
    }
    child->next_look = now + LOOK_EVERY;
    if (mailbox_look(&child->box, child->parent, &at.rendezvous) == 0) {
        child->current = connection_new(child, &at);
        child->next_look = clock_now() + LOOK_EVERY;
    }
}

static struct connection *use(struct child *child)
{
    struct connection *connection;

    apr_thread_mutex_lock(child->mutex);
    drop_lost(child);
    if (child->current == NULL && !child->stopping) {
        look_for_server(child);
    }
    connection = child->current;
    if (connection != NULL) {
        connection->users++;
    }
    apr_thread_mutex_unlock(child->mutex);
    return connection;
}

static struct connection *use_or_wait(struct child *child)
{
    apr_time_t until = clock_now() + PATIENCE;
    struct connection *connection = use(child);

    while (connection == NULL && clock_now() < until &&
           !child_is_stopping(child)) {
        apr_sleep(LOOK_EVERY);
        connection = use(child);
    }
    return connection;
}

static void unuse_locked(struct child *child, struct connection *connection)
{
    apr_thread_mutex_lock(child->mutex);
    unuse(connection);
    apr_thread_mutex_unlock(child->mutex);
}

static apr_status_t no_server(struct apppool_failure *failure)
{
    failure->message = "there is no pool server";
    failure->page = NULL;
    failure->retry_after_s = 1;
    return APPPOOL_EIO;
}

apr_status_t child_get(struct child *child,
                       const struct apppool_get_options *options,
                       struct apppool_session **session_r,
                       struct apppool_failure *failure_r, apr_pool_t *p)
{
    struct apppool_get_options again = *options;
    apr_time_t began = clock_now();
    apr_status_t rv = APPPOOL_EIO;
    int i;

    for (i = 0; rv == APPPOOL_EIO && i < SERVERS_MAX; i++) {
        struct connection *connection = use_or_wait(child);

        if (connection == NULL) {
            return no_server(failure_r);
        }
        rv = apppool_get(connection->client, &again, session_r, failure_r, p);
        again.age = options->age + (clock_now() - began);
        unuse_locked(child, connection);
        if (rv == APPPOOL_EIO && child_is_stopping(child)) {
            break;
        }
    }
    return rv;
}

apr_status_t child_status(struct child *child, const char **json_r,
                          apr_size_t *len_r, apr_pool_t *p)
{
    struct connection *connection = use(child);
    apr_status_t rv = APPPOOL_EIO;

    if (connection != NULL) {
        rv = apppool_status(connection->client, json_r, len_r, p);
        unuse_locked(child, connection);
    }
    return rv;
}

apr_status_t child_restart(struct child *child, const char *root,
                           const char **message_r, apr_pool_t *p)
{
    struct connection *connection = use(child);
    apr_status_t rv = APPPOOL_EIO;

    if (connection != NULL) {
        rv = apppool_restart(connection->client, root, message_r, p);
        unuse_locked(child, connection);
    }
    return rv;
}

apr_status_t child_detach(struct child *child, pid_t pid)
{
    struct connection *connection = use(child);
    apr_status_t rv = APPPOOL_EIO;

    if (connection != NULL) {
        rv = apppool_detach_process(connection->client, pid);
        unuse_locked(child, connection);
    }
    return rv;
}

void child_add_running(struct child *child, struct running *running, int fd)
{
    running->fd = fd;
    running->child = child;
    apr_thread_mutex_lock(child->mutex);
    APR_RING_INSERT_TAIL(&child->running, running, running, link);
    if (child->stopping) {
        shutdown(fd, SHUT_RDWR);
    }
    apr_thread_mutex_unlock(child->mutex);
}

void child_remove_running(struct running *running)
{
    struct child *child = running->child;

    if (child != NULL) {
        apr_thread_mutex_lock(child->mutex);
        APR_RING_REMOVE(running, link);
        running->child = NULL;
        apr_thread_mutex_unlock(child->mutex);
    }
}

void child_stop(struct child *child)
{
    struct running *running;

    child->stopping = true;
    if (!child->is_threaded) {
        return; /* a signal handler that ends the process: there may be a lock
                   held, and its request ends with it */
    }
    apr_thread_mutex_lock(child->mutex);
    APR_RING_FOREACH(running, &child->running, running, link) {
        shutdown(running->fd, SHUT_RDWR);
    }
    if (child->current != NULL) {
        apppool_client_close(child->current->client);
    }
    apr_thread_mutex_unlock(child->mutex);
}

int child_is_stopping(const struct child *child)
{
    return child->stopping;
}

struct startup_cache *child_startup(struct child *child)
{
    return child->startup;
}
