/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.c - see takeover.h.
 */
#include "takeover.h"

#include "definition.h"
#include "link.h"
#include "outlet.h"
#include "running.h"
#include "slot.h"
#include "sticky.h"

/* Processes ---------------------------------------------------------------- */

void takeover_on_spawned(struct engine *engine, struct wire_message *m)
{
    struct definition *definition =
        definition_find(engine, wire_get_u32(m, FIELD_APP, 0));
    struct running *running;
    int fd;

    if (definition == NULL || definition->app == NULL) {
        link_kill(engine, wire_get_u32(m, FIELD_PROCESS, 0), SIGTERM);
        return;
    }
    running = running_new(engine, wire_get_u32(m, FIELD_PROCESS, 0),
                          definition);
    running->pid = (pid_t)wire_get_u32(m, FIELD_PID, 0);
    running->n_listeners = wire_get_u32(m, FIELD_LISTENERS, 0);
    running->preloader = running->n_listeners > 0;
    running->forked_by = wire_get_u32(m, FIELD_PRELOADER, 0);
    running->listener = wire_get_u32(m, FIELD_LISTENER, 0);
    running->ready = wire_get_u32(m, FIELD_STATUS, 0) != 0;
    running->type = definition->type; /* until its first report comes again */
    if (!running->preloader) {
        sticky_set(running, wire_get_u64(m, FIELD_STICKY, 0));
    }
    fd = wire_take_fd(m, 0);
    outlet_open(running, &fd);
}

static void take_over(struct running *running)
{
    struct engine *engine = running->engine;

    running->core = core_process_take_over(
        running->definition->app, running->number, running->ready,
        running->preloader, running->lent_before, engine_now(engine));
    core_process_set_baton(running->core, running);
    if (running->preloader) {
        core_preloader_set_listeners(running->core, running->n_listeners);
    } else if (running->ready && running->lent_before == 0) {
        core_process_doubt(running->core, engine_now(engine));
    }
}

static void take_over_descent(struct running *running)
{
    struct running *preloader = running_find(running->engine,
                                             running->forked_by);

    outlet_join(running);
    if (preloader != NULL && preloader->preloader) {
        core_process_came_from(running->core, preloader->core,
                               running->listener);
    }
}

/* From here on the core may start others, which have no pid yet. */
static void ask_again(struct running *running)
{
    if (running->pid == 0) {
        return;
    }
    if (running->preloader) {
        if (!running->ready && running->type != TYPE_AUTO) {
            running_act_on_type(running);
        }
    } else if (!running->ready || running->lent_before == 0) {
        running_probe(running); /* a report may be lost; it may be in
                                   mid-response */
    }
}

static void each(struct engine *engine, void (*handler)(struct running *))
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        handler(apr_hash_this_val(i));
    }
}

/* The core knows them all before it decides anything. */
void takeover_processes(struct engine *engine)
{
    each(engine, take_over);
    each(engine, take_over_descent);
    each(engine, ask_again);
}

/* Connections -------------------------------------------------------------- */

void takeover_on_slot_kept(struct engine *engine, struct wire_message *m)
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
    client->free_hint = 0;
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

void takeover_slots(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);

        for (uint32_t line = 0; client->board && line < BOARD_SLOTS; line++) {
            take_over_line(client, line);
        }
    }
}
