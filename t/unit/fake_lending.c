/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_lending.c - the fake server lends the slots of its clients.
 */
#include "fake_internal.h"

#include "socket.h"

#include <sys/socket.h>

/* A slot that is not lent, one with a connection first; -1: none. */
static int find_slot(const struct client *c, unsigned n_slots)
{
    int found = -1;

    for (int i = (int)n_slots - 1; i >= 0; i--) {
        if (slot_state(c->board[i].word) == SLOT_EMPTY &&
            (found < 0 || c->apps[i].fd >= 0 || c->apps[found].fd < 0)) {
            found = i;
        }
    }
    return found;
}

static void connect_app(struct fake *f, struct client *c, int slot,
                        int *theirs_r)
{
    int ends[2];
    uint64_t word;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    fake_drop_app(f, &c->apps[slot]);
    slot_apply(&c->board[slot], SLOT_REVOKE, &word);
    c->apps[slot] = (struct app){ .fd = ends[0],
                                  .generation = slot_generation(word) };
    *theirs_r = ends[1];
    fake_count(f, FAKE_CONNECTIONS);
}

static bool offer(struct fake *f, struct channel *ch, bool is_wanted)
{
    struct client *c = &f->clients[ch->client];
    int slot = find_slot(c, f->n_slots);
    int theirs = -1;
    uint64_t word;

    if (slot < 0) {
        return false;
    }
    if (f->get == FAKE_NO_FD_ONCE) {
        fake_drop_app(f, &c->apps[slot]);
        slot_apply(&c->board[slot], SLOT_REVOKE, NULL);
        f->get = FAKE_OFFER_WANT;
    } else if (c->apps[slot].fd < 0) {
        connect_app(f, c, slot, &theirs);
    }
    must(slot_apply(&c->board[slot], is_wanted ? SLOT_OFFER_WANT : SLOT_OFFER,
                    &word));
    wire_message_begin(&f->out, MSG_OFFER, ch->get_id);
    wire_put_u32(&f->out, FIELD_SLOT,
                 f->get == FAKE_BAD_SLOT ? FAKE_SLOTS : (uint32_t)slot);
    wire_put_u32(&f->out, FIELD_SLOT_GENERATION, slot_generation(word));
    wire_put_u32(&f->out, FIELD_PID, 1000 + (uint32_t)slot);
    wire_put_u32(&f->out, FIELD_PROTOCOL, PROTOCOL_SCGI);
    wire_put_u64(&f->out, FIELD_STICKY, 5000 + (uint64_t)slot);
    wire_put_u32(&f->out, FIELD_PROCESS, (uint32_t)slot);
    wire_put_u64(&f->out, FIELD_QUEUE_US, 2000);
    wire_put_u64(&f->out, FIELD_SPAWN_US, 1000);
    if (f->is_full) {
        wire_put_u32(&f->out, FIELD_FULL, 1);
    }
    if (theirs >= 0) {
        wire_put_fd(&f->out, &theirs);
    }
    if (f->get == FAKE_REVOKED_ONCE) {
        fake_drop_app(f, &c->apps[slot]);
        slot_apply(&c->board[slot], SLOT_REVOKE, NULL);
        f->get = FAKE_OFFER_WANT;
    }
    ch->has_get = false;
    wire_send(ch->fd, &f->out);
    return true;
}

/* Answer whatever GETs can be answered now. */
void fake_serve_waiting(struct fake *f)
{
    for (int i = 0; i < CHANNELS; i++) {
        struct channel *ch = &f->channels[i];

        if (ch->fd < 0 || !ch->has_get || f->get == FAKE_HOLD ||
            f->get == FAKE_HOLD_FOR_EVER) {
            continue;
        }
        if (!offer(f, ch, f->get != FAKE_OFFER)) {
            return;
        }
    }
}

static void note_get(struct fake *f, struct channel *ch)
{
    ch->has_get = true;
    ch->get_id = wire_request_id(&f->in);
    fake_set_fact(f, FAKE_LAST_APP, wire_get_u32(&f->in, FIELD_APP, 0));
    fake_set_fact(f, FAKE_LAST_LOWER, wire_get_u32(&f->in, FIELD_LOWER, 99));
    fake_set_fact(f, FAKE_LAST_AGE_MS,
                  (unsigned)(wire_get_u64(&f->in, FIELD_AGE_US, 0) / 1000));
    fake_count(f, FAKE_GETS);
}

void fake_on_get(struct fake *f, struct channel *ch)
{
    note_get(f, ch);
    switch (f->get) {
    case FAKE_REFUSE:
        ch->has_get = false;
        fake_send_refused(f, ch, ch->get_id, f->status, f->message, f->page);
        break;
    case FAKE_CLOSE_CHANNEL:
        fd_close(&ch->fd);
        break;
    case FAKE_CLOSE_ALL:
        fake_drop_all(f);
        break;
    case FAKE_GARBAGE:
        fake_send_garbage(ch);
        break;
    case FAKE_PONG:
        fake_send_plain(f, ch, MSG_PONG, ch->get_id);
        break;
    case FAKE_RESET_ONCE:
        f->get = FAKE_OFFER_WANT;
        ch->has_get = false;
        fake_send_plain(f, ch, MSG_RESET, 0);
        break;
    default:
        fake_serve_waiting(f);
        break;
    }
}

void fake_on_cancel(struct fake *f, struct channel *ch)
{
    fake_count(f, FAKE_CANCELS);
    if (f->get != FAKE_HOLD_FOR_EVER && ch->has_get) {
        ch->has_get = false;
        fake_send_plain(f, ch, MSG_CANCELLED, ch->get_id);
    }
}

void fake_on_given_back(struct fake *f, struct channel *ch)
{
    const uint32_t slot = wire_get_u32(&f->in, FIELD_SLOT, 0);
    struct client *c = &f->clients[ch->client];
    const bool is_return = wire_type(&f->in) == MSG_RETURN;
    const bool has_ended = wire_get_u32(&f->in, FIELD_ENDED, 0) != 0;

    if (slot >= FAKE_SLOTS) {
        fake_count(f, FAKE_BAD);
        return;
    }
    /* It may come late: we look at the words and may have lent it again. */
    if (slot_state(c->board[slot].word) == SLOT_EMPTY &&
        (!is_return || has_ended)) {
        fake_drop_app(f, &c->apps[slot]);
    }
    if (has_ended) {
        fake_count(f, FAKE_ENDED);
    }
    fake_count(f, is_return ? FAKE_RETURNS : FAKE_CLOSED);
    fake_serve_waiting(f);
}
