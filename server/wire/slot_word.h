/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_word.h - the 64-bit word of a slot, and who may change it how.
 *
 * A board is a sealed memfd that one client and the engine map; its first
 * BOARD_BYTES are the words.
 * Line k (64 bytes, so that two slots never share a cache line) begins with the
 * word of slot k. The word is all that both sides ever know of a slot's state;
 * every change is one compare-and-swap of the whole word, and who loses looks
 * again. Simulator, engine and library all go through slot_step().
 *
 *   bits 63..48 generation  +1 with each connection
 *        47..16 uses        +1 with each request
 *        15..3  zero
 *        2      want        somebody waits, or the process is to end
 *        1..0   state
 */
#ifndef APPPOOL_SLOT_WORD_H
#define APPPOOL_SLOT_WORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define BOARD_BYTES 65536
#define BOARD_LINE  64
#define BOARD_SLOTS (BOARD_BYTES / BOARD_LINE)

enum slot_state {
    SLOT_EMPTY = 0,   /* not lent; the connection may still be open */
    SLOT_OFFERED = 1, /* lent, the answer is on its way */
    SLOT_FREE = 2,    /* lent, no request in it: a lease */
    SLOT_BUSY = 3     /* lent, a request in it */
};

#define SLOT_WANT UINT64_C(4)

/* One line of the table in DESIGN, section 3. */
enum slot_event {
    SLOT_OFFER,      /* engine: EMPTY -> OFFERED */
    SLOT_OFFER_WANT, /* engine: EMPTY -> OFFERED, want */
    SLOT_ACCEPT,     /* client: OFFERED -> BUSY, uses + 1, want stays */
    SLOT_CLAIM,      /* client: FREE -> BUSY, uses + 1 */
    SLOT_HAND_OVER,  /* client: BUSY -> BUSY, uses + 1; only without want */
    SLOT_RELEASE,    /* client: BUSY -> FREE, or EMPTY if wanted */
    SLOT_DECLINE,    /* client: OFFERED -> EMPTY: the asker had gone */
    SLOT_BREAK,      /* client: BUSY -> EMPTY: ended, or ended dirty */
    SLOT_TAKE,       /* engine: FREE, OFFERED -> EMPTY */
    SLOT_MARK,       /* engine: OFFERED, BUSY -> + want */
    SLOT_REVOKE      /* engine: any -> EMPTY, generation + 1 */
};

struct slot_line {
    _Atomic uint64_t word;
    uint8_t unused[BOARD_LINE - sizeof(uint64_t)];
};

static inline enum slot_state slot_state(uint64_t word)
{
    return (enum slot_state)(word & 3);
}

static inline bool slot_wanted(uint64_t word)
{
    return (word & SLOT_WANT) != 0;
}

static inline uint32_t slot_uses(uint64_t word)
{
    return (uint32_t)(word >> 16);
}

static inline uint16_t slot_generation(uint64_t word)
{
    return (uint16_t)(word >> 48);
}

static inline uint64_t slot_word(uint16_t generation, uint32_t uses, bool want,
                                 enum slot_state state)
{
    return ((uint64_t)generation << 48) | ((uint64_t)uses << 16) |
           (want ? SLOT_WANT : 0) | (uint64_t)state;
}

/*
 * What `word` becomes by `event`. true and *next_r, or false: the event does
 * not apply to a word in this state (somebody else was quicker, or a bug).
 */
bool slot_step(uint64_t word, enum slot_event event, uint64_t *next_r);

/*
 * Apply `event` to a shared line, trying again while others change it.
 * true and the word as it now is in *word_r (may be NULL); false: it does not
 * apply, *word_r is the word found.
 */
bool slot_apply(struct slot_line *line, enum slot_event event,
                uint64_t *word_r);

/*
 * The same, but only while the word has this generation: a client that comes
 * late must not change what has been lent anew.
 */
bool slot_apply_at(struct slot_line *line, uint16_t generation,
                   enum slot_event event, uint64_t *word_r);

#endif
