/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_orders.c - what the test tells the fake server, and asks it.
 */
#include "fake_internal.h"


#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

void fake_set_hello(struct fake *f, enum fake_hello hello)
{
    fake_lock(f);
    f->hello = hello;
    fake_unlock_and_wake(f);
}

void fake_set_get(struct fake *f, enum fake_get get)
{
    fake_lock(f);
    f->get = get;
    fake_unlock_and_wake(f);
}

void fake_set_admin(struct fake *f, enum fake_admin admin)
{
    fake_lock(f);
    f->admin = admin;
    fake_unlock_and_wake(f);
}

void fake_set_channels(struct fake *f, bool are_allowed)
{
    fake_lock(f);
    f->are_channels_allowed = are_allowed;
    fake_unlock_and_wake(f);
}

void fake_refuse(struct fake *f, unsigned status, const char *message,
                 const char *page)
{
    fake_lock(f);
    f->get = FAKE_REFUSE;
    f->status = status;
    strcpy(f->message, message);
    free(f->page);
    f->page = page == NULL ? NULL : strdup(page);
    fake_unlock_and_wake(f);
}

void fake_release(struct fake *f)
{
    fake_lock(f);
    f->get = FAKE_OFFER_WANT;
    fake_serve_waiting(f);
    fake_unlock_and_wake(f);
}

void fake_reset(struct fake *f)
{
    fake_lock(f);
    for (int i = 0; i < CHANNELS; i++) {
        if (f->channels[i].fd >= 0) {
            f->channels[i].has_get = false;
            fake_send_plain(f, &f->channels[i], MSG_RESET, 0);
        }
    }
    fake_unlock_and_wake(f);
}

void fake_revoke(struct fake *f)
{
    fake_lock(f);
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            if (f->clients[k].apps[i].fd >= 0) {
                shutdown(f->clients[k].apps[i].fd, SHUT_RDWR);
                fake_drop_app(f, &f->clients[k].apps[i]);
                slot_apply(&f->clients[k].board[i], SLOT_REVOKE, NULL);
            }
        }
    }
    fake_unlock_and_wake(f);
}

void fake_set_full(struct fake *f, bool is_full, unsigned n_slots)
{
    fake_lock(f);
    f->is_full = is_full;
    f->n_slots = n_slots;
    fake_unlock_and_wake(f);
}

static unsigned apply_to_all(struct fake *f, enum slot_event event)
{
    unsigned n = 0;

    fake_lock(f);
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            n += slot_apply(&f->clients[k].board[i], event, NULL);
        }
    }
    fake_serve_waiting(f);
    fake_unlock_and_wake(f);
    return n;
}

unsigned fake_take(struct fake *f)
{
    return apply_to_all(f, SLOT_TAKE);
}

unsigned fake_want(struct fake *f)
{
    return apply_to_all(f, SLOT_MARK);
}

unsigned fake_waiting(struct fake *f)
{
    unsigned n = 0;

    fake_lock(f);
    for (int i = 0; i < CHANNELS; i++) {
        n += f->channels[i].fd >= 0 && f->channels[i].has_get;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_die(struct fake *f)
{
    fake_lock(f);
    fake_drop_all(f);
    fake_unlock_and_wake(f);
}

unsigned fake_fact(struct fake *f, enum fake_fact fact)
{
    unsigned value;

    fake_lock(f);
    value = f->facts[fact];
    pthread_mutex_unlock(&f->lock);
    return value;
}

void fake_wait(struct fake *f, enum fake_fact fact, unsigned value)
{
    struct timespec end;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 20;
    fake_lock(f);
    while (f->facts[fact] < value && rc == 0) {
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &end);
    }
    pthread_mutex_unlock(&f->lock);
    ck_assert_msg(rc == 0, "fact %d never became %u", (int)fact, value);
}

unsigned fake_lent(struct fake *f)
{
    unsigned n;

    fake_lock(f);
    n = fake_n_lent(f);
    pthread_mutex_unlock(&f->lock);
    return n;
}
