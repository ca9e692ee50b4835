/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_server.h - a small master and engine in one, for tests of the library.
 *
 * Answers the rendezvous, HELLO, OPEN_CHANNEL, GET, CANCEL and the admin
 * messages; its applications send back what they read. Misbehaves as told.
 * Runs as a thread beside the test, or as a process of its own.
 */
#ifndef APPPOOL_TEST_FAKE_SERVER_H
#define APPPOOL_TEST_FAKE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

/* Slots of each client; a session needs one. */
#define FAKE_SLOTS 8

enum fake_hello {
    FAKE_WELCOME,
    FAKE_WELCOME_ADMIN,     /* no board */
    FAKE_WELCOME_UNSEALED,  /* a board that is none */
    FAKE_WELCOME_MANY,      /* more slots than a board has */
    FAKE_WELCOME_AFTER_RESET,
    FAKE_HELLO_SILENT,
    FAKE_HELLO_CLOSE,       /* the channel */
    FAKE_HELLO_REFUSE,
    FAKE_HELLO_GARBAGE,
    FAKE_HELLO_PONG         /* a good message, but no answer to HELLO */
};

enum fake_get {
    FAKE_OFFER_WANT,
    FAKE_OFFER,             /* a lease */
    FAKE_HOLD,              /* no answer until fake_release() */
    FAKE_HOLD_FOR_EVER,     /* nor to CANCEL */
    FAKE_REFUSE,            /* with fake_refuse()'s status */
    FAKE_CLOSE_CHANNEL,
    FAKE_CLOSE_ALL,         /* the whole server */
    FAKE_GARBAGE,
    FAKE_PONG,
    FAKE_BAD_SLOT,          /* an offer of a slot beyond the board */
    /* once, then FAKE_OFFER_WANT: */
    FAKE_RESET_ONCE,
    FAKE_REVOKED_ONCE,      /* the offer has been taken back meanwhile */
    FAKE_NO_FD_ONCE         /* an offer of a connection the client has not */
};

/* What has happened so far. */
enum fake_fact {
    FAKE_CLIENTS,     /* HELLOs */
    FAKE_CLIENTS_GONE,
    FAKE_CHANNELS,    /* further ones opened */
    FAKE_GETS, FAKE_CANCELS, FAKE_RETURNS, FAKE_ENDED, FAKE_CLOSED,
    FAKE_CONNECTIONS, /* made */
    FAKE_SHUT,        /* application connections that came to their end */
    FAKE_MAX, FAKE_MAX_IDLE, FAKE_CLEARS, FAKE_DETACHED_PID, /* admin */
    FAKE_LAST_APP, FAKE_LAST_LOWER, FAKE_LAST_AGE_MS,        /* of a GET */
    FAKE_BAD,         /* messages that were refused */
    FAKE_FACTS
};

struct fake;

/* A thread; *rendezvous_r: the client's end, yours. */
struct fake *fake_start(int *rendezvous_r);
void fake_stop(struct fake *fake);

/* In this thread, until the rendezvous on `fd` ends. */
void fake_run(int fd);

void fake_set_hello(struct fake *fake, enum fake_hello hello);
void fake_set_get(struct fake *fake, enum fake_get get);
/* FAKE_REFUSE: with this status, message, page (may be NULL). */
void fake_refuse(struct fake *fake, unsigned status, const char *message,
                 const char *page);
/* Admin messages and STATUS: answer, deny, say nothing, or send an unsealed
 * text. */
enum fake_admin { FAKE_ANSWER, FAKE_DENY, FAKE_SILENT, FAKE_UNSEALED_TEXT };
void fake_set_admin(struct fake *fake, enum fake_admin admin);
/* OPEN_CHANNEL: answer or refuse. */
void fake_set_channels(struct fake *fake, bool are_allowed);

/* Answer what FAKE_HOLD held back, and hold no more. */
void fake_release(struct fake *fake);

/* Send RESET on every channel; held GETs are forgotten. */
void fake_reset(struct fake *fake);

/* Offers say from now on that no process is free; only the first n_slots of
 * each client are lent. */
void fake_set_full(struct fake *fake, bool is_full, unsigned n_slots);

/* Take every free lease back / want every slot with a request back. Returns how
 * many there were. */
unsigned fake_take(struct fake *fake);
unsigned fake_want(struct fake *fake);

/* Shut down all application connections and revoke their slots. */
void fake_revoke(struct fake *fake);

/* Close everything, as a server that dies. */
void fake_die(struct fake *fake);

unsigned fake_fact(struct fake *fake, enum fake_fact fact);
/* Wait, 20 s at most, until the fact is at least `value`. */
void fake_wait(struct fake *fake, enum fake_fact fact, unsigned value);
/* GETs that are held back or wait for a slot. */
unsigned fake_waiting(struct fake *fake);
/* Slots that are not EMPTY. */
unsigned fake_lent(struct fake *fake);

#endif
