/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.c - see lease.h.
 */
#include "lease.h"

#include "definition.h"
#include "exclusive.h"

static enum slot_state state_of(const struct slot *slot)
{
    return slot_state(atomic_load(&slot_line(slot)->word));
}

bool lease_is_allowed(const struct slot *slot)
{
    const struct definition *definition = slot->running->definition;

    return slot->client->wants_leases && !definition->counts_requests &&
           definition->stands_in_for == 0 &&
           !definition->is_always && !exclusive_is_unbounded(slot->running);
}

/* Requests beside the first, which the core has counted when it was lent. */
static void count_uses(struct slot *slot)
{
    uint32_t uses = slot_uses(atomic_load(&slot_line(slot)->word));
    int32_t more = (int32_t)(uses - slot->uses_counted);

    if (slot->uses_counted != 0 && more > 0) {
        slot->uses_counted = uses;
        slot->running->leased_requests += (uint32_t)more;
        slot->running->definition->leased_requests += (uint32_t)more;
    }
}

void lease_begin(struct slot *slot)
{
    struct definition *definition = slot->running->definition;
    uint64_t word = atomic_load(&slot_line(slot)->word);

    slot->is_lease = true;
    slot->lent_us = engine_now(slot->client->engine);
    slot->uses_counted = slot_uses(word) + 1; /* the core's one */
    slot->seen_word = 0;
    LIST_INSERT_HEAD(&definition->leases, slot, lease);
}

void lease_end(struct slot *slot)
{
    if (slot->is_lease) {
        slot->is_lease = false;
        LIST_REMOVE(slot, lease);
    }
    count_uses(slot);
    slot->uses_counted = 0;
}

/* A lease that nobody uses just now becomes an idle process. */
static bool take_back(struct slot *slot)
{
    struct core_process *process = slot->running->core;

    if (!slot_apply(slot_line(slot), SLOT_TAKE, NULL)) {
        return false;
    }
    lease_end(slot);
    slot->lent = false;
    core_session_closed(process, true, engine_now(slot->client->engine));
    return true;
}

/* It comes back after the request it has. */
static void press(struct slot *slot)
{
    if (state_of(slot) == SLOT_FREE && take_back(slot)) {
        return;
    }
    if (slot_apply(slot_line(slot), SLOT_MARK, NULL)) {
        slot->is_lease = false;
        LIST_REMOVE(slot, lease);
    }
}

static bool is_due(const struct slot *slot)
{
    int64_t lent_us = engine_now(slot->client->engine) - slot->lent_us;

    return state_of(slot) == SLOT_FREE ||
           lent_us >= (slot->running->definition->limits.exclusive
                           ? LEASE_EXCLUSIVE_US : LEASE_US);
}

static void press_all(struct definition *definition,
                      bool (*choose)(const struct slot *slot))
{
    struct slot *slot, *after;

    for (slot = LIST_FIRST(&definition->leases); slot != NULL; slot = after) {
        after = LIST_NEXT(slot, lease);
        if (choose(slot)) {
            press(slot);
        }
    }
}

/* Waiting ------------------------------------------------------------------ */

void lease_before_get(struct definition *definition,
                      const struct running *wanted)
{
    struct core_app_view view;
    struct slot *slot;

    if (LIST_EMPTY(&definition->leases)) {
        return;
    }
    core_app_view(definition->app, &view);
    if (wanted == NULL && view.idle > 0) {
        return;
    }
    LIST_FOREACH(slot, &definition->leases, lease) {
        if ((wanted == NULL || slot->running == wanted) &&
            state_of(slot) == SLOT_FREE && take_back(slot)) {
            return;
        }
    }
}

/* With a full pool it may be another application's process that is needed. */
static void press_others(struct engine *engine)
{
    struct core_view view;

    core_view(engine->core, &view);
    if (view.processes < engine->limits.max) {
        return;
    }
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        press_all(apr_hash_this_val(i), is_due);
    }
}

static void on_press(void *baton)
{
    struct definition *definition = baton;
    struct engine *engine = definition->engine;
    struct core_app_view view = { .waiting = 0 };

    definition->press = NULL;
    if (definition->app == NULL) {
        return;
    }
    core_app_view(definition->app, &view);
    if (view.waiting > 0) {
        press_all(definition, is_due);
        press_others(engine);
        lease_waits(engine, definition);
    }
    engine_settle(engine);
}

void lease_waits(struct engine *engine, struct definition *definition)
{
    if (definition->press == NULL) {
        definition->press = loop_timer_add(engine->loop, LEASE_US, on_press,
                                           definition);
    }
}

void lease_definition_gone(struct definition *definition)
{
    loop_timer_cancel(&definition->press);
}

/* Looking ------------------------------------------------------------------ */

bool lease_rests(const struct running *running)
{
    const struct slot *slot;

    LIST_FOREACH(slot, &running->slots, next) {
        enum slot_state state = state_of(slot);

        if (slot->lent && (state == SLOT_OFFERED || state == SLOT_BUSY)) {
            return false;
        }
    }
    return true;
}

unsigned lease_count_active(const struct engine *engine)
{
    struct core_process_view view;
    unsigned n = 0;

    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        const struct running *running = apr_hash_this_val(i);

        if (running->core != NULL) {
            core_process_view(running->core, &view);
            n += view.sessions > 0 && !lease_rests(running);
        }
    }
    return n;
}

/* Ends --------------------------------------------------------------------- */

static bool is_to_end(const struct slot *slot)
{
    return core_process_is_leaving(slot->running->core);
}

void lease_recall(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        press_all(apr_hash_this_val(i), is_to_end);
    }
}

static bool is_any(const struct slot *slot)
{
    (void)slot;
    return true;
}

void lease_recall_all_of(struct definition *definition)
{
    press_all(definition, is_any);
}

/* Idle since the last look: the core's clock for idle processes begins. */
static void look_at(struct slot *slot)
{
    uint64_t word = atomic_load(&slot_line(slot)->word);

    count_uses(slot);
    if (slot_state(word) == SLOT_FREE && word == slot->seen_word) {
        take_back(slot);
        return;
    }
    slot->seen_word = word;
}

static void look_at_all(struct definition *definition)
{
    struct slot *slot, *after;

    for (slot = LIST_FIRST(&definition->leases); slot != NULL; slot = after) {
        after = LIST_NEXT(slot, lease);
        look_at(slot);
    }
}

void lease_look(struct engine *engine)
{
    lease_recall(engine);
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        look_at_all(apr_hash_this_val(i));
    }
}
