/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.c - see lend.h.
 */
#include "lend.h"

#include <stdio.h>
#include <stdlib.h>

#include "definition.h"
#include "exclusive.h"
#include "lease.h"
#include "link.h"
#include "request.h"
#include "running.h"
#include "slot.h"
#include "socket.h"
#include "tunnel.h"

/* Up to this age requests may be overtaken by others inside a client. */
#define LEND_FAIR_US 10000

/* OFFER -------------------------------------------------------------------- */

static void give_back_later(struct engine *engine, struct running *running)
{
    struct engine_return *item = calloc(1, sizeof *item);

    if (item == NULL) {
        abort();
    }
    item->process = running->number;
    STAILQ_INSERT_TAIL(&engine->returns, item, next);
}

void lend_settle(struct engine *engine)
{
    struct engine_return *item;

    while ((item = STAILQ_FIRST(&engine->returns)) != NULL) {
        struct running *running = running_find(engine, item->process);

        STAILQ_REMOVE_HEAD(&engine->returns, next);
        if (running != NULL && running->core != NULL) {
            core_session_closed(running->core, true, engine_now(engine));
        }
        free(item);
    }
}

/* Would one more request have to wait for a process of those there are? */
static bool is_full(const struct definition *definition)
{
    struct core_app_view app;
    struct core_view pool;

    core_app_view(definition->app, &app);
    core_view(definition->engine->core, &pool);
    return app.waiting > 0 ||
           (app.idle == 0 &&
            (pool.processes >= definition->engine->limits.max ||
             (definition->limits.max_per_app != 0 &&
              app.processes >= definition->limits.max_per_app)));
}

static int send_offer(struct request *request, struct slot *slot,
                      uint64_t word)
{
    struct engine *engine = slot->client->engine;
    int64_t waited = engine_now(engine) - request->waiter.since_us;
    struct wire_message m;
    int rc;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_OFFER, request->id);
    wire_put_u32(&m, FIELD_SLOT, slot->line);
    wire_put_u32(&m, FIELD_SLOT_GENERATION, slot_generation(word));
    wire_put_u32(&m, FIELD_PID, (uint32_t)slot->running->pid);
    wire_put_u32(&m, FIELD_PROCESS, slot->running->number);
    wire_put_u32(&m, FIELD_PROTOCOL, running_protocol(slot->running));
    wire_put_u64(&m, FIELD_QUEUE_US, waited > 0 ? (uint64_t)waited : 0);
    wire_put_u64(&m, FIELD_SPAWN_US, (uint64_t)request->waiter.spawn_us);
    wire_put_u32(&m, FIELD_FULL, is_full(slot->running->definition));
    wire_put_u64(&m, FIELD_STICKY, slot->running->sticky);
    if (slot->fd >= 0) {
        wire_put_fd(&m, &slot->fd);
    }
    rc = channel_send(request->channel, &m);
    wire_message_clear(&m);
    return rc;
}

/* Somebody else has waited so long that it is their turn, exactly: what is
 * handed on inside one client would keep the others waiting. */
static bool others_wait_long(const struct definition *definition)
{
    struct core_app_view app;

    core_app_view(definition->app, &app);
    return app.waiting > 0 && engine_now(definition->engine) -
                                  app.oldest_wait_us >= LEND_FAIR_US;
}

/* The slot is lent in the core's books and has its connection. */
static void offer(struct request *request, struct slot *slot)
{
    struct engine *engine = slot->client->engine;
    struct running *running = slot->running;
    bool lease = lease_is_allowed(slot) &&
                 !others_wait_long(running->definition);
    uint64_t word;
    bool offered;

    slot->request = NULL;
    request->slot = NULL;
    offered = slot_apply(slot_line(slot),
                         lease ? SLOT_OFFER : SLOT_OFFER_WANT, &word);
    if (offered && lease) {
        lease_begin(slot);
    }
    if (!offered || send_offer(request, slot, word) < 0) {
        /* A spoilt board, or a client that does not read: its own loss. */
        slot_revoke(slot);
        give_back_later(engine, running);
    }
    request_free(request);
}

bool lend_has_connection(struct core_waiter *waiter, struct running *running)
{
    return slot_find_kept(request_of(waiter)->channel->client, running) != NULL;
}

void lend_hand_out(struct engine *engine, struct core_waiter *waiter,
                   struct running *running)
{
    struct request *request = request_of(waiter);
    struct client *client = request->channel->client;
    struct slot *slot = slot_find_kept(client, running);

    if (slot != NULL) {
        slot->lent = true;
        offer(request, slot);
        return;
    }
    exclusive_make_room(running);
    slot = slot_new(client, running);
    if (slot == NULL) {
        give_back_later(engine, running);
        request_refuse(request, STATUS_BUSY,
                       "this client has all the sessions it may have", NULL, 1);
        return;
    }
    slot->lent = true;
    slot->request = request;
    request->slot = slot;
    link_connect(engine, client->number, slot->line, running->number, false);
}

/* The connection is as good as new; the core may lend the process again. */
static void give_back(struct slot *slot)
{
    struct engine *engine = slot->client->engine;
    struct running *running = slot->running;

    slot->lent = false;
    slot->is_tunnel = false;
    exclusive_on_return(slot);
    core_session_closed(running->core, true, engine_now(engine));
}

/* Connections -------------------------------------------------------------- */

/* The process has answered a probe: it has started, or is back from the
 * request before. */
static void on_probe(struct engine *engine, struct wire_message *m, bool clean)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    int fd = clean ? wire_take_fd(m, 0) : -1;

    fd_close(&fd);
    if (clean) {
        link_revoke(engine, 0, wire_get_u32(m, FIELD_SLOT, 0));
    }
    if (clean && running != NULL && !running->ready) {
        running_is_ready(running);
    } else if (clean && running != NULL && running->core != NULL) {
        core_process_clean(running->core, engine_now(engine));
    }
}

static struct slot *slot_of_message(struct engine *engine,
                                    const struct wire_message *m)
{
    struct client *client = client_find(engine,
                                        wire_get_u32(m, FIELD_CLIENT, 0));
    struct slot *slot = client == NULL ? NULL
        : slot_at(client, wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS));

    /* The line may be another process's by now: then it is not meant. */
    return slot != NULL && !slot->connected &&
        slot->running->number == wire_get_u32(m, FIELD_PROCESS, 0) ? slot
                                                                   : NULL;
}

void lend_on_connected(struct engine *engine, struct wire_message *m)
{
    struct slot *slot;

    if (wire_get_u32(m, FIELD_CLIENT, 0) == 0) {
        on_probe(engine, m, true);
        return;
    }
    slot = slot_of_message(engine, m);
    if (slot == NULL) {
        return;
    }
    slot->connected = true;
    slot->fd = wire_take_fd(m, 0);
    if (slot->request != NULL) {
        offer(slot->request, slot);
    } else { /* cancelled meanwhile */
        give_back(slot);
    }
}

void lend_on_connect_error(struct engine *engine, struct wire_message *m)
{
    struct slot *slot;
    struct request *request;
    struct running *running;

    if (wire_get_u32(m, FIELD_CLIENT, 0) == 0) {
        on_probe(engine, m, false);
        return;
    }
    slot = slot_of_message(engine, m);
    if (slot == NULL) {
        return;
    }
    request = slot->request;
    running = slot->running;
    running_log(running, LOG_LEVEL_WARN, "takes no connection: %s",
                wire_get_text(m, FIELD_MESSAGE, NULL) != NULL
                    ? wire_get_text(m, FIELD_MESSAGE, NULL)
                    : strerror((int)wire_get_u32(m, FIELD_STATUS, 0)));
    if (request != NULL) {
        request->slot = NULL;
    }
    slot_free(slot);
    if (request != NULL) {
        core_hand_out_failed(running->core, &request->waiter,
                             engine_now(engine));
    } else {
        core_session_closed(running->core, true, engine_now(engine));
    }
}

/* RETURN and CLOSED -------------------------------------------------------- */

/* The process counts as in use until it has taken a new connection. */
static void end_dirty(struct engine *engine, struct running *running)
{
    link_connect(engine, 0, ++engine->probe_id, running->number, true);
    core_session_closed(running->core, false, engine_now(engine));
}

static bool was_given_back(const struct slot *slot)
{
    return slot != NULL && slot->lent && slot->connected &&
           slot_state(atomic_load(&slot_line(slot)->word)) == SLOT_EMPTY;
}

/* Of this connection, not of one before that the message is late for. */
static bool tells_of(const struct wire_message *m, const struct slot *slot)
{
    uint32_t now = slot_generation(atomic_load(&slot_line(slot)->word));

    return was_given_back(slot) &&
           wire_get_u32(m, FIELD_SLOT_GENERATION, now) == now;
}

void lend_on_return(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct slot *slot = slot_at(channel->client,
                                wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS));

    if (slot == NULL || !tells_of(m, slot)) {
        return;
    }
    lease_end(slot);
    if (wire_get_u32(m, FIELD_ENDED, 0) != 0) {
        struct running *running = slot->running;

        slot_revoke(slot);
        core_session_closed(running->core, true, engine_now(engine));
    } else {
        give_back(slot);
    }
}

static void close_dirty(struct slot *slot)
{
    struct engine *engine = slot->client->engine;
    struct running *running = slot->running;

    slot_revoke(slot);
    end_dirty(engine, running);
}

void lend_on_closed(struct channel *channel, struct wire_message *m)
{
    struct slot *slot = slot_at(channel->client,
                                wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS));

    if (slot != NULL && tells_of(m, slot)) {
        close_dirty(slot);
    }
}

static void look_at(struct slot *slot)
{
    bool empty = was_given_back(slot);

    if (empty && slot->seen_empty) {
        close_dirty(slot); /* a second later: its message was lost */
        return;
    }
    slot->seen_empty = empty;
}

void lend_look(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        struct running *running = apr_hash_this_val(i);
        struct slot *slot, *after;

        for (slot = LIST_FIRST(&running->slots); slot != NULL; slot = after) {
            after = LIST_NEXT(slot, next);
            if (!tunnel_end_if_due(slot)) {
                look_at(slot);
            }
        }
    }
}

/* Those that go ------------------------------------------------------------ */

/* BUSY: in the middle of something. EMPTY: it went before it could say how its
 * request ended. */
static bool is_in_doubt(const struct slot *slot)
{
    enum slot_state state = slot_state(atomic_load(&slot_line(slot)->word));

    return slot->lent && slot->connected &&
           (state == SLOT_BUSY || state == SLOT_EMPTY);
}

void lend_client_gone(struct client *client)
{
    struct engine *engine = client->engine;

    for (uint32_t line = 0; line < BOARD_SLOTS; line++) {
        struct slot *slot = client->slots[line];
        struct running *running = slot != NULL ? slot->running : NULL;
        bool lent = slot != NULL && slot->lent;
        bool in_doubt = slot != NULL && is_in_doubt(slot);

        if (slot == NULL) {
            continue;
        }
        slot_free(slot); /* the master revokes all of a client's at once */
        if (running->core == NULL) {
            continue; /* the master ends before START: the core knows nothing */
        }
        if (in_doubt) {
            end_dirty(engine, running);
        } else if (lent) {
            core_session_closed(running->core, true, engine_now(engine));
        }
    }
}

void lend_process_gone(struct engine *engine, struct running *running)
{
    struct slot *slot;

    while ((slot = LIST_FIRST(&running->slots)) != NULL) {
        struct request *request = slot->request;

        if (request != NULL) {
            request->slot = NULL;
        }
        slot_free(slot);
        if (request != NULL) {
            core_hand_out_failed(running->core, &request->waiter,
                                 engine_now(engine));
        }
    }
}
