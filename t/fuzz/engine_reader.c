/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_reader.c - see engine_reader.h.
 */
#include "engine_reader.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine_peers.h"
#include "input.h"
#include "socket.h"

#define STEPS_MAX 200
#define LONGEST   26 /* a power of two, ms: 18 hours */

static struct peer_client *take_client(struct peers *peers, struct input *in)
{
    return &peers->clients[input_byte(in) % PEER_CLIENTS];
}

static struct peer_process *take_process(struct peers *peers, struct input *in)
{
    return &peers->processes[input_byte(in) % PEER_PROCESSES];
}

static int *take_channel(struct peers *peers, struct input *in)
{
    struct peer_client *client = take_client(peers, in);

    return &client->channels[input_byte(in) % PEER_CHANNELS];
}

/* What the master tells ---------------------------------------------------- */

static void tell_start(struct peers *peers, bool again)
{
    struct wire_message m;

    if (peers->started) {
        return;
    }
    peers->started = true;
    wire_message_init(&m);
    wire_message_begin(&m, MSG_START, 0);
    wire_put_u32(&m, FIELD_NUMBER, peers->last_process);
    /* Processes there are only where an engine was. */
    wire_put_u32(&m, FIELD_STATUS, again || peers->last_process != 0);
    peers_tell(peers, &m);
}

static void tell_stop(struct peers *peers)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_STOP, 0);
    peers_tell(peers, &m);
}

static void define(struct peers *peers, struct input *in)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_DEFINE, 0);
    input_fields(in, &m);
    wire_put_u32(&m, FIELD_APP, 1);
    wire_put_u32(&m, FIELD_TYPE, TYPE_AUTO);
    wire_put_text(&m, FIELD_ROOT, "/srv/a");
    peers_tell(peers, &m);
}

/* A master takes no generation again. */
static void commit(struct peers *peers, struct input *in)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_CONFIGURE, 0);
    wire_put_u32(&m, FIELD_GENERATION, ++peers->generation);
    wire_put_u32(&m, FIELD_MAX, input_byte(in) % 8 + 1);
    wire_put_u32(&m, FIELD_MAX_IDLE_S, input_byte(in));
    wire_put_u32(&m, FIELD_MAX_SPAWNING, input_byte(in) % 4 + 1);
    input_fields(in, &m);
    peers_tell(peers, &m);
    peers_tell_number(peers, MSG_COMMIT, FIELD_GENERATION, peers->generation);
}

static void report(struct peers *peers, struct input *in)
{
    struct wire_message m;
    size_t len;
    uint32_t process = take_process(peers, in)->number;
    const char *bytes = input_long_bytes(in, &len);

    wire_message_init(&m);
    wire_message_begin(&m, MSG_REPORTED, 0);
    wire_put_u32(&m, FIELD_PROCESS, process);
    wire_put_bytes(&m, FIELD_REPORT, bytes, len);
    peers_tell(peers, &m);
}

static void seen(struct peers *peers, struct input *in)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_SEEN, 0);
    wire_put_u32(&m, FIELD_APP, input_number(in));
    wire_put_u32(&m, FIELD_NUMBER, input_byte(in));
    peers_tell(peers, &m);
}

/* A connection that outlived an engine: only who was ready got any. */
static void kept(struct peers *peers, struct input *in)
{
    uint32_t client = take_client(peers, in)->number;
    uint32_t slot = input_byte(in);
    const struct peer_process *process = take_process(peers, in);
    struct wire_message m;

    if (!process->was_ready) {
        return;
    }
    wire_message_init(&m);
    wire_message_begin(&m, MSG_SLOT_KEPT, 0);
    wire_put_u32(&m, FIELD_CLIENT, client);
    wire_put_u32(&m, FIELD_SLOT, slot);
    wire_put_u32(&m, FIELD_PROCESS, process->number);
    peers_tell(peers, &m);
}

/* What clients do ---------------------------------------------------------- */

static void message(struct peers *peers, struct input *in)
{
    struct wire_message m;
    int fd = *take_channel(peers, in);
    enum wire_type type = (enum wire_type)(input_byte(in) % MSG_LIMIT);

    wire_message_init(&m);
    wire_message_begin(&m, type, input_byte(in));
    input_fields(in, &m);
    if (fd >= 0) {
        send(fd, m.data, m.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    wire_message_clear(&m);
}

static void packet(struct peers *peers, struct input *in)
{
    int fd = *take_channel(peers, in);
    size_t len;
    const char *bytes = input_bytes(in, &len);

    if (fd >= 0) {
        send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void set_word(struct peers *peers, struct input *in)
{
    struct peer_client *client = take_client(peers, in);
    unsigned slot = input_byte(in);
    uint64_t word = 0;

    for (unsigned i = 0; i < 8; i++) {
        word = word << 8 | input_byte(in);
    }
    if (client->board != NULL) {
        atomic_store(&client->board[slot].word, word);
    }
}

static void move_slot(struct peers *peers, struct input *in)
{
    struct peer_client *client = take_client(peers, in);
    unsigned slot = input_byte(in);
    enum slot_event event = (enum slot_event)(input_byte(in) %
                                              (SLOT_REVOKE + 1));

    if (client->board != NULL) {
        slot_apply(&client->board[slot], event, NULL);
    }
}

static void write_note(struct peers *peers, struct input *in)
{
    struct peer_client *client = take_client(peers, in);
    unsigned slot = input_byte(in);
    size_t offset = input_word(in) % sizeof(struct slot_note), len;
    const char *bytes = input_bytes(in, &len);
    size_t room = sizeof(struct slot_note) - offset;

    if (client->board != NULL) {
        memcpy((char *)board_note(client->board, slot) + offset, bytes,
               len < room ? len : room);
    }
}

static void print(struct peers *peers, struct input *in)
{
    int fd = take_process(peers, in)->output;
    size_t len;
    const char *bytes = input_long_bytes(in, &len);

    if (fd >= 0 && write(fd, bytes, len) < 0) {
        return; /* it is full: an application would wait */
    }
}

static void end_process(struct peers *peers, struct input *in)
{
    struct peer_process *process = take_process(peers, in);
    uint32_t status = input_word(in);

    if (process->number != 0) {
        peers_end_process(peers, process, status);
    }
}

/* Steps -------------------------------------------------------------------- */

/* Before START it is told what there was before. */
static void step_before(struct peers *peers, struct input *in,
                        enum engine_step step)
{
    uint32_t app;

    switch (step) {
    case STEP_START:
        tell_start(peers, (input_byte(in) & 1) != 0);
        break;
    case STEP_KNOWN:
        app = input_number(in);
        peers_new_process(peers, peers->last_process + 1, app, true,
                          (input_byte(in) & 1) != 0);
        break;
    case STEP_KEPT:
        kept(peers, in);
        break;
    default:
        tell_start(peers, false);
        break;
    }
}

static void step_of_client(struct peers *peers, struct input *in,
                           enum engine_step step)
{
    switch (step) {
    case STEP_MESSAGE:
        message(peers, in);
        break;
    case STEP_PACKET:
        packet(peers, in);
        break;
    case STEP_CLOSE:
        fd_close(take_channel(peers, in));
        break;
    case STEP_SLOT:
        move_slot(peers, in);
        break;
    default:
        break;
    }
}

static void step_of_process(struct peers *peers, struct input *in,
                            enum engine_step step)
{
    switch (step) {
    case STEP_PRINT:
        print(peers, in);
        break;
    case STEP_GONE:
        end_process(peers, in);
        break;
    case STEP_TIME:
        peers_move_time(INT64_C(1000) << input_byte(in) % LONGEST);
        break;
    case STEP_SEEN:
        seen(peers, in);
        break;
    case STEP_REFUSES:
        peers->refuses = !peers->refuses;
        break;
    case STEP_STOP:
        tell_stop(peers);
        break;
    default:
        step_of_client(peers, in, step);
        break;
    }
}

/* Also before START. */
static bool step_of_any_time(struct peers *peers, struct input *in,
                             enum engine_step step)
{
    uint8_t how;

    switch (step) {
    case STEP_CLIENT:
        how = input_byte(in);
        peers_new_client(peers, (how & 1) != 0, (how & 2) != 0);
        return true;
    case STEP_WORD:
        set_word(peers, in);
        return true;
    case STEP_NOTE:
        write_note(peers, in);
        return true;
    case STEP_REPORT:
        report(peers, in);
        return true;
    case STEP_DEFINE:
        define(peers, in);
        return true;
    case STEP_COMMIT:
        commit(peers, in);
        return true;
    default:
        return false;
    }
}

void engine_reader_try(const uint8_t *data, size_t size)
{
    static struct peers peers;
    struct input in = {data, size};

    peers_open(&peers);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        enum engine_step step = (enum engine_step)(input_byte(&in) %
                                                   STEP_COUNT);

        if (!step_of_any_time(&peers, &in, step)) {
            if (!peers.started) {
                step_before(&peers, &in, step);
            } else {
                step_of_process(&peers, &in, step);
            }
        }
        peers_turn(&peers);
    }
    peers_close(&peers);
}
