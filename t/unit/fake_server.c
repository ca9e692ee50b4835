/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_server.c - one poll loop, one lock; the test's calls change the state
 * under the lock and wake the loop.
 */
#include "fake_internal.h"

#include "socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

_Noreturn void fake_give_up(const char *what)
{
    fprintf(stderr, "fake_server.c: %s\n", what);
    abort();
}

void fake_set_fact(struct fake *f, enum fake_fact fact, unsigned value)
{
    f->facts[fact] = value;
    pthread_cond_broadcast(&f->changed);
}

void fake_count(struct fake *f, enum fake_fact fact)
{
    fake_set_fact(f, fact, f->facts[fact] + 1);
}

/* Clients and channels ---------------------------------------------------- */

struct channel *fake_add_channel(struct fake *f, int fd, unsigned client,
                                 bool is_first)
{
    for (int i = 0; i < CHANNELS; i++) {
        if (f->channels[i].fd < 0) {
            f->channels[i] = (struct channel){ .fd = fd, .client = client,
                                               .is_first = is_first };
            return &f->channels[i];
        }
    }
    fake_give_up("out of channels");
}

void fake_drop_app(struct fake *f, struct app *app)
{
    if (app->fd >= 0) {
        fd_close(&app->fd);
        fake_count(f, FAKE_SHUT);
    }
}

void fake_drop_client(struct fake *f, unsigned k)
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
        fake_drop_app(f, &c->apps[i]);
    }
    fd_close(&c->board_fd);
    board_unmap(&c->board);
    c->is_used = false;
    fake_count(f, FAKE_CLIENTS_GONE);
}

void fake_drop_all(struct fake *f)
{
    for (unsigned k = 0; k < CLIENTS; k++) {
        if (f->clients[k].is_used) {
            fake_drop_client(f, k);
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
    fake_add_channel(f, ends[0], k, true);
    rendezvous_answer(f->rendezvous, ends[1]);
    fd_close(&ends[1]);
}

/* The loop ---------------------------------------------------------------- */

static void dispatch(struct fake *f, struct channel *ch)
{
    const uint32_t id = wire_request_id(&f->in);

    switch (wire_type(&f->in)) {
    case MSG_HELLO:
        fake_on_hello(f, ch, id);
        break;
    case MSG_OPEN_CHANNEL:
        fake_on_open_channel(f, ch, id);
        break;
    case MSG_GET:
        fake_on_get(f, ch);
        break;
    case MSG_CANCEL:
        fake_on_cancel(f, ch);
        break;
    case MSG_RETURN:
    case MSG_CLOSED:
        fake_on_given_back(f, ch);
        break;
    default:
        if (f->admin == FAKE_DENY) {
            fake_send_refused(f, ch, id, STATUS_DENIED, "not you", NULL);
        } else if (f->admin != FAKE_SILENT) {
            fake_on_admin(f, ch, id);
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
        fake_count(f, FAKE_BAD);
    } else if (rc == 0 && ch->is_first) {
        fake_drop_client(f, ch->client);
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
        fake_drop_app(f, app);
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
    fake_drop_all(f);
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

void fake_lock(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
}

void fake_unlock_and_wake(struct fake *f)
{
    eventfd_write(f->wake_fd, 1);
    pthread_mutex_unlock(&f->lock);
}

void fake_stop(struct fake *f)
{
    fake_lock(f);
    f->is_over = true;
    fake_unlock_and_wake(f);
    pthread_join(f->thread, NULL);
    fake_free(f);
}
