/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model.c - see slot_model.h: clients, and what may go wrong.
 */
#include "slot_model_internal.h"

#include <assert.h>
#include <string.h>

void model_init(struct model *model, const struct model_options *options)
{
    memset(model, 0, sizeof(*model));
    for (unsigned t = 0; t < options->threads; t++) {
        model->threads[t].state = THREAD_IDLE;
    }
    model_canonical(model, options);
    model->engine = ENGINE_RUNS;
    model->engines = (uint8_t)options->engines;
    model->clients = (uint8_t)options->clients;
    model->dirty = (uint8_t)options->dirty;
    model->lost = (uint8_t)options->lost;
}

/* Words and mail ----------------------------------------------------------- */

enum slot_state model_state(uint16_t word)
{
    return slot_state(word);
}

unsigned model_generation(uint16_t word)
{
    return word >> 8;
}

/* By the transitions of the real thing. Uses only count, so they are left out,
 * else no two states would be alike. */
bool model_change(uint16_t *word, enum slot_event event)
{
    uint64_t next;

    if (!slot_step(slot_word((uint16_t)(*word >> 8), 0, slot_wanted(*word),
                             slot_state(*word)),
                   event, &next)) {
        return false;
    }
    assert(slot_generation(next) < 32);
    *word = (uint16_t)(slot_generation(next) << 8 |
                       (slot_wanted(next) ? SLOT_WANT : 0) | slot_state(next));
    return true;
}

static bool change_at(uint16_t *word, unsigned generation,
                      enum slot_event event)
{
    return model_generation(*word) == generation && model_change(word, event);
}

void model_post(struct box *box, struct mail mail)
{
    unsigned n = 0;

    while (box->mails[n].kind != MAIL_NONE) {
        n++;
        assert(n < MODEL_BOX);
    }
    box->mails[n] = mail;
}

struct mail model_take(struct box *box)
{
    struct mail mail = box->mails[0];

    memmove(box->mails, box->mails + 1, sizeof(box->mails) - sizeof(mail));
    memset(&box->mails[MODEL_BOX - 1], 0, sizeof(mail));
    return mail;
}

void model_emit(const struct stepper *s, const struct model *next,
                enum step_kind kind, const char *step, unsigned a, unsigned b)
{
    s->visit(s->baton, next, kind, step, a, b);
}

/* A thread asks ------------------------------------------------------------ */

static void ask_again(struct thread *thread, enum mail_kind kind)
{
    struct mail mail = { .kind = (uint16_t)kind & 7, .id = thread->id & 7 };

    if (kind == MAIL_GET) {
        mail.generation = thread->engine & 31;
    }
    model_post(&thread->out, mail);
}

static void ask(struct model *m, unsigned t)
{
    struct thread *thread = &m->threads[t];

    thread->state = THREAD_ASKS;
    thread->id = (uint8_t)(thread->id % 7 + 1);
    ask_again(thread, MAIL_GET);
}

static void work(struct model *m, unsigned t, unsigned process,
                 unsigned generation)
{
    m->threads[t].state = THREAD_WORKS;
    m->threads[t].process = (uint8_t)process;
    m->threads[t].generation = (uint8_t)generation;
}

static void rest(struct thread *thread)
{
    thread->state = THREAD_IDLE;
    thread->process = thread->generation = 0;
}

static int thread_in_state(const struct model *m, unsigned client,
                           enum thread_state state)
{
    for (unsigned t = client; t < MODEL_THREADS; t += MODEL_CLIENTS) {
        if (m->threads[t].state == state) {
            return (int)t;
        }
    }
    return -1;
}

static bool claim(struct model *m, unsigned t)
{
    unsigned c = t % MODEL_CLIENTS;

    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        if (model_change(&m->words[c][p], SLOT_CLAIM)) {
            work(m, t, p, model_generation(m->words[c][p]));
            return true;
        }
    }
    return false;
}

static void steps_of_idle(const struct stepper *s, unsigned t)
{
    unsigned c = t % MODEL_CLIENTS;
    struct model next = *s->from;

    if (thread_in_state(s->from, c, THREAD_IN_LINE) < 0 && claim(&next, t)) {
        model_emit(s, &next, STEP_CHOICE, "thread %u claims a lease", t, 0);
        return;
    }
    ask(&next, t);
    model_emit(s, &next, STEP_CHOICE, "thread %u asks", t, 0);
    if (thread_in_state(s->from, c, THREAD_WORKS) >= 0) {
        next = *s->from;
        next.threads[t].state = THREAD_IN_LINE;
        model_emit(s, &next, STEP_CHOICE, "thread %u stands in line", t, 0);
    }
}

static void steps_in_line(const struct stepper *s, unsigned t)
{
    struct model next = *s->from;

    ask(&next, t);
    model_emit(s, &next, STEP_FORCED, "thread %u leaves the line and asks", t,
               0);
}

/* To the engine; or, with its socket full, to nobody. */
static void tell(const struct stepper *s, struct model *next, unsigned c,
                 struct mail mail, enum step_kind kind, const char *step,
                 unsigned t)
{
    if (next->lost > 0) {
        struct model without = *next;

        without.lost--;
        model_emit(s, &without, STEP_CHOICE, step, t, 1);
    }
    model_post(&next->out[c], mail);
    model_emit(s, next, kind, step, t, 0);
}

/* Somebody has changed his mind, or the offer was somebody else's. */
static void decline(const struct stepper *s, struct model *next, unsigned t,
                    struct mail offer)
{
    unsigned c = t % MODEL_CLIENTS;
    bool is_ours = s->options->mistake != MISTAKE_KEEP_OFFER &&
                   change_at(&next->words[c][offer.process], offer.generation,
                             SLOT_DECLINE);

    offer.kind = MAIL_RETURN;
    if (is_ours) {
        tell(s, next, c, offer, STEP_FORCED, "thread %u declines (lost: %u)",
             t);
    } else {
        model_emit(s, next, STEP_FORCED, "thread %u drops an offer", t, 0);
    }
}

static void accept_offer(struct model *m, unsigned t, struct mail offer)
{
    if (change_at(&m->words[t % MODEL_CLIENTS][offer.process],
                  offer.generation, SLOT_ACCEPT)) {
        work(m, t, offer.process, offer.generation);
    } else {
        ask(m, t); /* it has been taken back meanwhile */
    }
}

static void read_answer(const struct stepper *s, unsigned t)
{
    struct model next = *s->from;
    struct thread *thread = &next.threads[t];
    struct mail mail = model_take(&thread->in);
    bool is_mine = mail.id == thread->id;
    bool cancels = thread->state == THREAD_CANCELS;

    if (mail.kind == MAIL_OFFER && (cancels || !is_mine)) {
        if (is_mine) {
            rest(thread);
        }
        decline(s, &next, t, mail);
        return;
    }
    if (mail.kind == MAIL_OFFER) {
        accept_offer(&next, t, mail);
    } else if (mail.kind == MAIL_RESET) {
        thread->engine = mail.generation;
        ask_again(thread, cancels ? MAIL_CANCEL : MAIL_GET);
    } else if (is_mine && cancels) {
        rest(thread);
    }
    model_emit(s, &next, STEP_FORCED, "thread %u reads mail %u", t, mail.kind);
}

static void steps_of_asking(const struct stepper *s, unsigned t)
{
    struct model next = *s->from;

    if (next.threads[t].in.mails[0].kind != MAIL_NONE) {
        read_answer(s, t);
    }
    if (next.threads[t].state == THREAD_ASKS) {
        next.threads[t].state = THREAD_CANCELS;
        ask_again(&next.threads[t], MAIL_CANCEL);
        model_emit(s, &next, STEP_CHOICE, "thread %u cancels", t, 0);
    }
}

/* A request ends ----------------------------------------------------------- */

static bool hand_over(struct model *m, unsigned t)
{
    const struct thread from = m->threads[t];
    unsigned c = t % MODEL_CLIENTS;
    uint16_t *word = &m->words[c][from.process];
    int heir = thread_in_state(m, c, THREAD_IN_LINE);

    if (heir < 0) {
        return false;
    }
    if (!change_at(word, from.generation, SLOT_HAND_OVER)) {
        return false;
    }
    work(m, (unsigned)heir, from.process, from.generation);
    return true;
}

static void end_clean(const struct stepper *s, unsigned t)
{
    struct model next = *s->from, handed = *s->from;
    const struct thread from = next.threads[t];
    unsigned c = t % MODEL_CLIENTS;
    uint16_t *word = &next.words[c][from.process];
    struct mail mail = { .kind = MAIL_RETURN, .process = from.process & 1,
                         .generation = from.generation & 31 };

    rest(&next.threads[t]);
    if (hand_over(&handed, t)) {
        rest(&handed.threads[t]);
        model_emit(s, &handed, STEP_WORK, "thread %u hands on", t, 0);
        return;
    }
    if (change_at(word, from.generation, SLOT_RELEASE) &&
        model_state(*word) == SLOT_EMPTY) {
        tell(s, &next, c, mail, STEP_WORK, "thread %u returns (lost: %u)", t);
    } else {
        model_emit(s, &next, STEP_WORK, "thread %u is done", t, 0);
    }
}

/* In mid-response: the process goes on working on it. */
static void end_dirty(const struct stepper *s, unsigned t)
{
    struct model next = *s->from;
    const struct thread from = next.threads[t];
    unsigned c = t % MODEL_CLIENTS;
    struct mail mail = { .kind = MAIL_CLOSED, .process = from.process & 1,
                         .generation = from.generation & 31 };

    next.dirty--;
    next.abandoned[from.process]++;
    rest(&next.threads[t]);
    if (change_at(&next.words[c][from.process], from.generation, SLOT_BREAK)) {
        tell(s, &next, c, mail, STEP_CHOICE, "thread %u breaks off (lost: %u)",
             t);
    } else {
        model_emit(s, &next, STEP_CHOICE, "thread %u breaks off", t, 0);
    }
}

static void steps_of_thread(const struct stepper *s, unsigned t)
{
    switch (s->from->threads[t].state) {
    case THREAD_IDLE:
        steps_of_idle(s, t);
        break;
    case THREAD_IN_LINE:
        steps_in_line(s, t);
        break;
    case THREAD_ASKS:
    case THREAD_CANCELS:
        steps_of_asking(s, t);
        break;
    case THREAD_WORKS:
        end_clean(s, t);
        if (s->from->dirty > 0) {
            end_dirty(s, t);
        }
        break;
    default:
        break;
    }
}

/* Deaths ------------------------------------------------------------------- */

static void kill_threads(struct model *m, unsigned client)
{
    for (unsigned t = client; t < MODEL_THREADS; t += MODEL_CLIENTS) {
        struct thread *thread = &m->threads[t];

        if (thread->state == THREAD_WORKS) {
            m->abandoned[thread->process]++;
        }
        memset(thread, 0, sizeof(*thread));
    }
}

/* What it had sent may still be read; what it was about to send is not. */
static void step_client_dies(const struct stepper *s, unsigned c)
{
    struct model next = *s->from;

    if (next.clients == 0 || next.died[c] ||
        (next.threads[c].state == THREAD_ABSENT &&
         next.threads[c + MODEL_CLIENTS].state == THREAD_ABSENT)) {
        return;
    }
    next.clients--;
    next.died[c] = 1;
    kill_threads(&next, c);
    model_emit(s, &next, STEP_CHOICE, "client %u dies", c, 0);
    if (next.out[c].mails[0].kind != MAIL_NONE) {
        memset(&next.out[c], 0, sizeof(next.out[c]));
        model_emit(s, &next, STEP_CHOICE, "client %u dies before it tells", c,
                   0);
    }
}

static void step_abandoned_ends(const struct stepper *s, unsigned p)
{
    struct model next = *s->from;

    if (next.abandoned[p] > 0) {
        next.abandoned[p]--;
        model_emit(s, &next, STEP_WORK, "process %u ends what was abandoned",
                   p, 0);
    }
}

void model_steps(const struct model *model, const struct model_options *options,
                 model_visit_fn *visit, void *baton)
{
    const struct stepper s = { .from = model, .options = options,
                               .visit = visit, .baton = baton };

    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        steps_of_thread(&s, t);
    }
    for (unsigned c = 0; c < MODEL_CLIENTS; c++) {
        step_client_dies(&s, c);
    }
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        step_abandoned_ends(&s, p);
    }
    model_engine_steps(&s);
}
