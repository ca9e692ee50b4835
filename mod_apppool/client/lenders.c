/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lenders.c - slots that a client keeps, by application, and the threads in
 * line for one.
 *
 * A thread in line waits for LENDER_WAIT_US at most, on a semaphore of its own
 * (whoever serves it holds no lock then, nor does it need one to go on); then
 * it asks the engine like anybody else, so a client that has gone or a slot
 * that went elsewhere is noticed in time.
 */
#include "client.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* A thread in line; lives on its stack. */
struct waiter {
    TAILQ_ENTRY(waiter) next;
    sem_t woken;
    const struct apppool_get_options *options;
    struct loan *loan;   /* filled in when it is taken */
    bool is_taken;       /* out of the line: woken soon */
    atomic_bool is_served; /* else sent away: the last slot has gone. Written
                              before `woken` is posted, and all else of it */
};

struct lender {
    struct lender *next; /* in its bucket */
    char *key;           /* owned */
    unsigned n_busy;     /* leases with a request in them */
    unsigned n_asking;   /* threads whose GET has no answer yet */
    bool is_full;        /* as the engine said last */
    TAILQ_HEAD(, slot) free;
    TAILQ_HEAD(, waiter) line;
};

/* Keys --------------------------------------------------------------------- */

static unsigned bucket_of(const char *key)
{
    unsigned hash = 5381;

    for (; *key != '\0'; key++) {
        hash = hash * 33 + (unsigned char)*key;
    }
    return hash % LENDER_BUCKETS;
}

/* Whoever asks in the same words gets the same processes. */
static char *key_of(const struct apppool_get_options *o, char *buffer,
                    size_t size)
{
    const char *root = o->root != NULL ? o->root : "";
    const char *lowest = o->lowest_user != NULL ? o->lowest_user : "";
    char *key = buffer;
    int len = snprintf(buffer, size, "%u %d %s %s", (unsigned)o->app,
                       o->keep_privilege, lowest, root);

    if (len >= (int)size &&
        asprintf(&key, "%u %d %s %s", (unsigned)o->app, o->keep_privilege,
                 lowest, root) < 0) {
        abort();
    }
    return key;
}

static struct lender *lender_new(const char *key)
{
    struct lender *lender = calloc(1, sizeof(*lender));

    if (lender == NULL || (lender->key = strdup(key)) == NULL) {
        abort();
    }
    TAILQ_INIT(&lender->free);
    TAILQ_INIT(&lender->line);
    return lender;
}

static struct lender *find_or_add(struct apppool_client *client,
                                  const char *key)
{
    struct lender **bucket = &client->lenders[bucket_of(key)];
    struct lender *lender = *bucket;

    while (lender != NULL && strcmp(lender->key, key) != 0) {
        lender = lender->next;
    }
    if (lender == NULL) {
        lender = lender_new(key);
        lender->next = *bucket;
        *bucket = lender;
    }
    return lender;
}

struct lender *lender_find(struct apppool_client *client,
                           const struct apppool_get_options *options)
{
    char buffer[512];
    char *key = key_of(options, buffer, sizeof(buffer));
    struct lender *lender;

    pthread_mutex_lock(&client->lock);
    lender = find_or_add(client, key);
    pthread_mutex_unlock(&client->lock);
    if (key != buffer) {
        free(key);
    }
    return lender;
}

void lenders_free(struct apppool_client *client)
{
    for (unsigned i = 0; i < LENDER_BUCKETS; i++) {
        while (client->lenders[i] != NULL) {
            struct lender *lender = client->lenders[i];

            client->lenders[i] = lender->next;
            free(lender->key);
            free(lender);
        }
    }
}

/* Lending ------------------------------------------------------------------ */

static void unlist(struct slot *slot)
{
    if (slot->is_listed) {
        TAILQ_REMOVE(&slot->lender->free, slot, free);
        slot->is_listed = false;
    }
}

static void set_busy(struct slot *slot, bool is_busy)
{
    if (slot->is_busy_lease != is_busy) {
        slot->is_busy_lease = is_busy;
        slot->lender->n_busy += is_busy ? 1 : -1u;
    }
}

static struct slot *find_free(const struct lender *lender, uint64_t sticky)
{
    struct slot *slot = TAILQ_FIRST(&lender->free);

    while (slot != NULL && sticky != 0 && slot->sticky != sticky) {
        slot = TAILQ_NEXT(slot, free);
    }
    return slot;
}

static bool claim(struct apppool_client *client, struct lender *lender,
                  uint64_t sticky, struct loan *loan_r)
{
    struct slot *slot;

    while ((slot = find_free(lender, sticky)) != NULL) {
        unlist(slot);
        if (slot_claim(client, slot, loan_r)) {
            set_busy(slot, true);
            return true;
        }
    }
    return false;
}

static struct timespec deadline(void)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += LENDER_WAIT_US * 1000;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    return end;
}

/* Until it is posted, or `end`; NULL: only until then. False: time is over. */
static bool wait_for(sem_t *woken, const struct timespec *end)
{
    int rc;

    do {
        rc = end != NULL ? sem_clockwait(woken, CLOCK_MONOTONIC, end)
                         : sem_wait(woken);
    } while (rc < 0 && errno == EINTR);
    return rc == 0;
}

/* Out of the line, its time being over. True: somebody is serving it by now. */
static bool leave_line(struct apppool_client *client, struct lender *lender,
                       struct waiter *waiter)
{
    bool is_late;

    pthread_mutex_lock(&client->lock);
    is_late = waiter->is_taken;
    if (!is_late) {
        TAILQ_REMOVE(&lender->line, waiter, next);
    }
    pthread_mutex_unlock(&client->lock);
    return is_late;
}

/* Stand in line. With the lock held, which is let go. */
static bool wait_in_line(struct apppool_client *client, struct lender *lender,
                         const struct apppool_get_options *options,
                         struct loan *loan_r)
{
    const struct timespec end = deadline();
    struct waiter waiter = { .options = options, .loan = loan_r };

    sem_init(&waiter.woken, 0, 0);
    TAILQ_INSERT_TAIL(&lender->line, &waiter, next);
    pthread_mutex_unlock(&client->lock);
    if (!wait_for(&waiter.woken, &end) &&
        leave_line(client, lender, &waiter)) {
        wait_for(&waiter.woken, NULL);
    }
    sem_destroy(&waiter.woken);
    return atomic_load(&waiter.is_served);
}

bool lender_lend(struct apppool_client *client, struct lender *lender,
                 const struct apppool_get_options *options,
                 struct loan *loan_r)
{
    bool is_lent = false;

    pthread_mutex_lock(&client->lock);
    if (TAILQ_EMPTY(&lender->line)) {
        is_lent = claim(client, lender, options->sticky, loan_r);
    }
    if (!is_lent && options->sticky == 0 && lender->is_full &&
        (lender->n_busy > 0 || lender->n_asking > 0)) {
        return wait_in_line(client, lender, options, loan_r);
    }
    pthread_mutex_unlock(&client->lock);
    return is_lent;
}

void lender_begin_asking(struct apppool_client *client, struct lender *lender)
{
    pthread_mutex_lock(&client->lock);
    lender->n_asking++;
    pthread_mutex_unlock(&client->lock);
}

void lender_end_asking(struct apppool_client *client, struct lender *lender)
{
    pthread_mutex_lock(&client->lock);
    lender->n_asking--;
    pthread_mutex_unlock(&client->lock);
}

bool lender_is_asking(const struct lender *lender)
{
    return lender->n_asking > 0;
}

/* What became of a slot ---------------------------------------------------- */

static void take_out(struct lender *lender, struct waiter *waiter)
{
    TAILQ_REMOVE(&lender->line, waiter, next);
    waiter->is_taken = true;
}

/* Let the first in line ask the engine. The others are served by it: if all of
 * them asked, all would be answered one by one, and ask again. */
static void send_first_away(struct lender *lender)
{
    struct waiter *waiter = TAILQ_FIRST(&lender->line);

    if (waiter != NULL) {
        take_out(lender, waiter);
        sem_post(&waiter->woken);
    }
}

void lender_accepted(struct lender *lender, struct slot *slot, bool is_lease,
                     bool is_full)
{
    if (slot->lender != NULL) {
        unlist(slot);
        set_busy(slot, false);
    }
    slot->lender = lender;
    set_busy(slot, is_lease);
    lender->is_full = is_full;
    if (!is_full) {
        send_first_away(lender); /* there may be one for it, too */
    }
}

static bool is_silent(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* Begin the request of who is still asleep: the process need not wait for it.
 * What fails here will fail there, too. */
static void send_first(const struct waiter *waiter)
{
    const struct apppool_get_options *o = waiter->options;
    const struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)o->first,
                                .msg_iovlen = (size_t)o->n_first };
    ssize_t sent = -1;

    if (o->n_first > 0 && o->first_protocol == waiter->loan->protocol &&
        (!o->first_if_silent || is_silent(waiter->loan->fd))) {
        sent = sendmsg(waiter->loan->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    waiter->loan->sent = sent > 0 ? (apr_size_t)sent : 0;
}

struct waiter *lender_next(struct apppool_client *client,
                           const struct loan *loan)
{
    struct lender *lender = client->slots[loan->slot].lender;
    struct waiter *waiter = TAILQ_FIRST(&lender->line);

    if (waiter == NULL || lender_is_asking(lender) ||
        !slot_hand_over(client, loan, waiter->loan)) {
        return NULL;
    }
    take_out(lender, waiter);
    return waiter;
}

void lender_serve(struct waiter *waiter)
{
    send_first(waiter);
    atomic_store(&waiter->is_served, true);
    sem_post(&waiter->woken); /* from here on it may be gone */
}

void lender_keep(struct slot *slot)
{
    set_busy(slot, false);
    if (!slot->is_listed) {
        TAILQ_INSERT_HEAD(&slot->lender->free, slot, free);
        slot->is_listed = true;
    }
}

void lender_lost(struct slot *slot)
{
    set_busy(slot, false);
    if (slot->lender->n_busy == 0 && slot->lender->n_asking == 0) {
        send_first_away(slot->lender);
    }
}
