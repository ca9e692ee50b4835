/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_server.c - one poll loop, one lock; the test's calls change the state
 * under the lock and wake the loop.
 */
#include "fake_server.h"

#include "board.h"
#include "socket.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Not Check's: they work in tests only, and this also runs as a program. */
#define must(condition)                                                       \
    ((condition) ? (void)0 : give_up("line " TEXT_OF(__LINE__) ": " #condition))
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

_Noreturn static void give_up(const char *what)
{
    fprintf(stderr, "fake_server.c: %s\n", what);
    abort();
}

static void set_fact(struct fake *f, enum fake_fact fact, unsigned value)
{
    f->facts[fact] = value;
    pthread_cond_broadcast(&f->changed);
}

static void count(struct fake *f, enum fake_fact fact)
{
    set_fact(f, fact, f->facts[fact] + 1);
}

/* Clients and channels ---------------------------------------------------- */

static struct channel *add_channel(struct fake *f, int fd, unsigned client,
                                   bool is_first)
{
    for (int i = 0; i < CHANNELS; i++) {
        if (f->channels[i].fd < 0) {
            f->channels[i] = (struct channel){ .fd = fd, .client = client,
                                               .is_first = is_first };
            return &f->channels[i];
        }
    }
    give_up("out of channels");
}

static void drop_app(struct fake *f, struct app *app)
{
    if (app->fd >= 0) {
        fd_close(&app->fd);
        count(f, FAKE_SHUT);
    }
}

static void drop_client(struct fake *f, unsigned k)
{
    struct client *c = &f->clients[k];

    for (int i = 0; i < CHANNELS; i++) {
        if (f->channels[i].fd >= 0 && f->channels[i].client == k) {
            /* The loop may be in poll() with it: closing takes effect later. */
            shutdown(f->channels[i].fd, SHUT_RDWR);
            fd_close(&f->channels[i].fd);
        }
    }
    for (int i = 0; i < FAKE_SLOTS; i++) {
        drop_app(f, &c->apps[i]);
    }
    fd_close(&c->board_fd);
    board_unmap(&c->board);
    c->is_used = false;
    count(f, FAKE_CLIENTS_GONE);
}

static void drop_all(struct fake *f)
{
    for (unsigned k = 0; k < CLIENTS; k++) {
        if (f->clients[k].is_used) {
            drop_client(f, k);
        }
    }
    fd_close(&f->rendezvous);
}

static void on_rendezvous(struct fake *f)
{
    struct wire_sender who;
    char byte;
    int rc = rendezvous_receive(f->rendezvous, &byte, &who);
    unsigned k = 0;
    int ends[2];

    if (rc == 0) {
        fd_close(&f->rendezvous);
        f->is_over = f->is_over || f->is_process;
    }
    if (rc <= 0) {
        return;
    }
    while (f->clients[k].is_used) {
        k++;
        must(k < CLIENTS);
    }
    f->clients[k].is_used = true;
    must(board_make(&f->clients[k].board_fd) == 0);
    must(board_map(f->clients[k].board_fd, &f->clients[k].board) == 0);
    must(wire_pair(ends) == 0);
    add_channel(f, ends[0], k, true);
    rendezvous_answer(f->rendezvous, ends[1]);
    fd_close(&ends[1]);
}

/* Answers ----------------------------------------------------------------- */

static void send_plain(struct fake *f, struct channel *ch, enum wire_type type,
                       uint32_t id)
{
    wire_message_begin(&f->out, type, id);
    wire_send(ch->fd, &f->out);
}

static void send_number(struct fake *f, struct channel *ch, uint32_t id,
                        uint32_t number)
{
    wire_message_begin(&f->out, MSG_VALUE, id);
    wire_put_u32(&f->out, FIELD_NUMBER, number);
    wire_send(ch->fd, &f->out);
}

static void send_refused(struct fake *f, struct channel *ch, uint32_t id,
                         unsigned status, const char *message,
                         const char *page)
{
    wire_message_begin(&f->out, MSG_REFUSED, id);
    wire_put_u32(&f->out, FIELD_STATUS, status);
    wire_put_text(&f->out, FIELD_MESSAGE, message);
    wire_put_u32(&f->out, FIELD_RETRY_AFTER, 7);
    if (page != NULL) {
        wire_put_text(&f->out, FIELD_PAGE, page);
    }
    wire_send(ch->fd, &f->out);
}

static void send_garbage(struct channel *ch)
{
    must(send(ch->fd, "garbage, garbage, garbage", 25, MSG_NOSIGNAL) >= 0);
}

static void welcome(struct fake *f, struct channel *ch, uint32_t id)
{
    struct client *c = &f->clients[ch->client];
    uint32_t n_slots = FAKE_SLOTS;

    if (f->hello == FAKE_WELCOME_MANY) {
        n_slots = BOARD_SLOTS + 1;
    } else if (f->hello == FAKE_WELCOME_UNSEALED) {
        fd_close(&c->board_fd);
        c->board_fd = memfd_create("fake", MFD_CLOEXEC);
        must(ftruncate(c->board_fd, BOARD_SIZE) == 0);
    }
    wire_message_begin(&f->out, MSG_WELCOME, id);
    wire_put_u32(&f->out, FIELD_NUMBER, n_slots);
    wire_put_u32(&f->out, FIELD_CLIENT, f->facts[FAKE_CLIENTS]);
    if (f->hello == FAKE_WELCOME_ADMIN) {
        fd_close(&c->board_fd);
    } else {
        wire_put_fd(&f->out, &c->board_fd);
    }
    wire_send(ch->fd, &f->out);
}

static void on_hello(struct fake *f, struct channel *ch, uint32_t id)
{
    count(f, FAKE_CLIENTS);
    switch (f->hello) {
    case FAKE_HELLO_SILENT:
        break;
    case FAKE_HELLO_CLOSE:
        drop_client(f, ch->client);
        break;
    case FAKE_HELLO_REFUSE:
        send_refused(f, ch, id, STATUS_STOPPING, "going down", NULL);
        break;
    case FAKE_HELLO_GARBAGE:
        send_garbage(ch);
        break;
    case FAKE_HELLO_PONG:
        send_plain(f, ch, MSG_PONG, id);
        break;
    case FAKE_WELCOME_AFTER_RESET:
        f->hello = FAKE_WELCOME;
        send_plain(f, ch, MSG_RESET, 0);
        break;
    default:
        welcome(f, ch, id);
        break;
    }
}

static void on_open_channel(struct fake *f, struct channel *ch, uint32_t id)
{
    int ends[2];

    if (!f->are_channels_allowed) {
        send_refused(f, ch, id, STATUS_BUSY, "no more channels", NULL);
        return;
    }
    must(wire_pair(ends) == 0);
    add_channel(f, ends[0], ch->client, false);
    wire_message_begin(&f->out, MSG_CHANNEL, id);
    wire_put_fd(&f->out, &ends[1]);
    wire_send(ch->fd, &f->out);
    count(f, FAKE_CHANNELS);
}

/* Lending ----------------------------------------------------------------- */

/* A slot that is not lent, one with a connection first; -1: none. */
static int find_slot(const struct client *c, unsigned n_slots)
{
    int found = -1;

    for (int i = (int)n_slots - 1; i >= 0; i--) {
        if (slot_state(c->board[i].word) == SLOT_EMPTY &&
            (found < 0 || c->apps[i].fd >= 0 || c->apps[found].fd < 0)) {
            found = i;
        }
    }
    return found;
}

static void connect_app(struct fake *f, struct client *c, int slot,
                        int *theirs_r)
{
    int ends[2];
    uint64_t word;

    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    drop_app(f, &c->apps[slot]);
    slot_apply(&c->board[slot], SLOT_REVOKE, &word);
    c->apps[slot] = (struct app){ .fd = ends[0],
                                  .generation = slot_generation(word) };
    *theirs_r = ends[1];
    count(f, FAKE_CONNECTIONS);
}

static bool offer(struct fake *f, struct channel *ch, bool is_wanted)
{
    struct client *c = &f->clients[ch->client];
    int slot = find_slot(c, f->n_slots);
    int theirs = -1;
    uint64_t word;

    if (slot < 0) {
        return false;
    }
    if (f->get == FAKE_NO_FD_ONCE) {
        drop_app(f, &c->apps[slot]);
        slot_apply(&c->board[slot], SLOT_REVOKE, NULL);
        f->get = FAKE_OFFER_WANT;
    } else if (c->apps[slot].fd < 0) {
        connect_app(f, c, slot, &theirs);
    }
    must(slot_apply(&c->board[slot],
                         is_wanted ? SLOT_OFFER_WANT : SLOT_OFFER, &word));
    wire_message_begin(&f->out, MSG_OFFER, ch->get_id);
    wire_put_u32(&f->out, FIELD_SLOT,
                 f->get == FAKE_BAD_SLOT ? FAKE_SLOTS : (uint32_t)slot);
    wire_put_u32(&f->out, FIELD_SLOT_GENERATION, slot_generation(word));
    wire_put_u32(&f->out, FIELD_PID, 1000 + (uint32_t)slot);
    wire_put_u32(&f->out, FIELD_PROTOCOL, PROTOCOL_SCGI);
    wire_put_u64(&f->out, FIELD_STICKY, 5000 + (uint64_t)slot);
    wire_put_u32(&f->out, FIELD_PROCESS, (uint32_t)slot);
    wire_put_u64(&f->out, FIELD_QUEUE_US, 2000);
    wire_put_u64(&f->out, FIELD_SPAWN_US, 1000);
    if (f->is_full) {
        wire_put_u32(&f->out, FIELD_FULL, 1);
    }
    if (theirs >= 0) {
        wire_put_fd(&f->out, &theirs);
    }
    if (f->get == FAKE_REVOKED_ONCE) {
        drop_app(f, &c->apps[slot]);
        slot_apply(&c->board[slot], SLOT_REVOKE, NULL);
        f->get = FAKE_OFFER_WANT;
    }
    ch->has_get = false;
    wire_send(ch->fd, &f->out);
    return true;
}

/* Answer whatever GETs can be answered now. */
static void serve_waiting(struct fake *f)
{
    for (int i = 0; i < CHANNELS; i++) {
        struct channel *ch = &f->channels[i];

        if (ch->fd < 0 || !ch->has_get || f->get == FAKE_HOLD ||
            f->get == FAKE_HOLD_FOR_EVER) {
            continue;
        }
        if (!offer(f, ch, f->get != FAKE_OFFER)) {
            return;
        }
    }
}

static void note_get(struct fake *f, struct channel *ch)
{
    ch->has_get = true;
    ch->get_id = wire_request_id(&f->in);
    set_fact(f, FAKE_LAST_APP, wire_get_u32(&f->in, FIELD_APP, 0));
    set_fact(f, FAKE_LAST_LOWER, wire_get_u32(&f->in, FIELD_LOWER, 99));
    set_fact(f, FAKE_LAST_AGE_MS,
             (unsigned)(wire_get_u64(&f->in, FIELD_AGE_US, 0) / 1000));
    count(f, FAKE_GETS);
}

static void on_get(struct fake *f, struct channel *ch)
{
    note_get(f, ch);
    switch (f->get) {
    case FAKE_REFUSE:
        ch->has_get = false;
        send_refused(f, ch, ch->get_id, f->status, f->message, f->page);
        break;
    case FAKE_CLOSE_CHANNEL:
        fd_close(&ch->fd);
        break;
    case FAKE_CLOSE_ALL:
        drop_all(f);
        break;
    case FAKE_GARBAGE:
        send_garbage(ch);
        break;
    case FAKE_PONG:
        send_plain(f, ch, MSG_PONG, ch->get_id);
        break;
    case FAKE_RESET_ONCE:
        f->get = FAKE_OFFER_WANT;
        ch->has_get = false;
        send_plain(f, ch, MSG_RESET, 0);
        break;
    default:
        serve_waiting(f);
        break;
    }
}

static void on_cancel(struct fake *f, struct channel *ch)
{
    count(f, FAKE_CANCELS);
    if (f->get != FAKE_HOLD_FOR_EVER && ch->has_get) {
        ch->has_get = false;
        send_plain(f, ch, MSG_CANCELLED, ch->get_id);
    }
}

static void on_given_back(struct fake *f, struct channel *ch)
{
    const uint32_t slot = wire_get_u32(&f->in, FIELD_SLOT, 0);
    struct client *c = &f->clients[ch->client];
    const bool is_return = wire_type(&f->in) == MSG_RETURN;
    const bool has_ended = wire_get_u32(&f->in, FIELD_ENDED, 0) != 0;

    if (slot >= FAKE_SLOTS) {
        count(f, FAKE_BAD);
        return;
    }
    /* It may come late: we look at the words and may have lent it again. */
    if (slot_state(c->board[slot].word) == SLOT_EMPTY &&
        (!is_return || has_ended)) {
        drop_app(f, &c->apps[slot]);
    }
    if (has_ended) {
        count(f, FAKE_ENDED);
    }
    count(f, is_return ? FAKE_RETURNS : FAKE_CLOSED);
    serve_waiting(f);
}

/* Admin ------------------------------------------------------------------- */

static unsigned lent(const struct fake *f)
{
    unsigned n = 0;

    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            n += slot_state(f->clients[k].board[i].word) != SLOT_EMPTY;
        }
    }
    return n;
}

static void send_status(struct fake *f, struct channel *ch, uint32_t id)
{
    static const char text[] = "{\"fake\":true}";
    int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    must(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
    if (f->admin != FAKE_UNSEALED_TEXT) {
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW);
    }
    wire_message_begin(&f->out, MSG_STATUS_TEXT, id);
    wire_put_fd(&f->out, &fd);
    wire_send(ch->fd, &f->out);
}

static void on_restart(struct fake *f, struct channel *ch, uint32_t id)
{
    const char *root = wire_get_text(&f->in, FIELD_ROOT, NULL);

    if (root != NULL && strcmp(root, "/broken") == 0) {
        send_refused(f, ch, id, STATUS_FAILED, "SyntaxError, line 3", NULL);
    } else if (root != NULL && strcmp(root, "/unknown") == 0) {
        send_refused(f, ch, id, STATUS_UNKNOWN_APP, "no such thing", NULL);
    } else {
        send_plain(f, ch, MSG_DONE, id);
    }
}

static void on_admin(struct fake *f, struct channel *ch, uint32_t id)
{
    const uint32_t number = wire_get_u32(&f->in, FIELD_NUMBER, 0);

    switch (wire_type(&f->in)) {
    case MSG_STATUS:
        send_status(f, ch, id);
        return;
    case MSG_PING:
        send_plain(f, ch, MSG_PONG, id);
        return;
    case MSG_GET_ACTIVE:
        send_number(f, ch, id, lent(f));
        return;
    case MSG_GET_COUNT:
        send_number(f, ch, id, f->facts[FAKE_CONNECTIONS]);
        return;
    case MSG_GET_SERVER_PID:
        send_number(f, ch, id, (uint32_t)getpid());
        return;
    case MSG_RESTART:
        on_restart(f, ch, id);
        return;
    case MSG_SET_MAX:
        set_fact(f, FAKE_MAX, number);
        break;
    case MSG_SET_MAX_IDLE_TIME:
        set_fact(f, FAKE_MAX_IDLE, number);
        break;
    case MSG_CLEAR:
        count(f, FAKE_CLEARS);
        break;
    case MSG_DETACH_PROCESS:
        set_fact(f, FAKE_DETACHED_PID, wire_get_u32(&f->in, FIELD_PID, 0));
        break;
    default:
        count(f, FAKE_BAD);
        return;
    }
    send_plain(f, ch, MSG_DONE, id);
}

/* The loop ---------------------------------------------------------------- */

static void dispatch(struct fake *f, struct channel *ch)
{
    const uint32_t id = wire_request_id(&f->in);

    switch (wire_type(&f->in)) {
    case MSG_HELLO:
        on_hello(f, ch, id);
        break;
    case MSG_OPEN_CHANNEL:
        on_open_channel(f, ch, id);
        break;
    case MSG_GET:
        on_get(f, ch);
        break;
    case MSG_CANCEL:
        on_cancel(f, ch);
        break;
    case MSG_RETURN:
    case MSG_CLOSED:
        on_given_back(f, ch);
        break;
    default:
        if (f->admin == FAKE_DENY) {
            send_refused(f, ch, id, STATUS_DENIED, "not you", NULL);
        } else if (f->admin != FAKE_SILENT) {
            on_admin(f, ch, id);
        }
        break;
    }
}

static void on_channel(struct fake *f, struct channel *ch)
{
    int rc = wire_receive(ch->fd, &f->in, FROM_CLIENT, NULL);

    if (rc == 1) {
        dispatch(f, ch);
    } else if (rc == -EPROTO) {
        count(f, FAKE_BAD);
    } else if (rc == 0 && ch->is_first) {
        drop_client(f, ch->client);
    } else if (rc == 0) {
        fd_close(&ch->fd);
    }
}

static void on_app(struct fake *f, struct app *app)
{
    char bytes[4096];
    ssize_t n = recv(app->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0) {
        send(app->fd, bytes, (size_t)n, MSG_NOSIGNAL);
    } else if (n == 0 || errno != EAGAIN) {
        drop_app(f, app);
    }
}

/* One turn: everything that is ready, asked one by one. */
static bool is_ready(int fd)
{
    struct pollfd poller = { .fd = fd, .events = POLLIN };

    return fd >= 0 && poll(&poller, 1, 0) > 0;
}

static void turn(struct fake *f)
{
    eventfd_t ignored;

    eventfd_read(f->wake_fd, &ignored);
    if (is_ready(f->rendezvous)) {
        on_rendezvous(f);
    }
    for (int i = 0; i < CHANNELS; i++) {
        if (is_ready(f->channels[i].fd)) {
            on_channel(f, &f->channels[i]);
        }
    }
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            if (is_ready(f->clients[k].apps[i].fd)) {
                on_app(f, &f->clients[k].apps[i]);
            }
        }
    }
}

static void wait_for_anything(struct fake *f)
{
    struct pollfd pollers[2 + CHANNELS + CLIENTS * FAKE_SLOTS];
    nfds_t n = 0;

    pthread_mutex_lock(&f->lock);
    pollers[n++] = (struct pollfd){ .fd = f->wake_fd, .events = POLLIN };
    pollers[n++] = (struct pollfd){ .fd = f->rendezvous, .events = POLLIN };
    for (int i = 0; i < CHANNELS; i++) {
        pollers[n++] = (struct pollfd){ .fd = f->channels[i].fd,
                                        .events = POLLIN };
    }
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            pollers[n++] = (struct pollfd){ .fd = f->clients[k].apps[i].fd,
                                            .events = POLLIN };
        }
    }
    pthread_mutex_unlock(&f->lock);
    poll(pollers, n, -1);
}

static void *loop(void *baton)
{
    struct fake *f = baton;
    bool is_over = false;

    while (!is_over) {
        wait_for_anything(f);
        pthread_mutex_lock(&f->lock);
        turn(f);
        is_over = f->is_over;
        pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

/* For the tests ----------------------------------------------------------- */

static struct fake *fake_new(int rendezvous)
{
    struct fake *f = calloc(1, sizeof(*f));
    pthread_condattr_t attr;

    must(f != NULL);
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&f->changed, &attr);
    f->rendezvous = rendezvous;
    f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    f->are_channels_allowed = true;
    f->n_slots = FAKE_SLOTS;
    for (int i = 0; i < CHANNELS; i++) {
        f->channels[i].fd = -1;
    }
    for (unsigned k = 0; k < CLIENTS; k++) {
        f->clients[k].board_fd = -1;
        for (int i = 0; i < FAKE_SLOTS; i++) {
            f->clients[k].apps[i].fd = -1;
        }
    }
    wire_message_init(&f->in);
    wire_message_init(&f->out);
    return f;
}

static void fake_free(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    drop_all(f);
    pthread_mutex_unlock(&f->lock);
    fd_close(&f->wake_fd);
    wire_message_clear(&f->in);
    wire_message_clear(&f->out);
    free(f->page);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

struct fake *fake_start(int *rendezvous_r)
{
    struct fake *f;
    int ends[2];

    must(wire_pair(ends) == 0);
    *rendezvous_r = ends[1];
    f = fake_new(ends[0]);
    must(pthread_create(&f->thread, NULL, loop, f) == 0);
    return f;
}

void fake_run(int fd)
{
    struct fake *f = fake_new(fd);

    f->is_process = true;
    loop(f);
    fake_free(f);
}

static void lock(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
}

static void unlock_and_wake(struct fake *f)
{
    eventfd_write(f->wake_fd, 1);
    pthread_mutex_unlock(&f->lock);
}

void fake_stop(struct fake *f)
{
    lock(f);
    f->is_over = true;
    unlock_and_wake(f);
    pthread_join(f->thread, NULL);
    fake_free(f);
}

void fake_set_hello(struct fake *f, enum fake_hello hello)
{
    lock(f);
    f->hello = hello;
    unlock_and_wake(f);
}

void fake_set_get(struct fake *f, enum fake_get get)
{
    lock(f);
    f->get = get;
    unlock_and_wake(f);
}

void fake_set_admin(struct fake *f, enum fake_admin admin)
{
    lock(f);
    f->admin = admin;
    unlock_and_wake(f);
}

void fake_set_channels(struct fake *f, bool are_allowed)
{
    lock(f);
    f->are_channels_allowed = are_allowed;
    unlock_and_wake(f);
}

void fake_refuse(struct fake *f, unsigned status, const char *message,
                 const char *page)
{
    lock(f);
    f->get = FAKE_REFUSE;
    f->status = status;
    strcpy(f->message, message);
    free(f->page);
    f->page = page == NULL ? NULL : strdup(page);
    unlock_and_wake(f);
}

void fake_release(struct fake *f)
{
    lock(f);
    f->get = FAKE_OFFER_WANT;
    serve_waiting(f);
    unlock_and_wake(f);
}

void fake_reset(struct fake *f)
{
    lock(f);
    for (int i = 0; i < CHANNELS; i++) {
        if (f->channels[i].fd >= 0) {
            f->channels[i].has_get = false;
            send_plain(f, &f->channels[i], MSG_RESET, 0);
        }
    }
    unlock_and_wake(f);
}

void fake_revoke(struct fake *f)
{
    lock(f);
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            if (f->clients[k].apps[i].fd >= 0) {
                shutdown(f->clients[k].apps[i].fd, SHUT_RDWR);
                drop_app(f, &f->clients[k].apps[i]);
                slot_apply(&f->clients[k].board[i], SLOT_REVOKE, NULL);
            }
        }
    }
    unlock_and_wake(f);
}

void fake_set_full(struct fake *f, bool is_full, unsigned n_slots)
{
    lock(f);
    f->is_full = is_full;
    f->n_slots = n_slots;
    unlock_and_wake(f);
}

static unsigned apply_to_all(struct fake *f, enum slot_event event)
{
    unsigned n = 0;

    lock(f);
    for (unsigned k = 0; k < CLIENTS; k++) {
        for (int i = 0; f->clients[k].is_used && i < FAKE_SLOTS; i++) {
            n += slot_apply(&f->clients[k].board[i], event, NULL);
        }
    }
    serve_waiting(f);
    unlock_and_wake(f);
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

    lock(f);
    for (int i = 0; i < CHANNELS; i++) {
        n += f->channels[i].fd >= 0 && f->channels[i].has_get;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

void fake_die(struct fake *f)
{
    lock(f);
    drop_all(f);
    unlock_and_wake(f);
}

unsigned fake_fact(struct fake *f, enum fake_fact fact)
{
    unsigned value;

    lock(f);
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
    lock(f);
    while (f->facts[fact] < value && rc == 0) {
        rc = pthread_cond_timedwait(&f->changed, &f->lock, &end);
    }
    pthread_mutex_unlock(&f->lock);
    ck_assert_msg(rc == 0, "fact %d never became %u", (int)fact, value);
}

unsigned fake_lent(struct fake *f)
{
    unsigned n;

    lock(f);
    n = lent(f);
    pthread_mutex_unlock(&f->lock);
    return n;
}
