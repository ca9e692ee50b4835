/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_answers.c - what the fake server sends, and how it welcomes a client.
 */
#include "fake_internal.h"

#include "socket.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

void fake_send_plain(struct fake *f, struct channel *ch, enum wire_type type,
                     uint32_t id)
{
    wire_message_begin(&f->out, type, id);
    wire_send(ch->fd, &f->out);
}

void fake_send_number(struct fake *f, struct channel *ch, uint32_t id,
                      uint32_t number)
{
    wire_message_begin(&f->out, MSG_VALUE, id);
    wire_put_u32(&f->out, FIELD_NUMBER, number);
    wire_send(ch->fd, &f->out);
}

void fake_send_refused(struct fake *f, struct channel *ch, uint32_t id,
                       unsigned status, const char *message, const char *page)
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

void fake_send_garbage(struct channel *ch)
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

void fake_on_hello(struct fake *f, struct channel *ch, uint32_t id)
{
    fake_count(f, FAKE_CLIENTS);
    switch (f->hello) {
    case FAKE_HELLO_SILENT:
        break;
    case FAKE_HELLO_CLOSE:
        fake_drop_client(f, ch->client);
        break;
    case FAKE_HELLO_REFUSE:
        fake_send_refused(f, ch, id, STATUS_STOPPING, "going down", NULL);
        break;
    case FAKE_HELLO_GARBAGE:
        fake_send_garbage(ch);
        break;
    case FAKE_HELLO_PONG:
        fake_send_plain(f, ch, MSG_PONG, id);
        break;
    case FAKE_WELCOME_AFTER_RESET:
        f->hello = FAKE_WELCOME;
        fake_send_plain(f, ch, MSG_RESET, 0);
        break;
    default:
        welcome(f, ch, id);
        break;
    }
}

void fake_on_open_channel(struct fake *f, struct channel *ch, uint32_t id)
{
    int ends[2];

    if (!f->are_channels_allowed) {
        fake_send_refused(f, ch, id, STATUS_BUSY, "no more channels", NULL);
        return;
    }
    must(wire_pair(ends) == 0);
    fake_add_channel(f, ends[0], ch->client, false);
    wire_message_begin(&f->out, MSG_CHANNEL, id);
    wire_put_fd(&f->out, &ends[1]);
    wire_send(ch->fd, &f->out);
    fake_count(f, FAKE_CHANNELS);
}
