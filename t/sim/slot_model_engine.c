/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model_engine.c - the engine's part of the model, its death, and the one
 * that takes over.
 */
#include "slot_model_internal.h"

#include <string.h>

/* Books -------------------------------------------------------------------- */

static bool is_lent(const struct model *m, unsigned p)
{
    return m->books[0][p] || m->books[1][p];
}

static int find_idle(const struct model *m)
{
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        if (!m->unclean[p] && !is_lent(m, p)) {
            return (int)p;
        }
    }
    return -1;
}

static void queue_remove(struct model *m, unsigned t)
{
    unsigned to = 0;

    for (unsigned i = 0; i < MODEL_THREADS; i++) {
        if (m->queue[i] != t + 1) {
            m->queue[to++] = m->queue[i];
        }
    }
    while (to < MODEL_THREADS) {
        m->queue[to++] = 0;
    }
}

static bool queue_has(const struct model *m, unsigned t)
{
    return memchr(m->queue, (int)t + 1, MODEL_THREADS) != NULL;
}

static void queue_push(struct model *m, unsigned t)
{
    unsigned n = 0;

    while (m->queue[n] != 0) {
        n++;
    }
    m->queue[n] = (uint8_t)(t + 1);
}

/* An honest client's word is EMPTY whenever the slot is not lent. */
static void offer(struct model *m, unsigned t, unsigned p)
{
    unsigned c = t % MODEL_CLIENTS;
    struct mail mail = { .kind = MAIL_OFFER, .id = m->last_get[t] & 7,
                         .process = p & 1 };

    if (!model_change(&m->words[c][p], SLOT_OFFER)) {
        m->broken = 1;
        return;
    }
    m->has[c][p] = 1;
    m->books[c][p] = BOOK_LENT | BOOK_LEASE;
    mail.generation = model_generation(m->words[c][p]) & 31;
    model_post(&m->threads[t].in, mail);
}

static void serve(struct model *m)
{
    int idle;

    while (m->queue[0] != 0 && (idle = find_idle(m)) >= 0) {
        unsigned t = m->queue[0] - 1u;

        queue_remove(m, t);
        offer(m, t, (unsigned)idle);
    }
}

static bool take_back(struct model *m, unsigned c, unsigned p)
{
    if (!(m->books[c][p] & BOOK_LEASE) ||
        model_state(m->words[c][p]) != SLOT_FREE) {
        return false;
    }
    model_change(&m->words[c][p], SLOT_TAKE);
    m->books[c][p] = 0;
    return true;
}

static void revoke(struct model *m, unsigned c, unsigned p)
{
    model_change(&m->words[c][p], SLOT_REVOKE);
    m->has[c][p] = 0;
    m->books[c][p] = 0;
}

/* What it is told ---------------------------------------------------------- */

/* What an engine before was asked is asked again, or wanted no longer. */
static void on_get(const struct stepper *s, struct model *m, unsigned t,
                   struct mail get)
{
    if (get.generation != m->number &&
        s->options->mistake != MISTAKE_OLD_GET) {
        return;
    }
    if (queue_has(m, t)) {
        m->broken = 1; /* a second GET before the first's answer */
        return;
    }
    m->last_get[t] = get.id;
    for (unsigned i = 0; i < MODEL_CLIENTS * MODEL_PROCESSES &&
                         find_idle(m) < 0 &&
                         s->options->mistake != MISTAKE_NO_TAKE; i++) {
        take_back(m, i / MODEL_PROCESSES, i % MODEL_PROCESSES);
    }
    queue_push(m, t);
    serve(m);
}

static void on_cancel(struct model *m, unsigned t, unsigned id)
{
    if (m->last_get[t] == id) {
        queue_remove(m, t);
    }
    model_post(&m->threads[t].in, (struct mail){ .kind = MAIL_CANCELLED,
                                                 .id = id & 7 });
}

static void step_hear_thread(const struct stepper *s, unsigned t)
{
    struct model next = *s->from;
    struct mail mail = model_take(&next.threads[t].out);

    if (mail.kind == MAIL_GET) {
        on_get(s, &next, t, mail);
        model_emit(s, &next, STEP_FORCED, "engine reads GET of thread %u", t,
                   0);
    } else if (mail.kind == MAIL_CANCEL) {
        on_cancel(&next, t, mail.id);
        model_emit(s, &next, STEP_FORCED, "engine reads CANCEL of thread %u",
                   t, 0);
    }
}

static void close_dirty(struct model *m, unsigned c, unsigned p)
{
    revoke(m, c, p);
    m->unclean[p] = 1;
}

static void step_hear_client(const struct stepper *s, unsigned c)
{
    struct model next = *s->from;
    struct mail mail = model_take(&next.out[c]);
    unsigned p = mail.process;
    uint16_t word = next.words[c][p];
    bool is_meant = next.books[c][p] && model_state(word) == SLOT_EMPTY &&
                    (model_generation(word) == mail.generation ||
                     s->options->mistake == MISTAKE_NO_GENERATION);

    if (mail.kind == MAIL_NONE) {
        return;
    }
    if (is_meant && mail.kind == MAIL_CLOSED) {
        close_dirty(&next, c, p);
    } else if (is_meant) {
        next.books[c][p] = 0;
    }
    serve(&next);
    model_emit(s, &next, STEP_FORCED, "engine reads mail %u of client %u",
               mail.kind, c);
}

/* What it does by itself --------------------------------------------------- */

static bool has_want(const struct model *m)
{
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        if (slot_wanted(m->words[0][p]) || slot_wanted(m->words[1][p])) {
            return true;
        }
    }
    return false;
}

/* After 2 ms, while somebody waits. */
static void step_press(const struct stepper *s, unsigned c, unsigned p)
{
    struct model next = *s->from;
    unsigned mistake = s->options->mistake;

    if (next.queue[0] == 0 || !(next.books[c][p] & BOOK_LEASE)) {
        return;
    }
    if (mistake != MISTAKE_NO_TAKE && take_back(&next, c, p)) {
        serve(&next);
        model_emit(s, &next, STEP_FORCED, "engine takes slot %u of %u back", p,
                   c);
    } else if (mistake != MISTAKE_NO_MARK &&
               !(mistake == MISTAKE_ONE_MARK && has_want(s->from)) &&
               model_change(&next.words[c][p], SLOT_MARK)) {
        next.books[c][p] = BOOK_LENT;
        model_emit(s, &next, STEP_FORCED, "engine wants slot %u of %u", p, c);
    }
}

static bool is_under_way(const struct box *box, unsigned p)
{
    for (unsigned i = 0; i < MODEL_BOX; i++) {
        if (box->mails[i].kind != MAIL_NONE && box->mails[i].process == p) {
            return true;
        }
    }
    return false;
}

/* Once a second: a lease that nobody uses; a word whose message was lost. */
static void steps_of_looking(const struct stepper *s, unsigned c, unsigned p)
{
    struct model next = *s->from;

    if (take_back(&next, c, p)) {
        serve(&next);
        model_emit(s, &next, STEP_CHOICE, "engine sees slot %u of %u unused",
                   p, c);
    }
    if (next.books[c][p] && model_state(next.words[c][p]) == SLOT_EMPTY &&
        !is_under_way(&next.out[c], p)) {
        close_dirty(&next, c, p);
        model_emit(s, &next, STEP_FORCED, "engine sees slot %u of %u EMPTY", p,
                   c);
    }
}

/* The process has accepted a connection: it is back. */
static void step_probe(const struct stepper *s, unsigned p)
{
    struct model next = *s->from;

    if (next.unclean[p] && next.abandoned[p] == 0) {
        next.unclean[p] = 0;
        serve(&next);
        model_emit(s, &next, STEP_FORCED, "process %u is clean", p, 0);
    }
}

/* Its last words come first. BUSY, or EMPTY without a word: nobody knows how it
 * ended. */
static void step_notice_death(const struct stepper *s, unsigned c)
{
    struct model next = *s->from;

    if (next.died[c] != 1 || next.out[c].mails[0].kind != MAIL_NONE) {
        return;
    }
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        enum slot_state state = model_state(next.words[c][p]);
        bool is_dirty = next.books[c][p] &&
                        (state == SLOT_BUSY ||
                         (state == SLOT_EMPTY &&
                          s->options->mistake != MISTAKE_DIED_CLEAN));

        revoke(&next, c, p);
        next.unclean[p] |= is_dirty;
    }
    for (unsigned t = c; t < MODEL_THREADS; t += MODEL_CLIENTS) {
        queue_remove(&next, t);
        next.last_get[t] = 0;
    }
    next.died[c] = 2;
    serve(&next);
    model_emit(s, &next, STEP_FORCED, "engine notices that client %u died", c,
               0);
}

/* Death and take-over ------------------------------------------------------ */

static void step_die(const struct stepper *s)
{
    struct model next = *s->from;

    if (next.engines == 0) {
        return;
    }
    next.engines--;
    next.engine = ENGINE_DEAD;
    memset(next.books, 0, sizeof(next.books));
    memset(next.unclean, 0, sizeof(next.unclean));
    memset(next.queue, 0, sizeof(next.queue));
    memset(next.last_get, 0, sizeof(next.last_get));
    memset(next.taken, 0, sizeof(next.taken));
    next.number++;
    model_emit(s, &next, STEP_CHOICE, "engine dies", 0, 0);
}

static void step_take_over(const struct stepper *s, unsigned c, unsigned p)
{
    struct model next = *s->from;
    uint16_t *word = &next.words[c][p];
    enum slot_state state = model_state(*word);

    if (next.has[c][p] && state == SLOT_BUSY) {
        model_change(word, SLOT_MARK);
        next.books[c][p] = BOOK_LENT;
    } else if (next.has[c][p] && state != SLOT_EMPTY) {
        model_change(word, SLOT_TAKE); /* and look again */
        model_emit(s, &next, STEP_FORCED, "new engine takes slot %u of %u", p,
                   c);
        return;
    } else if (next.has[c][p] || state != SLOT_EMPTY) {
        revoke(&next, c, p);
    }
    next.taken[c] |= (uint8_t)(1u << p);
    model_emit(s, &next, STEP_FORCED, "new engine is through with %u of %u", p,
               c);
}

static void step_begin(const struct stepper *s)
{
    struct model next = *s->from;

    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        next.unclean[p] = !is_lent(&next, p) &&
                          s->options->mistake != MISTAKE_NO_PROBE;
    }
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        if (next.threads[t].state != THREAD_ABSENT &&
            s->options->mistake != MISTAKE_NO_RESET) {
            model_post(&next.threads[t].in,
                       (struct mail){ .kind = MAIL_RESET,
                                      .generation = next.number & 31 });
        }
    }
    memset(next.taken, 0, sizeof(next.taken));
    next.engine = ENGINE_RUNS;
    model_emit(s, &next, STEP_FORCED, "new engine says RESET", 0, 0);
}

static void steps_of_taking_over(const struct stepper *s)
{
    unsigned i = 0;

    while (i < MODEL_CLIENTS * MODEL_PROCESSES &&
           (s->from->taken[i / MODEL_PROCESSES] >> i % MODEL_PROCESSES & 1)) {
        i++;
    }
    if (i < MODEL_CLIENTS * MODEL_PROCESSES) {
        step_take_over(s, i / MODEL_PROCESSES, i % MODEL_PROCESSES);
    } else {
        step_begin(s);
    }
    step_die(s);
}

static void steps_of_running(const struct stepper *s)
{
    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        step_hear_thread(s, t);
    }
    for (unsigned i = 0; i < MODEL_CLIENTS * MODEL_PROCESSES; i++) {
        step_press(s, i / MODEL_PROCESSES, i % MODEL_PROCESSES);
        steps_of_looking(s, i / MODEL_PROCESSES, i % MODEL_PROCESSES);
    }
    for (unsigned c = 0; c < MODEL_CLIENTS; c++) {
        step_hear_client(s, c);
        step_notice_death(s, c);
    }
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        step_probe(s, p);
    }
    step_die(s);
}

void model_engine_steps(const struct stepper *s)
{
    struct model next = *s->from;

    switch (s->from->engine) {
    case ENGINE_DEAD:
        next.engine = ENGINE_STARTS;
        model_emit(s, &next, STEP_FORCED, "another engine starts", 0, 0);
        break;
    case ENGINE_STARTS:
        steps_of_taking_over(s);
        break;
    default:
        steps_of_running(s);
        break;
    }
}

/* What has to be true ------------------------------------------------------ */

static unsigned workers(const struct model *m, unsigned p)
{
    unsigned n = m->abandoned[p];

    for (unsigned t = 0; t < MODEL_THREADS; t++) {
        n += m->threads[t].state == THREAD_WORKS &&
             m->threads[t].process == p;
    }
    return n;
}

static const char *check_always(const struct model *m)
{
    for (unsigned p = 0; p < MODEL_PROCESSES; p++) {
        if (workers(m, p) > 1) {
            return "a process has two requests at once";
        }
        if (m->books[0][p] && m->books[1][p]) {
            return "a process is lent twice";
        }
    }
    return m->broken ? "an honest client is told off, or its board is spoilt"
                     : NULL;
}

static const char *check_slot(const struct model *m, unsigned c, unsigned p)
{
    enum slot_state state = model_state(m->words[c][p]);

    if (m->died[c] == 0 && (m->books[c][p] != 0) != (state != SLOT_EMPTY)) {
        return "book and word of a slot differ";
    }
    if (m->queue[0] != 0 && state == SLOT_BUSY &&
        !slot_wanted(m->words[c][p])) {
        return "somebody waits, and a busy slot is not wanted";
    }
    return NULL;
}

/* Nothing is under way: all that is known is what is said. */
static const char *check_quiet(const struct model *m)
{
    const char *wrong = NULL;

    for (unsigned i = 0; i < MODEL_CLIENTS * MODEL_PROCESSES && !wrong; i++) {
        wrong = check_slot(m, i / MODEL_PROCESSES, i % MODEL_PROCESSES);
    }
    for (unsigned t = 0; t < MODEL_THREADS && !wrong; t++) {
        if (m->threads[t].state == THREAD_CANCELS ||
            (m->threads[t].state == THREAD_ASKS && !queue_has(m, t))) {
            wrong = "a thread waits, and the engine does not know it";
        }
    }
    for (unsigned p = 0; p < MODEL_PROCESSES && !wrong; p++) {
        if (m->queue[0] != 0 && workers(m, p) == 0) {
            wrong = "somebody waits beside an idle process";
        }
    }
    return wrong;
}

const char *model_check(const struct model *model, bool quiet, bool stuck)
{
    const char *wrong = check_always(model);

    if (wrong == NULL && quiet) {
        wrong = check_quiet(model);
    }
    for (unsigned t = 0; t < MODEL_THREADS && !wrong && stuck; t++) {
        if (model->threads[t].state > THREAD_IDLE) {
            wrong = "a thread waits for ever";
        }
    }
    return wrong;
}
