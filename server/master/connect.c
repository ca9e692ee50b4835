/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.c - see connect.h.
 */
#include "connect.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clients.h"
#include "engine_link.h"
#include "listener.h"
#include "port.h"
#include "processes.h"
#include "slot_word.h"
#include "socket.h"

/* How often a listener is looked at for somebody who waits to be accepted. */
#define ACCEPT_LOOK (5 * 1000)

struct connection_key {
    uint32_t client; /* 0: the engine's own probe */
    uint32_t slot;
};

struct connection {
    struct connection_key key;       /* in master->connections */
    LIST_ENTRY(connection) of_client; /* unless a probe */
    LIST_ENTRY(connection) of_process;
    struct process *process;         /* borrowed */
    int fd;                          /* owned; -1: waits for a port to open */
    bool waits;                      /* to be accepted before it is told */
};

static void look_at_waiting(void *baton);

static struct connection *connection_find(struct master *m, uint32_t client,
                                          uint32_t slot)
{
    struct connection_key key = { .client = client, .slot = slot };

    return apr_hash_get(m->connections, &key, sizeof(key));
}

static void tell_error(struct master *m, const struct connection_key *key,
                       uint32_t process, int error)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_CONNECT_ERROR, 0);
    wire_put_u32(&msg, FIELD_CLIENT, key->client);
    wire_put_u32(&msg, FIELD_SLOT, key->slot);
    wire_put_u32(&msg, FIELD_PROCESS, process);
    wire_put_u32(&msg, FIELD_STATUS, (uint32_t)error);
    engine_link_send(m, &msg);
}

static void tell_connected(struct master *m, const struct connection *c)
{
    struct wire_message msg;
    int copy = fd_duplicate(c->fd);

    if (copy < 0) {
        tell_error(m, &c->key, c->process->number, -copy);
        return;
    }
    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_CONNECTED, 0);
    wire_put_u32(&msg, FIELD_CLIENT, c->key.client);
    wire_put_u32(&msg, FIELD_SLOT, c->key.slot);
    wire_put_u32(&msg, FIELD_PROCESS, c->process->number);
    wire_put_fd(&msg, &copy);
    engine_link_send(m, &msg);
}

static void connection_revoke(struct master *m, struct connection *c)
{
    shutdown(c->fd, SHUT_RDWR);
    fd_close(&c->fd);
    LIST_REMOVE(c, of_process);
    if (c->key.client != 0) {
        LIST_REMOVE(c, of_client);
    }
    apr_hash_set(m->connections, &c->key, sizeof(c->key), NULL);
    free(c);
}

static struct connection *connection_add(struct master *m,
                                         const struct connection_key *key,
                                         struct client *client,
                                         struct process *p, int *fd)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        abort();
    }
    c->key = *key;
    c->process = p;
    c->fd = *fd;
    *fd = -1;
    LIST_INSERT_HEAD(&p->connections, c, of_process);
    if (client != NULL) {
        LIST_INSERT_HEAD(&client->connections, c, of_client);
    }
    apr_hash_set(m->connections, &c->key, sizeof(c->key), c);
    return c;
}

static void connection_new(struct master *m, const struct connection_key *key,
                           struct client *client, struct process *p, int *fd,
                           bool waits)
{
    struct connection *c = connection_add(m, key, client, p, fd);

    c->waits = waits;
    if (!waits) {
        tell_connected(m, c);
    } else if (m->accept_timer == NULL) {
        m->accept_timer = loop_timer_add(m->loop, ACCEPT_LOOK, look_at_waiting,
                                         m);
    }
}

/* Has the program opened its port, and is it the program that did? */
static void try_port(struct connection *c)
{
    const struct listener *listener = process_listener(c->process);
    uid_t uid;

    if (listener_connect(listener, &c->fd) == 0 &&
        port_owner(listener->port, &uid) && !process_runs_as(c->process, uid)) {
        log_error("process %u: user %u listens at its port %u",
                  (unsigned)c->process->number, (unsigned)uid,
                  (unsigned)listener->port);
        process_signal(c->process, SIGKILL); /* the next gets another port */
        fd_close(&c->fd);
    }
}

static bool is_accepted(struct connection *c)
{
    if (c->fd < 0) {
        try_port(c);
    }
    return c->fd >= 0 && !listener_has_waiting(process_listener(c->process));
}

static void look_at_waiting(void *baton)
{
    struct master *m = baton;
    apr_hash_index_t *i;
    bool more = false;

    m->accept_timer = NULL;
    for (i = apr_hash_first(NULL, m->connections); i != NULL;
         i = apr_hash_next(i)) {
        struct connection *c = apr_hash_this_val(i);

        if (c->waits && is_accepted(c)) {
            c->waits = false;
            tell_connected(m, c);
        }
        more |= c->waits;
    }
    if (more) {
        m->accept_timer = loop_timer_add(m->loop, ACCEPT_LOOK, look_at_waiting,
                                         m);
    }
}

/* 0 or the errno for the engine. */
static int connect_to(struct master *m, const struct connection_key *key,
                      uint32_t number, bool waits)
{
    struct client *client = clients_find(m, key->client);
    struct process *p = process_find(m, number);
    struct listener *listener;
    int fd;
    int rc;

    if (key->client != 0 && (client == NULL || key->slot >= BOARD_SLOTS)) {
        return EINVAL;
    }
    listener = p != NULL && p->pid != 0 ? process_listener(p) : NULL;
    if (listener == NULL) {
        return ESRCH;
    }
    if (waits && listener->port != 0) {
        fd = -1;
        connection_new(m, key, client, p, &fd, true);
        return 0;
    }
    rc = listener_connect(listener, &fd);
    if (rc < 0) {
        return -rc;
    }
    connection_new(m, key, client, p, &fd,
                   waits && listener_has_waiting(listener));
    return 0;
}

void connect_on_connect(struct master *m, struct wire_message *msg)
{
    struct connection_key key = {
        .client = wire_get_u32(msg, FIELD_CLIENT, 0),
        .slot = wire_get_u32(msg, FIELD_SLOT, 0),
    };
    uint32_t process = wire_get_u32(msg, FIELD_PROCESS, 0);
    struct connection *before = connection_find(m, key.client, key.slot);
    int error;

    if (before != NULL) {
        connection_revoke(m, before);
    }
    error = connect_to(m, &key, process,
                       wire_get_u32(msg, FIELD_WAIT_ACCEPT, 0) != 0);
    if (error != 0) {
        tell_error(m, &key, process, error);
    }
}

void connect_on_revoke(struct master *m, struct wire_message *msg)
{
    struct connection *c = connection_find(
        m, wire_get_u32(msg, FIELD_CLIENT, 0), wire_get_u32(msg, FIELD_SLOT,
                                                            0));

    if (c != NULL) {
        connection_revoke(m, c);
    }
}

void connect_revoke_client(struct master *m, struct client *client)
{
    while (!LIST_EMPTY(&client->connections)) {
        connection_revoke(m, LIST_FIRST(&client->connections));
    }
}

void connect_revoke_process(struct process *p)
{
    while (!LIST_EMPTY(&p->connections)) {
        struct connection *c = LIST_FIRST(&p->connections);

        if (c->waits) {
            tell_error(p->m, &c->key, p->number, ESRCH);
        }
        connection_revoke(p->m, c);
    }
}

void connect_engine_lost(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->connections); i != NULL;
         i = apr_hash_next(i)) {
        struct connection *c = apr_hash_this_val(i);

        if (c->key.client == 0 || c->waits) {
            connection_revoke(m, c);
        }
    }
}

void connect_tell(struct master *m)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, m->connections); i != NULL;
         i = apr_hash_next(i)) {
        const struct connection *c = apr_hash_this_val(i);
        struct wire_message msg;

        wire_message_init(&msg);
        wire_message_begin(&msg, MSG_SLOT_KEPT, 0);
        wire_put_u32(&msg, FIELD_CLIENT, c->key.client);
        wire_put_u32(&msg, FIELD_SLOT, c->key.slot);
        wire_put_u32(&msg, FIELD_PROCESS, c->process->number);
        engine_link_send(m, &msg);
    }
}

/* The next image ----------------------------------------------------------- */

void connect_each(const struct master *m,
                  void (*each)(void *baton,
                               const struct connection_facts *facts),
                  void *baton)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, m->connections); i != NULL;
         i = apr_hash_next(i)) {
        const struct connection *c = apr_hash_this_val(i);

        if (c->key.client != 0 && !c->waits) {
            each(baton, &(struct connection_facts){
                            .client = c->key.client, .slot = c->key.slot,
                            .process = c->process->number, .fd = c->fd });
        }
    }
}

bool connect_restore(struct master *m, const struct connection_facts *facts)
{
    struct connection_key key = { .client = facts->client,
                                  .slot = facts->slot };
    struct client *client = clients_find(m, facts->client);
    struct process *p = process_find(m, facts->process);
    int fd = facts->fd;

    if (client == NULL || p == NULL || key.slot >= BOARD_SLOTS ||
        connection_find(m, key.client, key.slot) != NULL) {
        return false;
    }
    connection_add(m, &key, client, p, &fd);
    return true;
}
