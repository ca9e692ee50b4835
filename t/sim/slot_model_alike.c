/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model_alike.c - states that differ in names only are one state: which
 * client, which of its threads and which process is called the first does not
 * matter. That leaves about a sixteenth to be explored.
 */
#include "slot_model.h"

#include <string.h>

#define SWAP(type, one, other)                                                \
    do {                                                                      \
        type kept = (one);                                                    \
        (one) = (other);                                                      \
        (other) = kept;                                                       \
    } while (0)

static void swap_in_queue(struct model *m, unsigned one, unsigned other)
{
    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        if (m->queue[i] == one + 1) {
            m->queue[i] = (uint8_t)(other + 1);
        } else if (m->queue[i] == other + 1) {
            m->queue[i] = (uint8_t)(one + 1);
        }
    }
}

static void swap_threads(struct model *m, unsigned one, unsigned other)
{
    SWAP(struct thread, m->threads[one], m->threads[other]);
    SWAP(uint8_t, m->last_get[one], m->last_get[other]);
    swap_in_queue(m, one, other);
}

static void swap_clients(struct model *m)
{
    for (unsigned t = 0; t < MODEL_THREADS; t += MODEL_CLIENTS) {
        swap_threads(m, t, t + 1);
    }
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        SWAP(uint16_t, m->words[0][p], m->words[1][p]);
        SWAP(uint8_t, m->has[0][p], m->has[1][p]);
        SWAP(uint8_t, m->books[0][p], m->books[1][p]);
    }
    SWAP(struct box, m->out[0], m->out[1]);
    SWAP(uint8_t, m->died[0], m->died[1]);
    SWAP(uint8_t, m->taken[0], m->taken[1]);
}

static void swap_in_box(struct box *box)
{
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        unsigned kind = box->mails[i].kind;

        if (kind == MAIL_OFFER || kind == MAIL_RETURN || kind == MAIL_CLOSED) {
            box->mails[i].process = !box->mails[i].process;
        }
    }
}

static void swap_processes(struct model *m)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        if (m->threads[t].state == THREAD_WORKS) {
            m->threads[t].process = !m->threads[t].process;
        }
        swap_in_box(&m->threads[t].in);
    }
    for (unsigned c = 0; c < MODEL_CLIENTS; c++) {
        SWAP(uint16_t, m->words[c][0], m->words[c][1]);
        SWAP(uint8_t, m->has[c][0], m->has[c][1]);
        SWAP(uint8_t, m->books[c][0], m->books[c][1]);
        m->taken[c] = (uint8_t)((m->taken[c] >> 1) | (m->taken[c] & 1) << 1);
        swap_in_box(&m->out[c]);
    }
    SWAP(uint8_t, m->abandoned[0], m->abandoned[1]);
    SWAP(uint8_t, m->unclean[0], m->unclean[1]);
}

/* Ids are only ever compared: the last question of a thread is number 1. */
static void renumber_box(struct box *box, unsigned last)
{
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        if (box->mails[i].id != 0) {
            box->mails[i].id = (box->mails[i].id + 7 - last) % 7 + 1;
        }
    }
}

static void drop(struct box *box, bool (*is_idle)(const struct model *m,
                                                 const struct thread *thread,
                                                 const struct mail *mail),
                 const struct model *m, const struct thread *thread)
{
    unsigned to = 0;

    for (unsigned i = 0; i < MODEL_BOX; i++) {
        struct mail mail = box->mails[i];

        if (mail.kind != MAIL_NONE && !is_idle(m, thread, &mail)) {
            box->mails[to++] = mail;
        }
    }
    while (to < MODEL_BOX) {
        box->mails[to++] = (struct mail){ .kind = MAIL_NONE };
    }
}

/* An answer that a thread no longer waits for is passed over; the RESET of an
 * engine that is gone only makes it ask what nobody hears. */
static bool is_stale_answer(const struct model *m, const struct thread *thread,
                            const struct mail *mail)
{
    if (mail->kind == MAIL_RESET) {
        return mail->generation != m->number;
    }
    return mail->kind == MAIL_CANCELLED &&
           (thread->state == THREAD_IDLE || mail->id != thread->id);
}

/* So is what an engine before was asked. */
static bool is_stale_question(const struct model *m,
                              const struct thread *thread,
                              const struct mail *mail)
{
    (void)thread;
    return mail->kind == MAIL_GET && mail->generation != m->number;
}

/* Nor does it matter how old a connection is that is not the present one. */
static void renumber_generation(const uint16_t words[], struct box *box)
{
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        struct mail *mail = &box->mails[i];

        if (mail->kind == MAIL_OFFER || mail->kind == MAIL_RETURN ||
            mail->kind == MAIL_CLOSED) {
            mail->generation = mail->generation == words[mail->process] >> 8;
        }
    }
}

/* Which engine it was does not matter either, if it is not the present one. */
static void renumber_engine(unsigned number, struct box *box)
{
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        struct mail *mail = &box->mails[i];

        if (mail->kind == MAIL_GET || mail->kind == MAIL_RESET) {
            mail->generation = mail->generation == number;
        }
    }
}

static void renumber_engines(struct model *m)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        struct thread *thread = &m->threads[t];

        renumber_engine(m->number, &thread->in);
        renumber_engine(m->number, &thread->out);
        if (thread->state != THREAD_ABSENT) {
            thread->engine = thread->engine == m->number;
        }
    }
    m->number = 1;
}

static void renumber_generations(struct model *m)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        struct thread *thread = &m->threads[t];
        const uint16_t *words = m->words[t % MODEL_CLIENTS];

        renumber_generation(words, &thread->in);
        if (thread->state == THREAD_WORKS) {
            thread->generation =
                thread->generation == words[thread->process] >> 8;
        }
    }
    for (unsigned c = 0; c < MODEL_CLIENTS; c++) {
        renumber_generation(m->words[c], &m->out[c]);
        for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
            m->words[c][p] = (uint16_t)((m->words[c][p] & 0xff) | 1u << 8);
        }
    }
}

/* A connection that nobody may speak of any more is as good as none. */
static bool is_mentioned(const struct model *m, unsigned c, unsigned p)
{
    for (unsigned t = c; t < MODEL_THREADS; t += MODEL_CLIENTS) {
        const struct thread *thread = &m->threads[t];

        if (thread->state == THREAD_WORKS && thread->process == p) {
            return true;
        }
        for (unsigned i = 0; i < MODEL_BOX; i++) {
            if (thread->in.mails[i].kind == MAIL_OFFER &&
                thread->in.mails[i].process == p) {
                return true;
            }
        }
    }
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        if (m->out[c].mails[i].kind != MAIL_NONE &&
            m->out[c].mails[i].process == p) {
            return true;
        }
    }
    return false;
}

static void drop_connections(struct model *m)
{
    for (unsigned c = 0; c < MODEL_CLIENTS; c++) {
        for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
            if (m->has[c][p] && (m->words[c][p] & 3) == 0 &&
                !is_mentioned(m, c, p)) {
                m->has[c][p] = 0;
            }
        }
    }
}

static void renumber(struct model *m, const struct model_options *options)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        struct thread *thread = &m->threads[t];
        unsigned last = thread->id;

        if (last == 0) {
            continue;
        }
        drop(&thread->in, is_stale_answer, m, thread);
        if (options->mistake != MISTAKE_OLD_GET) {
            drop(&thread->out, is_stale_question, m, thread);
        }
        renumber_box(&thread->in, last);
        renumber_box(&thread->out, last);
        if (m->last_get[t] != 0) {
            m->last_get[t] = (uint8_t)((m->last_get[t] + 7 - last) % 7 + 1);
        }
        if (thread->out.mails[0].kind == MAIL_NONE &&
            thread->state != THREAD_ASKS && thread->state != THREAD_CANCELS) {
            m->last_get[t] = 0;
        }
        thread->id = 1;
    }
}

void model_canonical(struct model *model, const struct model_options *options)
{
    struct model other;

    renumber(model, options);
    renumber_generations(model);
    renumber_engines(model);
    drop_connections(model);
    other = *model;

    for (unsigned i = 1; i < 16; i++) {
        /* Each of these once, after one another, reaches all sixteen. */
        if (i % 8 == 0) {
            swap_clients(&other);
        } else if (i % 4 == 0) {
            swap_processes(&other);
        } else {
            swap_threads(&other, i % 2 ? 0 : 1, i % 2 ? 2 : 3);
        }
        if (memcmp(&other, model, sizeof(other)) < 0) {
            memcpy(model, &other, sizeof(other));
        }
    }
}
