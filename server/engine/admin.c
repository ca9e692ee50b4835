/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - see admin.h.
 */
#include "admin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "definition.h"
#include "lease.h"
#include "link.h"
#include "running.h"

/* One RESTART message; it may be about many applications. */
struct restart_order {
    struct channel *channel; /* NULL: gone, nobody to tell */
    uint32_t id;             /* request id */
    unsigned waits;          /* applications that are not through yet */
    bool failed;             /* REFUSED was sent for one of them */
};

/* Its part in one application. */
struct restart_wait {
    STAILQ_ENTRY(restart_wait) next; /* in definition->restart_waits */
    struct restart_order *order;
};

void admin_on_set_max(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    uint32_t max = wire_get_u32(m, FIELD_NUMBER, 0);

    if (max == 0) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED,
                       "the number of processes must be at least 1", NULL, 0);
        return;
    }
    engine->limits.max = max;
    core_set_limits(engine->core, &engine->limits, engine_now(engine));
    lease_recall(engine);
    link_limits(engine);
    channel_done(channel, wire_request_id(m));
}

void admin_on_set_max_idle_time(struct channel *channel,
                                struct wire_message *m)
{
    struct engine *engine = channel->client->engine;

    engine->limits.max_idle_us =
        (int64_t)wire_get_u32(m, FIELD_NUMBER, 0) * APR_USEC_PER_SEC;
    core_set_limits(engine->core, &engine->limits, engine_now(engine));
    link_limits(engine);
    channel_done(channel, wire_request_id(m));
}

void admin_on_limits(struct engine *engine, struct wire_message *m)
{
    engine->limits.max = wire_get_u32(m, FIELD_MAX, 1);
    engine->limits.max_idle_us =
        (int64_t)wire_get_u32(m, FIELD_MAX_IDLE_S, 0) * APR_USEC_PER_SEC;
    core_set_limits(engine->core, &engine->limits, engine_now(engine));
}

void admin_on_clear(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;

    core_clear(engine->core, engine_now(engine));
    lease_recall(engine);
    channel_done(channel, wire_request_id(m));
}

void admin_on_get_active(struct channel *channel, struct wire_message *m)
{
    channel_value(channel, wire_request_id(m),
                  lease_count_active(channel->client->engine));
}

void admin_on_get_count(struct channel *channel, struct wire_message *m)
{
    struct core_view view;

    core_view(channel->client->engine->core, &view);
    channel_value(channel, wire_request_id(m), view.processes);
}

void admin_on_get_server_pid(struct channel *channel, struct wire_message *m)
{
    channel_value(channel, wire_request_id(m), (uint32_t)getppid());
}

void admin_on_detach_process(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct running *running =
        running_find_pid(engine, (pid_t)wire_get_u32(m, FIELD_PID, 0));

    if (running == NULL || running->core == NULL) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED,
                       "no process of the pool has this pid", NULL, 0);
        return;
    }
    core_detach(running->core, engine_now(engine));
    lease_recall(engine);
    channel_done(channel, wire_request_id(m));
}

/* Restart ------------------------------------------------------------------ */

static bool is_meant(const struct definition *definition, const char *root)
{
    return definition->app != NULL &&
           (root == NULL || strcmp(definition->root, root) == 0);
}

static void wait_for(struct restart_order *order, struct definition *definition)
{
    struct restart_wait *wait = calloc(1, sizeof *wait);

    if (wait == NULL) {
        abort();
    }
    wait->order = order;
    order->waits++;
    STAILQ_INSERT_TAIL(&definition->restart_waits, wait, next);
}

static void order_tell(struct restart_order *order, const char *error)
{
    if (order->channel == NULL || order->failed) {
        return;
    }
    if (error != NULL) {
        order->failed = true;
        channel_refuse(order->channel, order->id, STATUS_FAILED, error, NULL,
                       0);
    } else if (order->waits == 0) {
        channel_done(order->channel, order->id);
    }
}

static void order_release(struct restart_order *order)
{
    if (order->waits == 0) {
        free(order);
    }
}

static void restart_each(struct engine *engine, const char *root)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *definition = apr_hash_this_val(i);

        if (is_meant(definition, root)) {
            core_restart(definition->app, engine_now(engine));
        }
    }
}

void admin_restart_all(struct engine *engine)
{
    restart_each(engine, NULL);
}

/* One pass to note who waits, a second to begin: an application that has no
 * process is through at once. */
static unsigned restart_those(struct engine *engine,
                              struct restart_order *order, const char *root)
{
    unsigned found = 0;
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, engine->definitions); i != NULL;
         i = apr_hash_next(i)) {
        if (is_meant(apr_hash_this_val(i), root)) {
            wait_for(order, apr_hash_this_val(i));
            found++;
        }
    }
    restart_each(engine, root);
    return found;
}

void admin_on_restart(struct channel *channel, struct wire_message *m)
{
    const char *root = wire_get_text(m, FIELD_ROOT, NULL);
    struct restart_order *order = calloc(1, sizeof *order);

    if (order == NULL) {
        abort();
    }
    order->channel = channel;
    order->id = wire_request_id(m);
    order->waits = 1; /* this function's own, so that it stays to the end */
    if (restart_those(channel->client->engine, order, root) == 0 &&
        root != NULL) {
        order->failed = true;
        channel_refuse(channel, order->id, STATUS_UNKNOWN_APP,
                       "no application has this root", NULL, 0);
    }
    order->waits--;
    if (order->waits == 0) {
        order_tell(order, NULL);
    }
    order_release(order);
}

static void tell_restarted(struct definition *definition, const char *error)
{
    struct restart_wait *wait;

    while ((wait = STAILQ_FIRST(&definition->restart_waits)) != NULL) {
        struct restart_order *order = wait->order;

        STAILQ_REMOVE_HEAD(&definition->restart_waits, next);
        free(wait);
        order->waits--;
        order_tell(order, error);
        order_release(order);
    }
}

void admin_on_restarted(struct definition *definition, const char *error)
{
    free(definition->restart_error);
    definition->restart_error = error != NULL ? strdup(error) : NULL;
    definition->restart_is_over = true;
    definition->engine->restart_is_over = true;
}

static void settle(struct definition *definition)
{
    if (definition->restart_is_over) {
        definition->restart_is_over = false;
        tell_restarted(definition, definition->restart_error);
    }
}

void admin_settle(struct engine *engine)
{
    if (!engine->restart_is_over) {
        return;
    }
    engine->restart_is_over = false;
    lease_recall(engine);
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        settle(apr_hash_this_val(i));
    }
}

void admin_refuse_restarts(struct definition *definition)
{
    tell_restarted(definition, "the application is no longer configured");
}

void admin_channel_gone(struct engine *engine, struct channel *channel)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *definition = apr_hash_this_val(i);
        struct restart_wait *wait;

        STAILQ_FOREACH(wait, &definition->restart_waits, next) {
            if (wait->order->channel == channel) {
                wait->order->channel = NULL;
            }
        }
    }
}
