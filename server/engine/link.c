/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.c - see link.h. Messages from the master are dispatched by a table; each
 * handler lives with its subject.
 */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "client.h"
#include "definition.h"
#include "lease.h"
#include "lend.h"
#include "metrics.h"
#include "operate.h"
#include "reports.h"
#include "running.h"
#include "socket.h"
#include "takeover.h"
#include "watch.h"

/* What was asked of an engine before is asked again within this time, and then
 * served by age. */
#define HOLD_US INT64_C(50000)

typedef void link_handler(struct engine *engine, struct wire_message *m);

static void on_start(struct engine *engine, struct wire_message *m)
{
    core_set_last_number(engine->core, wire_get_u32(m, FIELD_NUMBER, 0));
    engine->started = true;
    engine->draining = wire_get_u32(m, FIELD_DRAINING, 0) != 0;
    snprintf(engine->missing, sizeof engine->missing, "%s",
             wire_has(m, FIELD_MESSAGE) ? wire_get_text(m, FIELD_MESSAGE, NULL)
                                        : "");
    if (wire_get_u32(m, FIELD_STATUS, 0) != 0) {
        takeover_slots(engine);
        takeover_processes(engine);
        watch_again(engine);
        core_hold(engine->core, engine_now(engine) + HOLD_US);
        client_reset_all(engine);
    }
    definition_sweep(engine); /* what nobody we were told of uses */
    definition_start_all(engine);
    client_listen_all(engine);
}

static void on_stop(struct engine *engine, struct wire_message *m)
{
    (void)m;
    engine->stopping = true;
    core_stop(engine->core, engine_now(engine));
    lease_recall(engine);
}

static void on_ping(struct engine *engine, struct wire_message *m)
{
    struct wire_message pong;

    wire_message_init(&pong);
    wire_message_begin(&pong, MSG_PONG, wire_request_id(m));
    wire_send(engine->link, &pong);
    wire_message_clear(&pong);
}

static const struct {
    enum wire_type type;
    link_handler *handler;
} handlers[] = {
    { MSG_CONFIGURE, definition_on_configure },
    { MSG_LIMITS, admin_on_limits },
    { MSG_DEFINE, definition_on_define },
    { MSG_COMMIT, definition_on_commit },
    { MSG_DESCRIBE, operate_on_describe },
    { MSG_ADOPTED, definition_on_adopted },
    { MSG_CLIENT_NEW, client_on_new },
    { MSG_CHANNEL_NEW, client_on_channel },
    { MSG_SPAWNED, running_on_spawned },
    { MSG_SPAWN_ERROR, running_on_spawn_error },
    { MSG_REPORTED, reports_on_reported },
    { MSG_GONE, running_on_gone },
    { MSG_CONNECTED, lend_on_connected },
    { MSG_CONNECT_ERROR, lend_on_connect_error },
    { MSG_SLOT_KEPT, takeover_on_slot_kept },
    { MSG_SEEN, watch_on_seen },
    { MSG_MEASURED, metrics_on_measured },
    { MSG_START, on_start },
    { MSG_STOP, on_stop },
    { MSG_PING, on_ping },
};

static void dispatch(struct engine *engine, struct wire_message *m)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type == wire_type(m)) {
            handlers[i].handler(engine, m);
            engine_settle(engine);
            return;
        }
    }
    log_error("the master sent %s, which is not for an engine",
              wire_type_name(wire_type(m)));
}

static void flush(struct engine *engine)
{
    struct link_packet *packet;

    while ((packet = STAILQ_FIRST(&engine->link_queue)) != NULL) {
        if (wire_is_for_later(wire_send(engine->link, &packet->message))) {
            break;
        }
        STAILQ_REMOVE_HEAD(&engine->link_queue, next);
        wire_message_clear(&packet->message);
        free(packet);
    }
    loop_watch_set(engine->link_watch,
                   packet != NULL ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

/* At most this many messages a turn, so that clients get their turn, too. */
#define MESSAGES_A_TURN 64

static void receive(struct engine *engine)
{
    struct wire_message m;
    const char *why = NULL;
    int rc = 1;

    wire_message_init(&m);
    for (int i = 0; i < MESSAGES_A_TURN && rc == 1; i++) {
        rc = wire_receive(engine->link, &m, FROM_MASTER, &why);
        if (rc == 1) {
            dispatch(engine, &m);
        } else if (rc == -EPROTO) {
            log_error("bad message from the master: %s", why);
            rc = 1;
        }
    }
    wire_message_clear(&m);
    if (rc == 0 || (rc < 0 && rc != -EAGAIN)) {
        engine_end(engine);
    }
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct engine *engine = baton;

    (void)fd;
    if (events & LOOP_WRITE) {
        flush(engine);
    }
    if (events & LOOP_READ) {
        receive(engine);
    }
}

int link_open(struct engine *engine, int fd)
{
    engine->link = fd;
    STAILQ_INIT(&engine->link_queue);
    engine->link_watch = loop_watch(engine->loop, fd, LOOP_READ, on_ready,
                                    engine);
    return engine->link_watch != NULL ? 0 : -errno;
}

void link_close(struct engine *engine)
{
    struct link_packet *packet;

    while ((packet = STAILQ_FIRST(&engine->link_queue)) != NULL) {
        STAILQ_REMOVE_HEAD(&engine->link_queue, next);
        wire_message_clear(&packet->message);
        free(packet);
    }
    loop_unwatch(&engine->link_watch);
}

static void enqueue(struct engine *engine, const struct wire_message *m)
{
    struct link_packet *packet = calloc(1, sizeof *packet);

    if (packet == NULL) {
        abort();
    }
    wire_message_init(&packet->message);
    wire_copy(&packet->message, m);
    STAILQ_INSERT_TAIL(&engine->link_queue, packet, next);
    loop_watch_set(engine->link_watch, LOOP_READ | LOOP_WRITE);
}

/* Send m, or queue it; m is cleared. */
static void link_send(struct engine *engine, struct wire_message *m)
{
    int rc = -EAGAIN;

    if (STAILQ_EMPTY(&engine->link_queue)) {
        rc = wire_send(engine->link, m);
    }
    if (wire_is_for_later(rc)) {
        enqueue(engine, m);
    } else if (rc < 0) {
        if (rc != -EPIPE) {
            log_error("%s to the master: %s", wire_type_name(wire_type(m)),
                      strerror(-rc));
        }
        engine_end(engine); /* the next one is told everything anew */
    }
    wire_message_clear(m);
}

struct number {
    enum wire_field field;
    uint32_t value;
};

static void send_numbers(struct engine *engine, enum wire_type type,
                         const struct number *numbers, size_t n)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, 0);
    for (size_t i = 0; i < n; i++) {
        wire_put_u32(&m, numbers[i].field, numbers[i].value);
    }
    link_send(engine, &m);
}

#define SEND(engine, type, ...)                                               \
    do {                                                                      \
        const struct number numbers[] = { __VA_ARGS__ };                      \
        send_numbers(engine, type, numbers, sizeof numbers / sizeof *numbers);\
    } while (0)

void link_spawn(struct engine *engine, uint32_t process, uint32_t app,
                unsigned listeners, uint64_t sticky)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_SPAWN, 0);
    wire_put_u32(&m, FIELD_PROCESS, process);
    wire_put_u32(&m, FIELD_APP, app);
    wire_put_u32(&m, FIELD_LISTENERS, listeners);
    wire_put_u64(&m, FIELD_STICKY, sticky);
    link_send(engine, &m);
}

void link_fork(struct engine *engine, uint32_t process, uint32_t preloader,
               unsigned listener, uint64_t sticky)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_FORK, 0);
    wire_put_u32(&m, FIELD_PROCESS, process);
    wire_put_u32(&m, FIELD_PRELOADER, preloader);
    wire_put_u32(&m, FIELD_LISTENER, listener);
    wire_put_u64(&m, FIELD_STICKY, sticky);
    link_send(engine, &m);
}

void link_limits(struct engine *engine)
{
    SEND(engine, MSG_LIMITS, { FIELD_MAX, engine->limits.max },
         { FIELD_MAX_IDLE_S,
           (uint32_t)(engine->limits.max_idle_us / APR_USEC_PER_SEC) });
}

void link_ready(struct engine *engine, uint32_t process)
{
    SEND(engine, MSG_READY, { FIELD_PROCESS, process });
}

void link_kill(struct engine *engine, uint32_t process, int signal)
{
    SEND(engine, MSG_KILL, { FIELD_PROCESS, process },
         { FIELD_SIGNAL, (uint32_t)signal });
}

void link_connect(struct engine *engine, uint32_t client, uint32_t slot,
                  uint32_t process, bool wait_accept)
{
    SEND(engine, MSG_CONNECT, { FIELD_CLIENT, client }, { FIELD_SLOT, slot },
         { FIELD_PROCESS, process }, { FIELD_WAIT_ACCEPT, wait_accept });
}

void link_revoke(struct engine *engine, uint32_t client, uint32_t slot)
{
    SEND(engine, MSG_REVOKE, { FIELD_CLIENT, client }, { FIELD_SLOT, slot });
}

void link_drop_client(struct engine *engine, uint32_t client)
{
    SEND(engine, MSG_DROP_CLIENT, { FIELD_CLIENT, client });
}

void link_make_channel(struct engine *engine, uint32_t client, uint32_t channel)
{
    SEND(engine, MSG_MAKE_CHANNEL, { FIELD_CLIENT, client },
         { FIELD_CHANNEL, channel });
}

void link_drop_channel(struct engine *engine, uint32_t client, uint32_t channel)
{
    SEND(engine, MSG_DROP_CHANNEL, { FIELD_CLIENT, client },
         { FIELD_CHANNEL, channel });
}

void link_keep_draining(struct engine *engine, bool draining)
{
    SEND(engine, MSG_KEEP, { FIELD_DRAINING, draining });
}

void link_greeted(struct engine *engine, uint32_t client, uint32_t generation,
                  bool leases)
{
    SEND(engine, MSG_GREETED, { FIELD_CLIENT, client },
         { FIELD_GENERATION, generation }, { FIELD_LEASES, leases });
}

void link_forget(struct engine *engine, uint32_t app)
{
    SEND(engine, MSG_FORGET, { FIELD_APP, app });
}

void link_watch(struct engine *engine, uint32_t app, enum watch_how how)
{
    SEND(engine, MSG_WATCH, { FIELD_APP, app }, { FIELD_NUMBER, how });
}

void link_measure(struct engine *engine, uint32_t process)
{
    SEND(engine, MSG_MEASURE, { FIELD_PROCESS, process });
}

void link_adopt(struct engine *engine, uint32_t request_id,
                const struct wire_message *get)
{
    struct wire_message m;
    const char *lowest = wire_get_text(get, FIELD_LOWEST_USER, NULL);

    wire_message_init(&m);
    wire_message_begin(&m, MSG_ADOPT, request_id);
    wire_put_u32(&m, FIELD_APP, wire_get_u32(get, FIELD_APP, 0));
    wire_put_text(&m, FIELD_ROOT, wire_get_text(get, FIELD_ROOT, NULL));
    wire_put_u32(&m, FIELD_LOWER, wire_get_u32(get, FIELD_LOWER, 1));
    if (lowest != NULL) {
        wire_put_text(&m, FIELD_LOWEST_USER, lowest);
    }
    link_send(engine, &m);
}
