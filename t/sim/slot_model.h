/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_model.h - everything that can happen around the words of slots.
 *
 * Two clients with up to two threads each, two processes that take one request
 * at a time, an engine; GET, OFFER, RETURN, CLOSED, CANCEL and RESET under way;
 * clients and engines die between any two steps. Words change by slot_step()
 * alone, as they do in the engine and in the library. Small enough to be
 * explored completely.
 *
 * What the engine does is told here in the words of server/engine/lend.c,
 * lease.c and takeover.c, what a client does in those of
 * mod_apppool/client/slots.c, lenders.c and get.c.
 */
#ifndef APPPOOL_SLOT_MODEL_H
#define APPPOOL_SLOT_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_CLIENTS 2
#define MODEL_THREADS 4   /* of both; t is client t % 2's */
#define MODEL_PROCESSES 2
#define MODEL_BOX 6       /* messages under way in one direction */

enum thread_state {
    THREAD_ABSENT,  /* not part of this run; its client has died */
    THREAD_IDLE,
    THREAD_IN_LINE, /* for a slot that is handed over */
    THREAD_ASKS,    /* GET */
    THREAD_CANCELS,
    THREAD_WORKS    /* a request of its own is in the process */
};

enum mail_kind {
    MAIL_NONE,
    MAIL_GET, MAIL_CANCEL, MAIL_RETURN, MAIL_CLOSED, /* to the engine */
    MAIL_OFFER, MAIL_CANCELLED, MAIL_RESET           /* to a thread */
};

struct mail {
    uint16_t kind : 3;
    uint16_t id : 3;         /* of the question */
    uint16_t process : 1;    /* whose slot */
    uint16_t generation : 5; /* of its connection; GET, RESET: the number of
                                the engine that said RESET last */
};

struct box {
    struct mail mails[MODEL_BOX]; /* the first to be read first */
};

struct thread {
    uint8_t state;           /* enum thread_state */
    uint8_t id;              /* of its last question, 1 to 7 */
    uint8_t engine;          /* number of the one that said RESET last */
    uint8_t process, generation; /* what it works with */
    struct box in, out;
};

enum engine_state { ENGINE_DEAD, ENGINE_STARTS, ENGINE_RUNS };

/* What the engine has noted of a slot. */
#define BOOK_LENT 1
#define BOOK_LEASE 2

struct model {
    struct thread threads[MODEL_THREADS];
    uint16_t words[MODEL_CLIENTS][MODEL_PROCESSES]; /* without uses */
    struct box out[MODEL_CLIENTS];   /* RETURN, CLOSED */
    uint8_t died[MODEL_CLIENTS];     /* 1: not noticed yet, 2: noticed */
    uint8_t has[MODEL_CLIENTS][MODEL_PROCESSES]; /* the master: a connection */
    uint8_t abandoned[MODEL_PROCESSES]; /* works on what nobody waits for */

    uint8_t engine;                  /* enum engine_state */
    uint8_t number;                  /* of the engine */
    uint8_t taken[MODEL_CLIENTS];    /* bits of lines taken over so far */
    uint8_t books[MODEL_CLIENTS][MODEL_PROCESSES];
    uint8_t unclean[MODEL_PROCESSES]; /* until it has accepted a probe */
    uint8_t queue[MODEL_THREADS];    /* thread + 1, the oldest first */
    uint8_t last_get[MODEL_THREADS]; /* id */

    uint8_t engines, clients, dirty, lost; /* what may still go wrong */
    uint8_t broken;                  /* a peer was told off or ill served */
};

/* What may go wrong in a run, how often, and mistakes made on purpose. */
struct model_options {
    unsigned threads;
    unsigned engines;   /* engine deaths */
    unsigned clients;   /* client deaths */
    unsigned dirty;     /* requests that are abandoned */
    unsigned lost;      /* RETURN or CLOSED that no socket took */
    unsigned mistake;   /* enum model_mistake */
};

/* Each breaks one rule; the exploration has to notice. */
#define MODEL_MISTAKES(X)                                                     \
    X(NONE, "none")                                                           \
    X(NO_MARK, "no-mark")         /* busy leases get no want */                \
    X(ONE_MARK, "one-mark")       /* only one of them does */                  \
    X(NO_TAKE, "no-take")         /* free ones are not taken back */           \
    X(NO_GENERATION, "no-generation") /* RETURN and CLOSED do not name it */   \
    X(NO_PROBE, "no-probe")       /* a new engine believes idle processes */   \
    X(NO_RESET, "no-reset")       /* and tells nobody that it is new */        \
    X(OLD_GET, "old-get")         /* and hears what the last one was asked */  \
    X(DIED_CLEAN, "died-clean")   /* who died in a word said nothing wrong */  \
    X(KEEP_OFFER, "keep-offer")   /* an offer after a CANCEL is dropped */

enum model_mistake {
#define MODEL_MISTAKE_ENUM(name, text) MISTAKE_##name,
    MODEL_MISTAKES(MODEL_MISTAKE_ENUM)
#undef MODEL_MISTAKE_ENUM
    MISTAKE_COUNT
};

void model_init(struct model *model, const struct model_options *options);

enum step_kind {
    STEP_FORCED, /* happens by itself */
    STEP_WORK,   /* a request comes to its end: happens, too, but in its time */
    STEP_CHOICE  /* a new request, a death: nobody can count on it */
};

/* Call `visit` with each state that one step leads to; step, a and b are its
 * words ("%u", "%u" at most) for the trace. */
typedef void model_visit_fn(void *baton, const struct model *next,
                            enum step_kind kind, const char *step, unsigned a,
                            unsigned b);
void model_steps(const struct model *model, const struct model_options *options,
                 model_visit_fn *visit, void *baton);

/* NULL, or what is wrong with this state. quiet: no step is forced. stuck: nor
 * is there any work that could end. */
const char *model_check(const struct model *model, bool quiet, bool stuck);

/* One for all states that differ in names, or in what makes no difference. */
void model_canonical(struct model *model, const struct model_options *options);

#endif
