/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_word.c - the only place that knows how a slot's word may change.
 */
#include "slot_word.h"

#include <stddef.h>

/* The word after one more request in it, want as it was. */
static uint64_t begin_request(uint64_t word)
{
    return slot_word(slot_generation(word), slot_uses(word) + 1,
                     slot_wanted(word), SLOT_BUSY);
}

static uint64_t with_state(uint64_t word, bool want, enum slot_state state)
{
    return slot_word(slot_generation(word), slot_uses(word), want, state);
}

static bool client_step(uint64_t word, enum slot_event event, uint64_t *next_r)
{
    const enum slot_state state = slot_state(word);
    const bool wanted = slot_wanted(word);

    switch (event) {
    case SLOT_ACCEPT:
        *next_r = begin_request(word);
        return state == SLOT_OFFERED;
    case SLOT_CLAIM:
        *next_r = begin_request(word);
        return state == SLOT_FREE;
    case SLOT_HAND_OVER:
        *next_r = begin_request(word);
        return state == SLOT_BUSY && !wanted;
    case SLOT_RELEASE:
        *next_r = with_state(word, false, wanted ? SLOT_EMPTY : SLOT_FREE);
        return state == SLOT_BUSY;
    case SLOT_DECLINE:
        *next_r = with_state(word, false, SLOT_EMPTY);
        return state == SLOT_OFFERED;
    case SLOT_BREAK:
        *next_r = with_state(word, false, SLOT_EMPTY);
        return state == SLOT_BUSY;
    default:
        return false;
    }
}

bool slot_step(uint64_t word, enum slot_event event, uint64_t *next_r)
{
    const enum slot_state state = slot_state(word);

    switch (event) {
    case SLOT_OFFER:
    case SLOT_OFFER_WANT:
        *next_r = with_state(word, event == SLOT_OFFER_WANT, SLOT_OFFERED);
        return state == SLOT_EMPTY;
    case SLOT_TAKE:
        *next_r = with_state(word, false, SLOT_EMPTY);
        return state == SLOT_FREE || state == SLOT_OFFERED;
    case SLOT_MARK:
        *next_r = with_state(word, true, state);
        return state == SLOT_OFFERED || state == SLOT_BUSY;
    case SLOT_REVOKE:
        *next_r = slot_word((uint16_t)(slot_generation(word) + 1),
                            slot_uses(word), false, SLOT_EMPTY);
        return true;
    default:
        return client_step(word, event, next_r);
    }
}

/* generation < 0: any. */
static bool apply(struct slot_line *line, int generation,
                  enum slot_event event, uint64_t *word_r)
{
    uint64_t word = atomic_load(&line->word);
    uint64_t next;
    bool done = false;

    while (!done && (generation < 0 || slot_generation(word) == generation) &&
           slot_step(word, event, &next)) {
        done = atomic_compare_exchange_weak(&line->word, &word, next);
    }
    if (word_r != NULL) {
        *word_r = done ? next : word;
    }
    return done;
}

bool slot_apply(struct slot_line *line, enum slot_event event,
                uint64_t *word_r)
{
    return apply(line, -1, event, word_r);
}

bool slot_apply_at(struct slot_line *line, uint16_t generation,
                   enum slot_event event, uint64_t *word_r)
{
    return apply(line, generation, event, word_r);
}
