/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lend.c - see lend.h.
 */
#include "lend.h"

#include <stdio.h>
#include <stdlib.h>

#include "definition.h"
#include "lease.h"
#include "link.h"
#include "page.h"
#include "running.h"
#include "slot.h"
#include "socket.h"

static struct request *request_of(struct core_waiter *waiter)
{
    return (struct request *)waiter; /* its first member */
}

static struct request *request_new(struct channel *channel,
                                   const struct wire_message *m)
{
    struct request *request = calloc(1, sizeof *request);
    int64_t now = engine_now(channel->client->engine);
    uint64_t age = wire_get_u64(m, FIELD_AGE_US, 0);

    if (request == NULL) {
        abort();
    }
    request->channel = channel;
    request->id = wire_request_id(m);
    /* A client may claim to be older than the machine; that is its limit. */
    request->waiter.since_us = age < (uint64_t)now ? now - (int64_t)age : 0;
    channel->request = request;
    return request;
}

static void request_free(struct request *request)
{
    request->channel->request = NULL;
    if (request->adoption != NULL) {
        TAILQ_REMOVE(&request->adoption->waiting, request, next);
    }
    if (request->slot != NULL) {
        request->slot->request = NULL;
    }
    free(request);
}

static void request_refuse(struct request *request, enum wire_status status,
                           const char *message, const char *page,
                           unsigned retry_after_s)
{
    channel_refuse(request->channel, request->id, status, message, page,
                   retry_after_s);
    request_free(request);
}

/* GET ------------------------------------------------------------------------ */

static void get_from_core(struct request *request,
                          struct definition *definition)
{
    struct channel *channel = request->channel;
    struct engine *engine = channel->client->engine;

    request->definition = definition;
    lease_before_get(engine, definition);
    core_get(definition->app, &request->waiter, engine_now(engine));
    if (channel->request == request && request->waiter.app != NULL) {
        lease_waits(engine, definition);
    }
}

static void ask_core(struct request *request, struct definition *definition)
{
    struct engine *engine = request->channel->client->engine;

    if (definition == NULL || definition->app == NULL) {
        request_refuse(request, STATUS_UNKNOWN_APP,
                       "the pool server knows no such application", NULL, 0);
    } else if (engine->stopping) {
        request_refuse(request, STATUS_STOPPING,
                       "the pool server is going down", NULL, 1);
    } else {
        get_from_core(request, definition);
    }
}

/* Whose root only the client names: the master has to admit it. */
static void ask_by_root(struct request *request, const struct wire_message *m)
{
    struct engine *engine = request->channel->client->engine;
    bool allowed = engine->generation == 0 || wire_has(m, FIELD_APP);
    struct adoption *adoption = allowed ? definition_adopt(engine, m) : NULL;

    if (adoption == NULL || adoption->definition != NULL) {
        ask_core(request, adoption != NULL ? adoption->definition : NULL);
        return;
    }
    request->adoption = adoption;
    TAILQ_INSERT_TAIL(&adoption->waiting, request, next);
}

/* A GET that the engine before us never read is asked again after RESET, and
 * then it is here twice. */
static bool is_repeated(struct channel *channel, const struct wire_message *m)
{
    uint32_t id = wire_request_id(m);
    bool again = id != 0 && id == channel->last_get;

    channel->last_get = id;
    return again;
}

void lend_on_get(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct request *request;

    if (is_repeated(channel, m)) {
        return;
    }
    if (channel->request != NULL) {
        client_fail(channel->client, "a second GET before the first's answer");
        return;
    }
    request = request_new(channel, m);
    if (wire_has(m, FIELD_ROOT)) {
        ask_by_root(request, m);
    } else {
        ask_core(request,
                 definition_find(engine, wire_get_u32(m, FIELD_APP, 0)));
    }
}

void lend_adopted(struct engine *engine, struct adoption *adoption)
{
    struct request *request;

    (void)engine;
    while ((request = TAILQ_FIRST(&adoption->waiting)) != NULL) {
        TAILQ_REMOVE(&adoption->waiting, request, next);
        request->adoption = NULL;
        ask_core(request, adoption->definition);
    }
}

/* Answered in any case: an engine may not know what was asked of the one before
 * it, and an offer that crosses with the CANCEL comes first. */
void lend_on_cancel(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct request *request = channel->request;
    struct wire_message answer;

    if (request != NULL && request->id == wire_request_id(m)) {
        core_cancel(&request->waiter, engine_now(engine));
        request_free(request);
    }
    wire_message_init(&answer);
    wire_message_begin(&answer, MSG_CANCELLED, wire_request_id(m));
    channel_send(channel, &answer);
    wire_message_clear(&answer);
}

/* OFFER ---------------------------------------------------------------------- */

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
             (definition->max_per_app != 0 &&
              app.processes >= definition->max_per_app)));
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
    wire_put_u32(&m, FIELD_PROTOCOL, slot->running->definition->protocol);
    wire_put_u64(&m, FIELD_QUEUE_US, waited > 0 ? (uint64_t)waited : 0);
    wire_put_u64(&m, FIELD_SPAWN_US, (uint64_t)request->waiter.spawn_us);
    wire_put_u32(&m, FIELD_FULL, is_full(slot->running->definition));
    if (slot->fd >= 0) {
        wire_put_fd(&m, &slot->fd);
    }
    rc = channel_send(request->channel, &m);
    wire_message_clear(&m);
    return rc;
}

/* The slot is lent in the core's books and has its connection. */
static void offer(struct request *request, struct slot *slot)
{
    struct engine *engine = slot->client->engine;
    struct running *running = slot->running;
    bool lease = lease_is_allowed(slot);
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

static enum wire_status status_of(enum core_refusal why)
{
    switch (why) {
    case CORE_SPAWN_FAILED:
        return STATUS_SPAWN_FAILED;
    case CORE_QUEUE_FULL:
        return STATUS_BUSY;
    case CORE_TIMED_OUT:
        return STATUS_TIMEOUT;
    case CORE_STOPPING:
        return STATUS_STOPPING;
    }
    abort();
}

static const char *sentence_of(enum core_refusal why)
{
    switch (why) {
    case CORE_SPAWN_FAILED:
        return "the application could not be started";
    case CORE_QUEUE_FULL:
        return "the queue is full";
    case CORE_TIMED_OUT:
        return "no process came free within PoolQueueTimeout";
    case CORE_STOPPING:
        return "the pool server is going down";
    }
    abort();
}

/* Which limit it was, and how far. */
static void describe_full(const struct engine *engine,
                          const struct request *request, char *text,
                          size_t size)
{
    const struct definition *definition = request->definition;
    struct core_app_view app;
    struct core_view pool;

    core_app_view(definition->app, &app);
    core_view(engine->core, &pool);
    if (definition->max_queue != 0 && app.waiting >= definition->max_queue) {
        snprintf(text, size, "too many requests are waiting: %u, and"
                 " PoolMaxQueueSize is %u", app.waiting,
                 definition->max_queue);
    } else {
        snprintf(text, size, "too many requests are waiting in all: %u, and"
                 " PoolMaxWaiting is %u", pool.waiting,
                 engine->limits.max_waiting);
    }
}

void lend_refuse(struct engine *engine, struct core_waiter *waiter,
                 enum core_refusal why, const char *text,
                 unsigned retry_after_s)
{
    struct request *request = request_of(waiter);
    char *page = NULL;
    char sentence[160];

    if (why == CORE_QUEUE_FULL) {
        describe_full(engine, request, sentence, sizeof sentence);
        text = sentence;
    }
    if (why == CORE_SPAWN_FAILED && text != NULL) {
        page = page_of_failure(text);
    }
    request_refuse(request, status_of(why),
                   text != NULL ? text : sentence_of(why), page,
                   retry_after_s);
    free(page);
}

/* Connections ---------------------------------------------------------------- */

/* The process has answered a probe: it is back from the request before. */
static void on_probe(struct engine *engine, struct wire_message *m, bool clean)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    int fd = clean ? wire_take_fd(m, 0) : -1;

    fd_close(&fd);
    if (clean) {
        link_revoke(engine, 0, wire_get_u32(m, FIELD_SLOT, 0));
    }
    if (clean && running != NULL && running->core != NULL) {
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
        slot->lent = false;
        core_session_closed(slot->running->core, true, engine_now(engine));
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

/* RETURN and CLOSED ---------------------------------------------------------- */

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

void lend_on_return(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct slot *slot = slot_at(channel->client,
                                wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS));
    struct running *running;

    if (!was_given_back(slot)) {
        return;
    }
    running = slot->running;
    lease_end(slot);
    slot->lent = false;
    if (wire_get_u32(m, FIELD_ENDED, 0) != 0) {
        slot_revoke(slot);
    }
    core_session_closed(running->core, true, engine_now(engine));
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

    if (was_given_back(slot)) {
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
            look_at(slot);
        }
    }
}

/* Those that go -------------------------------------------------------------- */

void lend_channel_gone(struct channel *channel)
{
    struct request *request = channel->request;

    if (request == NULL) {
        return;
    }
    core_cancel(&request->waiter, engine_now(channel->client->engine));
    request_free(request);
}

void lend_client_gone(struct client *client)
{
    struct engine *engine = client->engine;

    for (uint32_t line = 0; line < BOARD_SLOTS; line++) {
        struct slot *slot = client->slots[line];
        struct running *running = slot != NULL ? slot->running : NULL;
        bool lent = slot != NULL && slot->lent;
        bool busy = lent && slot->connected &&
            slot_state(atomic_load(&slot_line(slot)->word)) == SLOT_BUSY;

        if (slot == NULL) {
            continue;
        }
        slot_free(slot); /* the master revokes all of a client's at once */
        if (busy) {
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

/* An engine before this one -------------------------------------------------- */

void lend_on_slot_kept(struct engine *engine, struct wire_message *m)
{
    struct client *client = client_find(engine,
                                        wire_get_u32(m, FIELD_CLIENT, 0));
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    uint32_t line = wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS);
    struct slot *slot;

    if (client == NULL || running == NULL || client->board == NULL ||
        line >= BOARD_SLOTS || client->slots[line] != NULL) {
        link_revoke(engine, wire_get_u32(m, FIELD_CLIENT, 0), line);
        return;
    }
    client->free_hint = line;
    slot = slot_new(client, running);
    slot->connected = true;
    slot->lent = true;
    running->lent_before++;
}

/* What is free is taken, what is busy gets want. A client may make the one of
 * the other meanwhile; then look again. */
static bool is_busy_for_good(struct slot_line *line)
{
    while (slot_state(atomic_load(&line->word)) != SLOT_EMPTY &&
           !slot_apply(line, SLOT_TAKE, NULL)) {
        if (slot_apply(line, SLOT_MARK, NULL)) {
            return true;
        }
    }
    return false;
}

/* A lent slot has a request in it; every other connection is made anew, since
 * nobody knows whether the client has got it. */
static void take_over_line(struct client *client, uint32_t line)
{
    struct slot *slot = client->slots[line];
    struct slot_line *shared = &client->board[line];

    if (slot == NULL) {
        if (slot_state(atomic_load(&shared->word)) != SLOT_EMPTY) {
            slot_apply(shared, SLOT_REVOKE, NULL);
        }
    } else if (!is_busy_for_good(shared)) {
        slot->running->lent_before--;
        slot_revoke(slot);
    }
}

void lend_take_over(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);

        for (uint32_t line = 0; client->board && line < BOARD_SLOTS; line++) {
            take_over_line(client, line);
        }
    }
}
