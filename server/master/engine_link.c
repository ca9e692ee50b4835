/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_link.c - see engine_link.h.
 */
#include "engine_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "adopt.h"
#include "clients.h"
#include "config.h"
#include "connect.h"
#include "engine_keeper.h"
#include "gate.h"
#include "processes.h"
#include "report.h"
#include "socket.h"
#include "spawn.h"
#include "watcher_keeper.h"

/* At most this many messages a turn, so that everybody gets his. */
#define MESSAGES_A_TURN 64

struct link_packet {
    STAILQ_ENTRY(link_packet) next;
    struct wire_message message; /* owned */
};

typedef void link_handler(struct master *m, struct wire_message *msg);

static const struct {
    enum wire_type type;
    link_handler *handler;
} handlers[] = {
    { MSG_SPAWN, spawn_on_spawn },
    { MSG_FORK, spawn_on_fork },
    { MSG_CONNECT, connect_on_connect },
    { MSG_REVOKE, connect_on_revoke },
    { MSG_KILL, process_on_kill },
    { MSG_READY, process_on_ready },
    { MSG_DROP_CLIENT, client_on_drop },
    { MSG_MAKE_CHANNEL, client_on_make_channel },
    { MSG_DROP_CHANNEL, client_on_drop_channel },
    { MSG_GREETED, client_on_greeted },
    { MSG_FORGET, config_on_forget },
    { MSG_ADOPT, adopt_on_adopt },
    { MSG_PONG, engine_keeper_on_pong },
    { MSG_KEEP, engine_keeper_on_keep },
    { MSG_LIMITS, config_on_limits },
    { MSG_WATCH, watcher_on_watch },
    { MSG_MEASURE, watcher_on_measure },
};

static void dispatch(struct master *m, struct wire_message *msg)
{
    static struct log_quota quota;

    for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
        if (handlers[i].type == wire_type(msg)) {
            handlers[i].handler(m, msg);
            return;
        }
    }
    log_some(&quota, LOG_LEVEL_ERROR,
             "the engine sent %s, which is not for the master",
             wire_type_name(wire_type(msg)));
}

bool engine_link_is_free(const struct master *m)
{
    return m->link >= 0 && STAILQ_EMPTY(&m->link_queue);
}

/* Called whenever that may have changed. */
static void link_set_sources(struct master *m)
{
    bool busy = m->link >= 0 && !STAILQ_EMPTY(&m->link_queue);

    gate_pause_all(m, busy);
    report_pause_all(m, !engine_link_is_free(m));
    watcher_keeper_pause(m, !engine_link_is_free(m));
}

static void packet_free(struct master *m, struct link_packet *packet)
{
    STAILQ_REMOVE_HEAD(&m->link_queue, next);
    wire_message_clear(&packet->message);
    free(packet);
}

static void on_write(struct master *m)
{
    struct link_packet *packet = STAILQ_FIRST(&m->link_queue);

    while (packet != NULL &&
           !wire_is_for_later(wire_send(m->link, &packet->message))) {
        packet_free(m, packet);
        packet = STAILQ_FIRST(&m->link_queue);
    }
    if (packet == NULL) {
        loop_watch_set(m->link_watch, LOOP_READ);
        link_set_sources(m);
    }
}

static void on_read(struct master *m)
{
    static struct log_quota quota;
    struct wire_message msg;
    const char *why = NULL;
    int rc = 1;

    wire_message_init(&msg);
    for (int i = 0; i < MESSAGES_A_TURN && rc == 1 && m->link >= 0; i++) {
        rc = wire_receive(m->link, &msg, FROM_ENGINE, &why);
        if (rc == 1) {
            dispatch(m, &msg);
        } else if (rc == -EPROTO) {
            log_some(&quota, LOG_LEVEL_ERROR, "bad message from the engine: %s",
                     why);
            rc = 1;
        }
    }
    wire_message_clear(&msg);
    if (rc != 1 && rc != -EAGAIN) {
        engine_keeper_lost(m);
    }
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct master *m = baton;

    (void)fd;
    if (events & LOOP_WRITE) {
        on_write(m);
    }
    if (events & LOOP_READ) {
        on_read(m);
    }
}

int engine_link_open(struct master *m, int *fd)
{
    m->link_watch = loop_watch(m->loop, *fd, LOOP_READ, on_ready, m);
    if (m->link_watch == NULL) {
        int rc = -errno;

        fd_close(fd);
        return rc;
    }
    m->link = *fd;
    *fd = -1;
    link_set_sources(m);
    return 0;
}

void engine_link_close(struct master *m)
{
    while (!STAILQ_EMPTY(&m->link_queue)) {
        packet_free(m, STAILQ_FIRST(&m->link_queue));
    }
    loop_unwatch(&m->link_watch);
    fd_close(&m->link);
    link_set_sources(m);
}

/* Moves the message, descriptors and all. */
static void enqueue(struct master *m, struct wire_message *msg)
{
    struct link_packet *packet = calloc(1, sizeof(*packet));
    bool was_empty = STAILQ_EMPTY(&m->link_queue);

    if (packet == NULL) {
        abort();
    }
    packet->message = *msg;
    wire_message_init(msg);
    STAILQ_INSERT_TAIL(&m->link_queue, packet, next);
    if (was_empty) {
        loop_watch_set(m->link_watch, LOOP_READ | LOOP_WRITE);
        link_set_sources(m);
    }
}

void engine_link_send(struct master *m, struct wire_message *msg)
{
    int rc = 0;

    if (m->link >= 0) {
        rc = STAILQ_EMPTY(&m->link_queue) ? wire_send(m->link, msg) : -EAGAIN;
    }
    if (wire_is_for_later(rc)) {
        enqueue(m, msg);
    } else if (rc < 0) {
        if (rc != -EPIPE) {
            log_error("%s to the engine: %s", wire_type_name(wire_type(msg)),
                      strerror(-rc));
        }
        if (rc != -EPROTO) { /* that one only misses a descriptor */
            engine_keeper_lost(m); /* it would know half of everything */
        }
    }
    wire_message_clear(msg);
}

void engine_link_put_copy(struct wire_message *msg, int fd)
{
    int copy = fd_duplicate(fd);

    if (copy < 0) {
        log_error("no descriptor left for the engine: %s", strerror(-copy));
        return;
    }
    wire_put_fd(msg, &copy);
}
