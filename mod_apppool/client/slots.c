/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots.c - the client's side of the board.
 *
 * Whoever sets a word to EMPTY must have put the connection back before: from
 * then on the slot may be offered again, without a descriptor. The messages
 * only wake the engine; when its queue is full they are dropped, for the words
 * are the truth.
 */
#include "client.h"

#include <sys/socket.h>

static void tell(struct apppool_client *client, enum wire_type type,
                 unsigned slot, uint16_t generation, bool has_ended)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, 0);
    wire_put_u32(&m, FIELD_SLOT, slot);
    wire_put_u32(&m, FIELD_SLOT_GENERATION, generation);
    if (has_ended) {
        wire_put_u32(&m, FIELD_ENDED, 1);
    }
    (void)wire_send(client->first.fd, &m);
    wire_message_clear(&m);
}

void slot_upgraded(struct apppool_client *client, const struct loan *loan)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_UPGRADED, 0);
    wire_put_u32(&m, FIELD_SLOT, loan->slot);
    wire_put_u32(&m, FIELD_SLOT_GENERATION, loan->generation);
    (void)wire_send(client->first.fd, &m);
    wire_message_clear(&m);
}

/* Take the offer's connection into the slot. False: it should have one here
 * and has not. With the lock held, and the slot ours by its word. */
static bool keep_connection(struct slot *slot, uint16_t generation, int *fd)
{
    if (*fd < 0) {
        return slot->fd >= 0 && slot->generation == generation;
    }
    fd_close(&slot->fd);
    slot->fd = *fd;
    slot->generation = generation;
    slot->has_carried = false;
    *fd = -1;
    return true;
}

/* Let a session have the slot's connection. With the lock held. */
static struct loan lend(struct apppool_client *client, struct slot *slot)
{
    const struct loan loan = {
        .slot = (unsigned)(slot - client->slots),
        .generation = slot->generation,
        .fd = slot->fd,
        .is_reused = slot->has_carried,
        .pid = slot->pid,
        .sticky = slot->sticky,
        .protocol = slot->protocol,
    };

    slot->fd = -1;
    return loan;
}

bool slot_claim(struct apppool_client *client, struct slot *slot,
                struct loan *loan_r)
{
    if (slot->fd < 0 ||
        !slot_apply_at(&client->board[slot - client->slots], slot->generation,
                       SLOT_CLAIM, NULL)) {
        return false;
    }
    *loan_r = lend(client, slot);
    return true;
}

bool slot_hand_over(struct apppool_client *client, const struct loan *from,
                    struct loan *loan_r)
{
    if (!slot_apply_at(&client->board[from->slot], from->generation,
                       SLOT_HAND_OVER, NULL)) {
        return false;
    }
    *loan_r = *from;
    loan_r->is_reused = true;
    loan_r->queue_time = loan_r->spawn_time = 0;
    loan_r->sent = 0;
    return true;
}

/* The slot's part of an accepted offer. With the lock held. */
static struct loan take_offer(struct apppool_client *client,
                              struct lender *lender, struct slot *slot,
                              const struct wire_message *offer, bool is_lease)
{
    struct loan loan;

    slot->pid = (pid_t)wire_get_u32(offer, FIELD_PID, 0);
    slot->sticky = wire_get_u64(offer, FIELD_STICKY, 0);
    slot->protocol = (enum apppool_session_protocol)wire_get_u32(
        offer, FIELD_PROTOCOL, 0);
    lender_accepted(lender, slot, is_lease,
                    wire_get_u32(offer, FIELD_FULL, 0) != 0);
    loan = lend(client, slot);
    loan.queue_time = (apr_interval_time_t)wire_get_u64(offer, FIELD_QUEUE_US,
                                                        0);
    loan.spawn_time = (apr_interval_time_t)wire_get_u64(offer, FIELD_SPAWN_US,
                                                        0);
    return loan;
}

apr_status_t slot_accept(struct apppool_client *client,
                         struct lender *lender, struct wire_message *offer,
                         struct loan *loan_r)
{
    const unsigned k = wire_get_u32(offer, FIELD_SLOT, 0);
    const uint16_t generation =
        (uint16_t)wire_get_u32(offer, FIELD_SLOT_GENERATION, 0);
    int fd = wire_take_fd(offer, 0);
    struct slot *slot;
    apr_status_t rv = APPPOOL_ESTALE;
    bool is_missing = false;
    uint64_t word;

    if (k >= client->n_slots) {
        fd_close(&fd);
        return APPPOOL_EPROTO;
    }
    slot = &client->slots[k];
    pthread_mutex_lock(&client->lock);
    if (slot_apply_at(&client->board[k], generation, SLOT_ACCEPT, &word)) {
        is_missing = !keep_connection(slot, generation, &fd);
        if (is_missing) {
            slot_apply_at(&client->board[k], generation, SLOT_BREAK, NULL);
        } else {
            *loan_r = take_offer(client, lender, slot, offer,
                                 !slot_wanted(word));
            rv = APR_SUCCESS;
        }
    }
    pthread_mutex_unlock(&client->lock);
    if (is_missing) {
        tell(client, MSG_CLOSED, k, generation, false);
    }
    fd_close(&fd);
    return rv;
}

void slot_decline(struct apppool_client *client, struct wire_message *offer)
{
    const unsigned k = wire_get_u32(offer, FIELD_SLOT, 0);
    const uint16_t generation =
        (uint16_t)wire_get_u32(offer, FIELD_SLOT_GENERATION, 0);
    int fd = wire_take_fd(offer, 0);
    bool is_declined = false;

    if (k < client->n_slots) {
        pthread_mutex_lock(&client->lock);
        if (fd >= 0 && slot_generation(atomic_load(&client->board[k].word)) ==
                           generation) {
            keep_connection(&client->slots[k], generation, &fd);
        }
        is_declined = slot_apply_at(&client->board[k], generation,
                                    SLOT_DECLINE, NULL);
        pthread_mutex_unlock(&client->lock);
    }
    fd_close(&fd);
    if (is_declined) {
        tell(client, MSG_RETURN, k, generation, false);
    }
}

/* Others hold copies of the connection: closing alone would say nothing. */
static void shut_down(int *fd)
{
    if (*fd >= 0) {
        shutdown(*fd, SHUT_RDWR);
        fd_close(fd);
    }
}

static void give_back_kept(struct apppool_client *client, struct loan *loan)
{
    struct slot *slot = &client->slots[loan->slot];
    struct slot_line *line = &client->board[loan->slot];
    struct waiter *next;
    uint64_t word;
    bool is_done = false;

    pthread_mutex_lock(&client->lock);
    next = lender_next(client, loan);
    if (next != NULL) {
        pthread_mutex_unlock(&client->lock);
        lender_serve(next);
        return;
    }
    word = atomic_load(&line->word);
    if (slot_generation(word) == loan->generation) {
        fd_close(&slot->fd);
        slot->fd = loan->fd;
        slot->has_carried = true;
        slot->generation = loan->generation;
        loan->fd = -1;
        is_done = slot_apply_at(line, loan->generation,
                                lender_is_asking(slot->lender) ? SLOT_BREAK
                                                               : SLOT_RELEASE,
                                &word);
    }
    if (is_done && slot_state(word) == SLOT_FREE) {
        lender_keep(slot);
    } else {
        lender_lost(slot);
    }
    pthread_mutex_unlock(&client->lock);
    shut_down(&loan->fd);
    if (is_done && slot_state(word) == SLOT_EMPTY) {
        tell(client, MSG_RETURN, loan->slot, loan->generation, false);
    }
}

void slot_give_back(struct apppool_client *client, struct loan *loan,
                    enum apppool_session_end end)
{
    if (end == APPPOOL_SESSION_KEPT) {
        give_back_kept(client, loan);
        return;
    }
    shut_down(&loan->fd);
    pthread_mutex_lock(&client->lock);
    lender_lost(&client->slots[loan->slot]);
    pthread_mutex_unlock(&client->lock);
    if (slot_apply_at(&client->board[loan->slot], loan->generation, SLOT_BREAK,
                      NULL)) {
        const bool has_ended = end == APPPOOL_SESSION_ENDED;

        tell(client, has_ended ? MSG_RETURN : MSG_CLOSED, loan->slot,
             loan->generation, has_ended);
    }
}
