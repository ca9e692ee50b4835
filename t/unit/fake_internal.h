/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_internal.h - what the parts of the fake server know of each other.
 */
#ifndef APPPOOL_TEST_FAKE_INTERNAL_H
#define APPPOOL_TEST_FAKE_INTERNAL_H

#include "board.h"
#include "fake_server.h"
#include "message.h"

#include <pthread.h>

/* Not Check's: they work in tests only, and this also runs as a program. */
#define must(condition)                                                       \
    ((condition) ? (void)0                                                    \
                 : fake_give_up(__FILE__ ":" TEXT_OF(__LINE__) ": " #condition))
#define TEXT_OF(line) TEXT_OF_(line)
#define TEXT_OF_(line) #line

#define CLIENTS 16
#define CHANNELS 128

struct app { /* the application's end of a slot */
    int fd;  /* -1: not connected */
    uint16_t generation;
};

struct client {
    bool is_used;
    int board_fd;
    struct slot_line *board;
    struct app apps[FAKE_SLOTS];
};

struct channel {
    int fd; /* -1: none */
    bool is_first;
    unsigned client;
    bool has_get;
    uint32_t get_id;
};

struct fake {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wake_fd;
    int rendezvous;
    bool is_process; /* ends with the rendezvous, not by fake_stop() */
    bool is_over;
    enum fake_hello hello;
    enum fake_get get;
    enum fake_admin admin;
    bool are_channels_allowed;
    bool is_full;
    unsigned n_slots; /* that are lent */
    unsigned status;
    char message[WIRE_MAX_STRING + 1];
    char *page;
    unsigned facts[FAKE_FACTS];
    struct client clients[CLIENTS];
    struct channel channels[CHANNELS];
    struct wire_message in, out;
};

/* fake_server.c */
void fake_set_fact(struct fake *f, enum fake_fact fact, unsigned value);
void fake_count(struct fake *f, enum fake_fact fact);
void fake_drop_client(struct fake *f, unsigned k);
void fake_drop_all(struct fake *f);
void fake_drop_app(struct fake *f, struct app *app);
struct channel *fake_add_channel(struct fake *f, int fd, unsigned client,
                                 bool is_first);
void fake_lock(struct fake *f);
void fake_unlock_and_wake(struct fake *f);
_Noreturn void fake_give_up(const char *what);

/* fake_answers.c */
void fake_send_plain(struct fake *f, struct channel *ch, enum wire_type type,
                     uint32_t id);
void fake_send_number(struct fake *f, struct channel *ch, uint32_t id,
                      uint32_t number);
void fake_send_refused(struct fake *f, struct channel *ch, uint32_t id,
                       unsigned status, const char *message, const char *page);
void fake_send_garbage(struct channel *ch);
void fake_on_hello(struct fake *f, struct channel *ch, uint32_t id);
void fake_on_open_channel(struct fake *f, struct channel *ch, uint32_t id);

/* fake_lending.c */
void fake_on_get(struct fake *f, struct channel *ch);
void fake_on_cancel(struct fake *f, struct channel *ch);
void fake_on_given_back(struct fake *f, struct channel *ch);
void fake_serve_waiting(struct fake *f);

/* fake_admin.c */
unsigned fake_n_lent(const struct fake *f);
void fake_on_admin(struct fake *f, struct channel *ch, uint32_t id);

#endif
