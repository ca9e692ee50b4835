/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tunnel.c - see tunnel.h.
 */
#include "tunnel.h"

void tunnel_on_upgraded(struct channel *channel, struct wire_message *m)
{
    struct slot *slot = slot_at(channel->client,
                                wire_get_u32(m, FIELD_SLOT, BOARD_SLOTS));
    uint64_t word;

    if (slot == NULL || !slot->lent || !slot->connected) {
        return;
    }
    word = atomic_load(&slot_line(slot)->word);
    if (slot_state(word) == SLOT_BUSY &&
        slot_generation(word) == wire_get_u32(m, FIELD_SLOT_GENERATION, 0)) {
        slot->is_tunnel = true;
        core_session_untimed(slot->running->core);
    }
}

bool tunnel_end_if_due(struct slot *slot)
{
    struct engine *engine = slot->client->engine;
    struct running *running = slot->running;

    if (!slot->is_tunnel || !slot->lent ||
        !core_process_is_leaving(running->core)) {
        return false;
    }
    slot_revoke(slot);
    core_session_closed(running->core, true, engine_now(engine));
    return true;
}
