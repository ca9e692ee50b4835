/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.h - what the files of the library know of a client.
 *
 * A client is on the heap, not in a pool, because sessions may outlive the pool
 * it was given. Two counters: `refs` keeps the memory (the caller's pool, each
 * session), `uses` keeps first channel and board (the client until it is
 * closed, each running call, each session): the server ends all sessions of a
 * client whose first channel is closed.
 *
 * The first channel carries only what needs no patience: HELLO, OPEN_CHANNEL,
 * RETURN, CLOSED. What may wait goes over a channel of its own, so nobody waits
 * behind anybody, and closing never cuts a question in half.
 *
 * A client belongs to the process that made it: the board is not there in a
 * forked copy, and locks may be held for ever. There calls fail before they
 * touch anything, and clean-up only closes descriptors.
 */
#ifndef APPPOOL_CLIENT_H
#define APPPOOL_CLIENT_H

#include "apppool/error.h"
#include "apppool/pool.h"
#include "board.h"
#include "fork_mark.h"
#include "message.h"
#include "socket.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

/* How long connecting and what needs no work in the engine may take. */
#define CLIENT_PATIENCE (5 * APR_USEC_PER_SEC)

/* One question at a time; used by one thread at a time. */
struct channel {
    struct channel *next;  /* in the client's list of idle ones */
    int fd;
    uint32_t request_id;   /* of the question asked last */
    uint32_t epoch;        /* of the engine that said RESET last; 0: none */
    struct wire_message in, out;
};

/* What the client knows of one of its slots beside the board's word. */
struct slot {
    int fd;               /* kept connection; -1: none, or a session has it */
    uint16_t generation;  /* of the connection */
    bool has_carried;     /* an earlier request */
    pid_t pid;            /* of the process, as the last OFFER said */
    uint64_t sticky;      /* of the process, too */
    enum apppool_session_protocol protocol;
    struct lender *lender; /* of its application; NULL: never offered */
    bool is_busy_lease;   /* counted in lender->n_busy */
    bool is_listed;       /* in lender->free */
    TAILQ_ENTRY(slot) free;
};

/* lenders.c: an application of which the client has, or had, slots. */
struct lender;
#define LENDER_BUCKETS 64

struct apppool_client {
    pthread_mutex_t lock;    /* for counters, is_closed, idle and slots */
    pthread_mutex_t opening; /* held by who asks for a channel */
    unsigned refs, uses;
    bool is_closed;
    struct fork_mark mark;   /* of the process that made it */
    int closing_fd;          /* eventfd: readable once it is closed */
    struct channel first;
    struct channel *idle;    /* channels nobody uses just now, newest first */
    struct slot_line *board; /* NULL: an admin client */
    unsigned n_slots;
    uint32_t number;         /* the server's number for it */
    uint32_t n_sessions;     /* handed out so far */
    struct slot *slots;      /* n_slots */
    struct lender *lenders[LENDER_BUCKETS];
};

/* A slot while a session has it. */
struct loan {
    unsigned slot;
    uint16_t generation;
    int fd;
    bool is_reused;
    pid_t pid;
    uint64_t sticky;
    enum apppool_session_protocol protocol;
    apr_interval_time_t queue_time, spawn_time;
    apr_size_t sent; /* bytes of the options' `first` */
};

/* Monotonic clock, microseconds. */
int64_t client_now(void);

/*
 * A client over a fresh channel: says HELLO and waits for the answer until
 * `end` (client_now()). *fd is taken over. The client has one ref and one use.
 */
apr_status_t client_new(int *fd, int64_t end, apr_uint32_t generation,
                        struct apppool_client **client_r);

/* Leave the client to a pool, whose cleanup closes it. */
void client_give_to_pool(struct apppool_client *client, apr_pool_t *p);

/* Begin and end a call or a session. APPPOOL_EIO: closed, or not ours. */
apr_status_t client_enter(struct apppool_client *client);
void client_leave(struct apppool_client *client);

/* A session begins (within a call) and ends. */
void client_add_session(struct apppool_client *client, apr_uint64_t *id_r);
void client_drop_session(struct apppool_client *client);

/* Is this the process that made it? */
bool client_is_ours(const struct apppool_client *client);

/* channel.c --------------------------------------------------------------- */

/* How long to wait for an answer, and what ends the wait before. */
struct patience {
    int64_t end;      /* client_now(); INT64_MAX: for ever */
    int closing_fd;   /* -1: waits even while the client is closed */
    int watch_fd;     /* -1: none */
    int64_t watch_from; /* client_now(); before, its end of input is none */
    int (*abandoned)(void *baton);
    void *baton;
};

/* Until `end`, or until the client is closed. */
struct patience patience_until(const struct apppool_client *client,
                               int64_t end);

void channel_init(struct channel *ch, int fd);
void channel_clear(struct channel *ch);

/* An idle channel or a new one. Give it back with channel_put(). */
apr_status_t channel_get(struct apppool_client *client,
                         const struct patience *patience,
                         struct channel **channel_r);

/* is_usable false: an answer may still come; it is closed instead of kept. */
void channel_put(struct apppool_client *client, struct channel **ch,
                 bool is_usable);

/* Begin a question in ch->out. */
void channel_begin(struct channel *ch, enum wire_type type);

/*
 * Send ch->out. APR_SUCCESS; APPPOOL_EIO (also: client closed),
 * APPPOOL_ETIMEOUT, APPPOOL_EABANDONED.
 */
apr_status_t channel_send(struct channel *ch, const struct patience *patience);

/*
 * Wait for the answer, or for a RESET, in ch->in. An offer nobody asked for is
 * given back. Errors as channel_send(), and APPPOOL_EPROTO.
 */
apr_status_t channel_receive(struct apppool_client *client, struct channel *ch,
                             const struct patience *patience);

/* Send, and send again after each RESET, until the answer is in ch->in. */
apr_status_t channel_ask(struct apppool_client *client, struct channel *ch,
                         const struct patience *patience);

/* slots.c ----------------------------------------------------------------- */

/*
 * Take what an OFFER offers. APR_SUCCESS: loan_r, whose fd is yours until
 * slot_give_back(). APPPOOL_ESTALE: it has been taken back meanwhile, or its
 * connection is not here: ask again. APPPOOL_EPROTO.
 */
apr_status_t slot_accept(struct apppool_client *client,
                         struct lender *lender, struct wire_message *offer,
                         struct loan *loan_r);

/*
 * Take a kept slot of this application without asking anybody. With the lock
 * held. False: there is none, or the engine was quicker.
 */
bool slot_claim(struct apppool_client *client, struct slot *slot,
                struct loan *loan_r);

/* Hand a slot that a session has just finished with to the next. With the lock
 * held. False: somebody else wants it. */
bool slot_hand_over(struct apppool_client *client, const struct loan *from,
                    struct loan *loan_r);

/* Give back what an OFFER offers, unused. */
void slot_decline(struct apppool_client *client, struct wire_message *offer);

/* Give back what was accepted; loan->fd is taken over. */
void slot_give_back(struct apppool_client *client, struct loan *loan,
                    enum apppool_session_end end);

/* The request in it has become a tunnel. */
void slot_upgraded(struct apppool_client *client, const struct loan *loan);

/* session.c --------------------------------------------------------------- */

/* A session over a loan (taken over) for what options say, in p. */
struct apppool_session *session_new(struct apppool_client *client,
                                    const struct loan *loan,
                                    const struct apppool_get_options *options,
                                    apr_pool_t *p);

/* lenders.c --------------------------------------------------------------- */

/*
 * Leases: slots that stay with the client after their request (DESIGN, section
 * 3). A free one is claimed without a message; while an application has more
 * requests than processes, a thread that is done hands its slot to the one that
 * has waited longest.
 */

/* The application that these options name; made where it is new. */
struct lender *lender_find(struct apppool_client *client,
                           const struct apppool_get_options *options);

/*
 * A slot without asking the engine: a free one, or, where the engine said last
 * that all are in use, one that is handed over within LENDER_WAIT_US. With
 * options->sticky only a free one of that process.
 */
#define LENDER_WAIT_US 10000
bool lender_lend(struct apppool_client *client, struct lender *lender,
                 const struct apppool_get_options *options,
                 struct loan *loan_r);

/*
 * A thread begins (or has ended) to ask the engine for this application. While
 * one does, what comes free goes back to the engine: it knows who is first.
 */
void lender_begin_asking(struct apppool_client *client, struct lender *lender);
void lender_end_asking(struct apppool_client *client, struct lender *lender);

/* What follows is called with the lock held. */

/* The slot was offered and accepted; is_full as the offer says. */
void lender_accepted(struct lender *lender, struct slot *slot, bool is_lease,
                     bool is_full);
/* Its request is over: who in line has it now (to be served without the lock),
 * or NULL. */
struct waiter;
struct waiter *lender_next(struct apppool_client *client,
                           const struct loan *loan);
void lender_serve(struct waiter *waiter);

/* Does a thread ask? */
bool lender_is_asking(const struct lender *lender);
/* It is a free lease now / it has been given away. */
void lender_keep(struct slot *slot);
void lender_lost(struct slot *slot);

void lenders_free(struct apppool_client *client);

#endif
