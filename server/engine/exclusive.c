/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exclusive.c - see exclusive.h.
 */
#include "exclusive.h"

static bool is_exclusive(const struct running *running)
{
    enum apppool_protocol protocol = running_protocol(running);

    return protocol == PROTOCOL_FASTCGI ||
           (protocol == PROTOCOL_SCGI && running->type == TYPE_COMMAND);
}

static unsigned count_slots(const struct running *running)
{
    const struct slot *slot;
    unsigned n = 0;

    LIST_FOREACH(slot, &running->slots, next) {
        n++;
    }
    return n;
}

/* The oldest of those that nobody has; NULL: none. */
static struct slot *find_unused(const struct running *running)
{
    struct slot *slot, *oldest = NULL;

    LIST_FOREACH(slot, &running->slots, next) {
        if (!slot->lent) {
            oldest = slot;
        }
    }
    return oldest;
}

void exclusive_make_room(struct running *running)
{
    unsigned most = running->definition->limits.concurrency;
    struct slot *slot;

    if (!is_exclusive(running) || most == 0) {
        return;
    }
    while (count_slots(running) >= most &&
           (slot = find_unused(running)) != NULL) {
        slot_revoke(slot);
    }
}

bool exclusive_is_unbounded(const struct running *running)
{
    return running->definition->limits.concurrency == 0 &&
           is_exclusive(running);
}

void exclusive_on_return(struct slot *slot)
{
    if (exclusive_is_unbounded(slot->running)) {
        slot_revoke(slot);
    }
}

void exclusive_on_retire(struct running *running)
{
    struct slot *slot;

    if (!is_exclusive(running)) {
        return;
    }
    while ((slot = find_unused(running)) != NULL) {
        slot_revoke(slot);
    }
}
