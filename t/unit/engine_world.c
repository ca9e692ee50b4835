/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_world.c - see engine_world.h.
 */
#include "engine_world.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_type.h"
#include "engine.h"
#include "socket.h"

static pid_t engine;
int master;
int channel;
struct slot_line *board;
struct wire_message m;
uint32_t epoch;
struct kind kind = { .type = TYPE_WSGI, .protocol = PROTOCOL_SCGI,
                     .concurrency = 1 };

/* The clients there are; channel and board are those of one of them. */
static struct peer {
    int channel;
    struct slot_line *board;
} peers[2];
static uint32_t present;

/* Messages ----------------------------------------------------------------- */

static void receive(int fd, unsigned from)
{
    ck_assert_int_eq(wire_wait_readable(fd, PATIENCE_MS), 1);
    ck_assert_int_eq(wire_receive(fd, &m, from, NULL), 1);
}

static bool is_by_the_way(enum wire_type type)
{
    return type == MSG_WATCH || type == MSG_MEASURE || type == MSG_GREETED ||
           type == MSG_LIMITS;
}

void expect(int fd, unsigned from, enum wire_type type)
{
    do {
        receive(fd, from);
    } while (is_by_the_way(wire_type(&m)) && wire_type(&m) != type);
    ck_assert_str_eq(wire_type_name(wire_type(&m)), wire_type_name(type));
}

void expect_silence(int fd)
{
    while (wire_wait_readable(fd, 50) == 1) {
        receive(fd, FROM_ENGINE);
        ck_assert_msg(is_by_the_way(wire_type(&m)), "not silence but %s",
                      wire_type_name(wire_type(&m)));
    }
}

void begin(struct wire_message *out, enum wire_type type, uint32_t id)
{
    wire_message_init(out);
    wire_message_begin(out, type, id);
}

void finish(int fd, struct wire_message *out)
{
    ck_assert_int_eq(wire_send(fd, out), 0);
    wire_message_clear(out);
}

/* The master's part -------------------------------------------------------- */

void tell_start(void)
{
    struct wire_message out;

    begin(&out, MSG_START, 0);
    wire_put_u32(&out, FIELD_NUMBER, 0);
    finish(master, &out);
}

static void begin_client(struct wire_message *out, uint32_t number, uid_t uid)
{
    int ends[2];
    int fd;

    ck_assert_int_eq(wire_pair(ends), 0);
    channel = ends[1];
    ck_assert_int_eq(board_make(&fd), 0);
    ck_assert_int_eq(board_map(fd, &board), 0);
    begin(out, MSG_CLIENT_NEW, 0);
    wire_put_u32(out, FIELD_CLIENT, number);
    wire_put_u32(out, FIELD_PID, (uint32_t)getpid());
    wire_put_u32(out, FIELD_UID, uid);
    wire_put_fd(out, &ends[0]);
    wire_put_fd(out, &fd);
}

void tell_client(uint32_t number, uid_t uid)
{
    struct wire_message out;

    begin_client(&out, number, uid);
    finish(master, &out);
}

void tell_old_client(uint32_t generation)
{
    struct wire_message out;

    begin_client(&out, CLIENT, getuid());
    wire_put_u32(&out, FIELD_GENERATION, generation);
    wire_put_u32(&out, FIELD_LEASES, 1);
    finish(master, &out);
}

void tell_define(uint32_t app)
{
    struct wire_message out;

    begin(&out, MSG_DEFINE, 0);
    wire_put_u32(&out, FIELD_APP, app);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u32(&out, FIELD_TYPE, kind.type);
    wire_put_u32(&out, FIELD_PROTOCOL, kind.protocol);
    wire_put_u32(&out, FIELD_CONCURRENCY, kind.concurrency);
    wire_put_u32(&out, FIELD_SPAWN_METHOD, SPAWN_DIRECT);
    finish(master, &out);
}

void tell_adopted(uint32_t id)
{
    struct wire_message out;

    begin(&out, MSG_ADOPTED, id);
    wire_put_u32(&out, FIELD_APP, 0);
    wire_put_text(&out, FIELD_ROOT, ROOT);
    wire_put_u32(&out, FIELD_NUMBER, APP);
    finish(master, &out);
}

void tell_spawned(uint32_t process, pid_t pid)
{
    struct wire_message out;

    begin(&out, MSG_SPAWNED, 0);
    wire_put_u32(&out, FIELD_PROCESS, process);
    wire_put_u32(&out, FIELD_APP, APP);
    wire_put_u32(&out, FIELD_PID, (uint32_t)pid);
    finish(master, &out);
}

void tell_report(uint32_t process, const char *text)
{
    struct wire_message out;

    begin(&out, MSG_REPORTED, 0);
    wire_put_u32(&out, FIELD_PROCESS, process);
    wire_put_bytes(&out, FIELD_REPORT, text, strlen(text));
    finish(master, &out);
}

void tell_gone(uint32_t process, uint32_t status)
{
    struct wire_message out;

    begin(&out, MSG_GONE, 0);
    wire_put_u32(&out, FIELD_PROCESS, process);
    wire_put_u32(&out, FIELD_EXIT_STATUS, status);
    finish(master, &out);
}

int tell_connected(void)
{
    struct wire_message out;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                     0);
    begin(&out, MSG_CONNECTED, 0);
    wire_put_u32(&out, FIELD_CLIENT, wire_get_u32(&m, FIELD_CLIENT, 0));
    wire_put_u32(&out, FIELD_SLOT, wire_get_u32(&m, FIELD_SLOT, 0));
    wire_put_u32(&out, FIELD_PROCESS, wire_get_u32(&m, FIELD_PROCESS, 0));
    wire_put_fd(&out, &ends[0]);
    finish(master, &out);
    return ends[1];
}

/* The client's part -------------------------------------------------------- */

void ask(enum wire_type type, uint32_t id)
{
    struct wire_message out;

    begin(&out, type, id);
    finish(channel, &out);
}

void say_hello(void)
{
    ask(MSG_HELLO, 1);
}

void say_get(uint32_t id)
{
    struct wire_message out;

    begin(&out, MSG_GET, id);
    if (epoch != 0) {
        wire_put_u32(&out, FIELD_EPOCH, epoch);
    }
    wire_put_text(&out, FIELD_ROOT, ROOT);
    finish(channel, &out);
}

void say(enum wire_type type, uint32_t id, enum wire_field field,
                uint32_t value)
{
    struct wire_message out;

    begin(&out, type, id);
    wire_put_u32(&out, field, value);
    finish(channel, &out);
}

/* Fixtures ----------------------------------------------------------------- */

void setup_untold(void)
{
    int ends[2];

    wire_message_init(&m);
    ck_assert_int_eq(wire_pair(ends), 0);
    engine = fork();
    if (engine == 0) {
        dup2(ends[1], 3);
        close_range(4, ~0u, 0);
        _exit(engine_main());
    }
    fd_close(&ends[1]);
    master = ends[0];
    present = 0;
}

void setup(void)
{
    setup_untold();
    tell_start();
    tell_client(CLIENT, getuid());
}

void setup_greeted(void)
{
    setup();
    say_hello();
    expect(channel, FROM_ENGINE, MSG_WELCOME);
}

void setup_leasing(void)
{
    setup();
    say(MSG_HELLO, 1, FIELD_LEASES, 1);
    expect(channel, FROM_ENGINE, MSG_WELCOME);
}

void be_client(uint32_t number)
{
    peers[present] = (struct peer){ channel, board };
    present = number - CLIENT;
    channel = peers[present].channel;
    board = peers[present].board;
    if (board == NULL) {
        tell_client(number, getuid());
        say(MSG_HELLO, 1, FIELD_LEASES, 1);
        expect(channel, FROM_ENGINE, MSG_WELCOME);
    }
}

/* The engine ends by itself when its master is gone, leaking nothing (the
 * sanitizers make its exit status say so). */
void teardown(void)
{
    int status;

    wire_message_clear(&m);
    peers[present] = (struct peer){ channel, board };
    for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
        board_unmap(&peers[i].board);
        fd_close(&peers[i].channel);
    }
    fd_close(&master);
    ck_assert_int_eq(waitpid(engine, &status, 0), engine);
    ck_assert_int_eq(status, 0);
}

uint32_t get_up_to_spawn(void)
{
    say_get(2);
    expect(master, FROM_ENGINE, MSG_ADOPT);
    tell_define(APP);
    tell_adopted(wire_request_id(&m));
    expect(master, FROM_ENGINE, MSG_SPAWN);
    ck_assert_uint_eq(wire_get_u32(&m, FIELD_APP, 0), APP);
    return wire_get_u32(&m, FIELD_PROCESS, 0);
}

/* The process is up: it says so, or it accepts a probe. */
static void come_up(uint32_t process)
{
    char text[64];
    int probe;

    tell_spawned(process, 1234);
    snprintf(text, sizeof text, "SPAWN type=%u uid=5 user=games", kind.type);
    tell_report(process, text);
    if (app_type(kind.type)->reports) {
        tell_report(process, "READY");
    } else {
        expect(master, FROM_ENGINE, MSG_CONNECT);
        probe = tell_connected();
        expect(master, FROM_ENGINE, MSG_REVOKE);
        fd_close(&probe);
    }
    expect(master, FROM_ENGINE, MSG_READY);
}

int get_session(uint32_t *process_r, uint32_t *slot_r)
{
    int app;

    *process_r = get_up_to_spawn();
    come_up(*process_r);
    expect(master, FROM_ENGINE, MSG_CONNECT);
    app = tell_connected();
    expect(channel, FROM_ENGINE, MSG_OFFER);
    ck_assert_uint_eq(m.n_fds, 1);
    *slot_r = wire_get_u32(&m, FIELD_SLOT, BOARD_SLOTS);
    ck_assert(slot_apply(&board[*slot_r], SLOT_ACCEPT, NULL));
    return app;
}

void give_back(uint32_t slot, enum wire_type how)
{
    ck_assert(slot_apply(&board[slot],
                         how == MSG_CLOSED ? SLOT_BREAK : SLOT_RELEASE, NULL));
    say(how, 0, FIELD_SLOT, slot);
}

uint64_t word_of(uint32_t slot)
{
    return atomic_load(&board[slot].word);
}

void expect_word(uint32_t slot, enum slot_state state, bool wanted)
{
    for (int ms = 0; ms < PATIENCE_MS; ms++) {
        if (slot_state(word_of(slot)) == state &&
            slot_wanted(word_of(slot)) == wanted) {
            return;
        }
        wire_wait_readable(channel, 1);
    }
    ck_abort_msg("the word is %#llx", (unsigned long long)word_of(slot));
}

void expect_status(const char *part)
{
    char text[8192];
    ssize_t len;
    int fd;

    ask(MSG_STATUS, 8);
    expect(channel, FROM_ENGINE, MSG_STATUS_TEXT);
    fd = wire_take_fd(&m, 0);
    len = read(fd, text, sizeof text - 1);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
    fd_close(&fd);
}
