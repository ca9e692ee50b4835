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
                 unsigned slot, bool has_ended)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, 0);
    wire_put_u32(&m, FIELD_SLOT, slot);
    if (has_ended) {
        wire_put_u32(&m, FIELD_ENDED, 1);
    }
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
    *slot = (struct slot){ .fd = *fd, .generation = generation };
    *fd = -1;
    return true;
}

apr_status_t slot_accept(struct apppool_client *client,
                         struct wire_message *offer, struct loan *loan_r)
{
    const unsigned k = wire_get_u32(offer, FIELD_SLOT, 0);
    const uint16_t generation =
        (uint16_t)wire_get_u32(offer, FIELD_SLOT_GENERATION, 0);
    int fd = wire_take_fd(offer, 0);
    struct slot *slot;
    apr_status_t rv = APPPOOL_ESTALE;
    bool is_missing = false;

    if (k >= client->n_slots) {
        fd_close(&fd);
        return APPPOOL_EPROTO;
    }
    slot = &client->slots[k];
    pthread_mutex_lock(&client->lock);
    if (slot_apply_at(&client->board[k], generation, SLOT_ACCEPT, NULL)) {
        is_missing = !keep_connection(slot, generation, &fd);
        if (is_missing) {
            slot_apply_at(&client->board[k], generation, SLOT_BREAK, NULL);
        } else {
            *loan_r = (struct loan){ .slot = k, .generation = generation,
                                     .fd = slot->fd,
                                     .is_reused = slot->has_carried };
            slot->fd = -1;
            rv = APR_SUCCESS;
        }
    }
    pthread_mutex_unlock(&client->lock);
    if (is_missing) {
        tell(client, MSG_CLOSED, k, false);
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
        tell(client, MSG_RETURN, k, false);
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
    uint64_t word;
    bool is_done = false;

    pthread_mutex_lock(&client->lock);
    word = atomic_load(&line->word);
    if (slot_generation(word) == loan->generation) {
        fd_close(&slot->fd);
        *slot = (struct slot){ .fd = loan->fd, .has_carried = true,
                               .generation = loan->generation };
        loan->fd = -1;
        is_done = slot_apply_at(line, loan->generation, SLOT_RELEASE, &word);
    }
    pthread_mutex_unlock(&client->lock);
    shut_down(&loan->fd);
    if (is_done && slot_state(word) == SLOT_EMPTY) {
        tell(client, MSG_RETURN, loan->slot, false);
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
    if (slot_apply_at(&client->board[loan->slot], loan->generation, SLOT_BREAK,
                      NULL)) {
        const bool has_ended = end == APPPOOL_SESSION_ENDED;

        tell(client, has_ended ? MSG_RETURN : MSG_CLOSED, loan->slot,
             has_ended);
    }
}
