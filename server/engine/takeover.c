/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.c - see takeover.h.
 */
#include "takeover.h"

#include "link.h"
#include "running.h"
#include "slot.h"

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
