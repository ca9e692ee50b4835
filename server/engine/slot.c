/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.c - see slot.h.
 */
#include "slot.h"

#include <stdlib.h>

#include "lease.h"
#include "link.h"
#include "socket.h"

struct slot_line *slot_line(const struct slot *slot)
{
    return &slot->client->board[slot->line];
}

struct slot *slot_at(struct client *client, uint32_t line)
{
    return line < BOARD_SLOTS ? client->slots[line] : NULL;
}

struct slot *slot_find_kept(struct client *client, struct running *running)
{
    struct slot *slot;

    LIST_FOREACH(slot, &running->slots, next) {
        if (slot->client == client && slot->connected && !slot->lent &&
            slot->request == NULL) {
            return slot;
        }
    }
    return NULL;
}

/* The lowest: a client closes what it had there only when the line is offered
 * again, so its dead descriptors stay few. */
static uint32_t unused_line(struct client *client)
{
    for (uint32_t i = 0; i < BOARD_SLOTS; i++) {
        uint32_t line = (client->free_hint + i) % BOARD_SLOTS;

        if (client->slots[line] == NULL) {
            client->free_hint = line + 1;
            return line;
        }
    }
    return BOARD_SLOTS;
}

struct slot *slot_new(struct client *client, struct running *running)
{
    uint32_t line = unused_line(client);
    struct slot *slot;

    if (line == BOARD_SLOTS) {
        return NULL;
    }
    slot = calloc(1, sizeof *slot);
    if (slot == NULL) {
        abort();
    }
    slot->client = client;
    slot->running = running;
    slot->line = line;
    slot->fd = -1;
    client->slots[line] = slot;
    LIST_INSERT_HEAD(&running->slots, slot, next);
    metrics_begin(slot);
    return slot;
}

void slot_free(struct slot *slot)
{
    lease_end(slot);
    metrics_collect(slot);
    slot_apply(slot_line(slot), SLOT_REVOKE, NULL);
    slot->client->slots[slot->line] = NULL;
    if (slot->line < slot->client->free_hint) {
        slot->client->free_hint = slot->line;
    }
    LIST_REMOVE(slot, next);
    fd_close(&slot->fd);
    free(slot);
}

void slot_revoke(struct slot *slot)
{
    link_revoke(slot->client->engine, slot->client->number, slot->line);
    slot_free(slot);
}
