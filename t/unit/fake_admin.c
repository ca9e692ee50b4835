/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_admin.c - the fake server answers what an administrator asks.
 */
#include "fake_internal.h"

#include "socket.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

unsigned fake_n_lent(const struct fake *f)
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
        fake_send_refused(f, ch, id, STATUS_FAILED, "SyntaxError, line 3",
                          NULL);
    } else if (root != NULL && strcmp(root, "/unknown") == 0) {
        fake_send_refused(f, ch, id, STATUS_UNKNOWN_APP, "no such thing", NULL);
    } else {
        fake_send_plain(f, ch, MSG_DONE, id);
    }
}

void fake_on_admin(struct fake *f, struct channel *ch, uint32_t id)
{
    const uint32_t number = wire_get_u32(&f->in, FIELD_NUMBER, 0);

    switch (wire_type(&f->in)) {
    case MSG_STATUS:
        send_status(f, ch, id);
        return;
    case MSG_PING:
        fake_send_plain(f, ch, MSG_PONG, id);
        return;
    case MSG_GET_ACTIVE:
        fake_send_number(f, ch, id, fake_n_lent(f));
        return;
    case MSG_GET_COUNT:
        fake_send_number(f, ch, id, f->facts[FAKE_CONNECTIONS]);
        return;
    case MSG_GET_SERVER_PID:
        fake_send_number(f, ch, id, (uint32_t)getpid());
        return;
    case MSG_RESTART:
        on_restart(f, ch, id);
        return;
    case MSG_SET_MAX:
        fake_set_fact(f, FAKE_MAX, number);
        break;
    case MSG_SET_MAX_IDLE_TIME:
        fake_set_fact(f, FAKE_MAX_IDLE, number);
        break;
    case MSG_CLEAR:
        fake_count(f, FAKE_CLEARS);
        break;
    case MSG_DETACH_PROCESS:
        fake_set_fact(f, FAKE_DETACHED_PID, wire_get_u32(&f->in, FIELD_PID, 0));
        break;
    default:
        fake_count(f, FAKE_BAD);
        return;
    }
    fake_send_plain(f, ch, MSG_DONE, id);
}
