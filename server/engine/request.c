/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request.c - see request.h.
 */
#include "request.h"

#include <stdio.h>
#include <stdlib.h>

#include "definition.h"
#include "lease.h"
#include "sticky.h"
#include "slot.h"
#include "stand_in.h"

struct request *request_of(struct core_waiter *waiter)
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
    request->sticky = wire_get_u64(m, FIELD_STICKY, 0);
    /* A client may claim to be older than the machine; that is its limit. */
    request->waiter.since_us = age < (uint64_t)now ? now - (int64_t)age : 0;
    channel->request = request;
    return request;
}

void request_free(struct request *request)
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

void request_refuse(struct request *request, enum wire_status status,
                    const char *message, const char *page,
                    unsigned retry_after_s)
{
    channel_refuse(request->channel, request->id, status, message, page,
                   retry_after_s);
    request_free(request);
}

/* GET ---------------------------------------------------------------------- */

static void get_from_core(struct request *request,
                          struct definition *definition)
{
    struct channel *channel = request->channel;
    struct engine *engine = channel->client->engine;
    const struct running *wanted = sticky_find(definition, request->sticky);

    request->definition = definition;
    request->waiter.sticky = wanted != NULL ? wanted->core : NULL;
    lease_before_get(definition, wanted);
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
        get_from_core(request, stand_in_of(definition));
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

/* What an engine before was asked is asked again after RESET, or nobody waits
 * for it any more. */
static bool is_old(const struct channel *channel, const struct wire_message *m)
{
    return channel->inherited && wire_get_u32(m, FIELD_EPOCH, 0) !=
                                     channel->client->engine->epoch;
}

void request_on_get(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct request *request;

    if (is_old(channel, m)) {
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

void request_adopted(struct engine *engine, struct adoption *adoption)
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
void request_on_cancel(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct request *request = channel->request;

    if (request != NULL && request->id == wire_request_id(m)) {
        core_cancel(&request->waiter, engine_now(engine));
        request_free(request);
    }
    channel_answer(channel, wire_request_id(m), MSG_CANCELLED);
}

/* Refusals ----------------------------------------------------------------- */

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
    if (definition->limits.max_queue != 0 &&
        app.waiting >= definition->limits.max_queue) {
        snprintf(text, size, "too many requests are waiting: %u, and"
                 " PoolMaxQueueSize is %u", app.waiting,
                 definition->limits.max_queue);
    } else {
        snprintf(text, size, "too many requests are waiting in all: %u, and"
                 " PoolMaxWaiting is %u", pool.waiting,
                 engine->limits.max_waiting);
    }
}

/* With the page of the failure and what it is called in the log. */
static void refuse_start(struct request *request, const char *text,
                         unsigned retry_after_s)
{
    const struct definition *definition = request->definition;
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_REFUSED, request->id);
    wire_put_u32(&m, FIELD_STATUS, STATUS_SPAWN_FAILED);
    wire_put_text(&m, FIELD_MESSAGE, text);
    wire_put_u32(&m, FIELD_RETRY_AFTER, retry_after_s);
    wire_put_text(&m, FIELD_ERROR_ID, definition->error_id);
    if (definition->error_page != NULL) {
        wire_put_text(&m, FIELD_PAGE, definition->error_page);
    }
    channel_send(request->channel, &m);
    wire_message_clear(&m);
    request_free(request);
}

void request_on_refused(struct engine *engine, struct core_waiter *waiter,
                 enum core_refusal why, const char *text,
                 unsigned retry_after_s)
{
    struct request *request = request_of(waiter);
    char sentence[160];

    if (why == CORE_QUEUE_FULL) {
        describe_full(engine, request, sentence, sizeof sentence);
        text = sentence;
    }
    if (text == NULL) {
        text = sentence_of(why);
    }
    if (why == CORE_SPAWN_FAILED) {
        refuse_start(request, text, retry_after_s);
    } else {
        request_refuse(request, status_of(why), text, NULL, retry_after_s);
    }
}

void request_channel_gone(struct channel *channel)
{
    struct request *request = channel->request;

    if (request == NULL) {
        return;
    }
    core_cancel(&request->waiter, engine_now(channel->client->engine));
    request_free(request);
}
