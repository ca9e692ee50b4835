/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_attacks.c - what somebody who has taken an httpd child over may try.
 */
#include "hostile.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "real_app.h"
#include "socket.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020 /* Linux 6.3 */
#endif

#define ATTACK_MS 700 /* an attack without an end of its own */

static bool is_of_client(unsigned type)
{
    static const unsigned senders[256] = {
#define SENDERS(number, name, from, must, may, fmin, fmax, says)              \
        [number] = (from),
        WIRE_MESSAGES(SENDERS)
#undef SENDERS
    };

    return (senders[type] & FROM_CLIENT) != 0;
}

/* Type by type, with headers that lie about each length. */
static void every_type_and_length(void)
{
    static const size_t lengths[] = { 0, 1, 11, 12, 13, 20, 24, 4096, 65536,
                                      150000 };
    static uint8_t bytes[150000];

    for (unsigned type = 0; type < 256; type++) {
        for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
            struct wire_header header = {
                .version = APPPOOL_WIRE_VERSION,
                .type = (uint8_t)type,
                .request_id = type,
                .length = (uint32_t)(lengths[i] - sizeof(header) + type % 2),
            };
            int fd = hostile_greet(NULL);

            memset(bytes, (int)type, sizeof(bytes));
            memcpy(bytes, &header, sizeof(header));
            hostile_send(fd, bytes, lengths[i], 0, 0);
            MUST(hostile_is_hung_up(fd) ||
                 (is_of_client(type) && lengths[i] == 12));
            fd_close(&fd);
        }
    }
}

static void put_anything(struct wire_message *m, wire_field_set set)
{
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        if ((set >> f & 1) != 0 &&
            wire_put_u32(m, (enum wire_field)f, 0xfffffff0u + f) < 0 &&
            wire_put_u64(m, (enum wire_field)f, UINT64_MAX) < 0 &&
            wire_put_bytes(m, (enum wire_field)f, "/%n\xff", 4) < 0) {
            wire_put_bytes(m, (enum wire_field)f, "a\0", 2);
        }
    }
}

/* Whole messages, of all senders, with absurd numbers. */
static void every_message_of_every_sender(void)
{
    static const struct {
        enum wire_type type;
        wire_field_set set;
    } all[] = {
#define WHOLE(number, name, from, must, may, fmin, fmax, says)                \
        { MSG_##name, (must) | (may) },
        WIRE_MESSAGES(WHOLE)
#undef WHOLE
    };
    struct wire_message m;

    wire_message_init(&m);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        for (unsigned n_fds = 0; n_fds < 4; n_fds++) {
            int fd = hostile_greet(NULL);

            wire_message_begin(&m, all[i].type, 5);
            put_anything(&m, all[i].set);
            hostile_send(fd, m.data, m.len, fd, n_fds);
            MUST(hostile_is_hung_up(fd) ||
                 (is_of_client(all[i].type) && n_fds == 0));
            fd_close(&fd);
        }
    }
    wire_message_clear(&m);
}

static void other_versions(void)
{
    for (unsigned version = 0; version < 256; version++) {
        struct wire_header header = { .version = (uint8_t)version,
                                      .type = MSG_PING };
        int fd = hostile_greet(NULL);

        hostile_send(fd, &header, sizeof(header), 0, 0);
        MUST(hostile_is_hung_up(fd) == (version != APPPOOL_WIRE_VERSION));
        fd_close(&fd);
    }
}

static bool can_open(pid_t pid, const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static bool is_of_our_user(pid_t pid)
{
    struct stat info;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
    return stat(path, &info) == 0 && info.st_uid == geteuid();
}

/* Memory, variables and descriptors of others, the server's and those of an
 * application whose sessions it was not lent. */
static void looks_into_processes(void)
{
    static const char *const names[] = { "mem", "environ", "fd", "root/" };

    for (size_t i = 0; i < 3; i++) {
        pid_t pid = hostile_victims[i];
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

        MUST(pidfd >= 0);
        for (size_t k = 0; k < 4 && !is_of_our_user(pid); k++) {
            MUST(!can_open(pid, names[k]));
        }
        MUST(is_of_our_user(pid) ||
             (kill(pid, SIGTERM) < 0 &&
              ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 &&
              syscall(SYS_pidfd_getfd, pidfd, 3, 0) < 0));
        close(pidfd);
    }
}

/* The board of a client is as large as it is, and the engine may write. */
static void sizes_and_seals_of_the_board(void)
{
    int fd = hostile_ask(HOSTILE_PATIENCE_MS), board;
    struct wire_message m;

    hostile_say_number(fd, MSG_HELLO, FIELD_GENERATION, 1);
    wire_message_init(&m);
    MUST(hostile_hear(fd, &m) && wire_type(&m) == MSG_WELCOME);
    board = wire_take_fd(&m, 0);
    MUST(ftruncate(board, 0) < 0 && ftruncate(board, 1 << 30) < 0);
    for (int seal = F_SEAL_SEAL; seal <= F_SEAL_EXEC; seal *= 2) {
        MUST(fcntl(board, F_ADD_SEALS, seal) < 0);
    }
    MUST(fallocate(board, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                   BOARD_SIZE) == 0);
    hostile_say_number(fd, MSG_GET, FIELD_APP, HOSTILE_BAIT);
    MUST(!hostile_is_hung_up(fd));
    fd_close(&board);
    wire_message_clear(&m);
}

static void before_hello(void)
{
    static const enum wire_type types[] = { MSG_GET, MSG_OPEN_CHANNEL,
                                            MSG_STATUS, MSG_PING, MSG_CANCEL,
                                            MSG_CLEAR };

    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        int fd = hostile_ask(HOSTILE_PATIENCE_MS);

        hostile_say(fd, types[i], 1);
        MUST(hostile_is_hung_up(fd));
        fd_close(&fd);
    }
}

static void second_hello_and_second_get(void)
{
    int fd = hostile_greet(NULL);

    hostile_say(fd, MSG_HELLO, 1234);
    MUST(hostile_is_hung_up(fd));
    fd_close(&fd);
    fd = hostile_greet(NULL);
    for (int i = 0; i < 50; i++) {
        hostile_say_number(fd, MSG_GET, FIELD_APP, HOSTILE_BAIT);
    }
    MUST(hostile_is_hung_up(fd));
    fd_close(&fd);
}

/* No slot was lent: nothing happens, and nobody else's is touched. */
static void slots_that_were_not_lent(void)
{
    int fd = hostile_greet(NULL);

    for (uint32_t slot = 0; slot < 2 * BOARD_SLOTS; slot++) {
        hostile_say_number(fd, MSG_RETURN, FIELD_SLOT, slot);
        hostile_say_number(fd, MSG_CLOSED, FIELD_SLOT, slot * 0x10001);
        hostile_say_number(fd, MSG_UPGRADED, FIELD_SLOT, slot);
        if (slot % 32 == 0) {
            MUST(!hostile_is_hung_up(fd));
        }
    }
    MUST(!hostile_is_hung_up(fd));
}

static void orders_on_a_plain_channel(void)
{
    static const enum wire_type plain[] = { MSG_CLEAR, MSG_GET_ACTIVE,
                                            MSG_GET_COUNT, MSG_RESTART,
                                            MSG_GET_SERVER_PID, MSG_CONFIG };
    static const enum wire_type numbered[] = { MSG_SET_MAX, MSG_DRAIN,
                                               MSG_SET_MAX_IDLE_TIME };
    struct wire_message m;
    int fd = hostile_greet(NULL);

    wire_message_init(&m);
    for (size_t i = 0; i < 9; i++) {
        if (i < 6) {
            hostile_say(fd, plain[i], 1);
        } else {
            hostile_say_number(fd, numbered[i - 6], FIELD_NUMBER, 1);
        }
        MUST(hostile_hear(fd, &m) && wire_type(&m) == MSG_REFUSED);
        MUST(wire_get_u32(&m, FIELD_STATUS, 0) == STATUS_DENIED);
    }
    for (size_t i = 0; i < 2; i++) {
        hostile_say_number(fd, i ? MSG_DETACH_PROCESS : MSG_BACKTRACE,
                           FIELD_PID, 1);
        MUST(hostile_hear(fd, &m) && wire_type(&m) == MSG_REFUSED);
    }
    wire_message_clear(&m);
}

static void words_at_the_rendezvous(void)
{
    char many[4096] = { 0 };
    int fd;

    for (int byte = 0; byte < 256; byte++) {
        many[0] = (char)byte;
        if (byte != RENDEZVOUS_CHANNEL) {
            hostile_send(hostile_rendezvous, many, 1, 0, 0);
        }
        hostile_send(hostile_rendezvous, many, 2, 0, 0);
        hostile_send(hostile_rendezvous, many, sizeof(many), 0, 200);
        hostile_send(hostile_rendezvous, many, 0, 0, 0);
        MUST(wire_wait_writable(hostile_rendezvous, HOSTILE_PATIENCE_MS) == 1);
    }
    fd = hostile_greet(NULL);
    MUST(!hostile_is_hung_up(fd));
}

static void gets_that_are_never_closed(void)
{
    const int64_t end = real_now_ms() + ATTACK_MS;
    int fds[HOSTILE_CHANNELS];
    unsigned n = hostile_open_channels(fds);

    MUST(n == HOSTILE_CHANNELS);
    for (unsigned i = 0; i < n; i++) {
        hostile_say_number(fds[i], MSG_GET, FIELD_APP, HOSTILE_BAIT);
    }
    poll(NULL, 0, (int)(end - real_now_ms())); /* and keeps all it got */
}

/* What was asked before has been answered when this is: twice, since the loop
 * may have read it among the first of a turn. */
static void wait_for_a_turn(int fd)
{
    struct wire_message m;

    wire_message_init(&m);
    for (int i = 0; i < 2; i++) {
        hostile_say(fd, MSG_STATUS, 1);
        MUST(hostile_hear(fd, &m));
    }
    wire_message_clear(&m);
}

/* Each holds a descriptor in flight, against a limit that all share. */
static void answers_that_are_never_read(void)
{
    int fds[HOSTILE_CHANNELS], clock = hostile_greet(NULL);
    unsigned n = hostile_open_channels(fds);

    for (int round = 0; round < 60; round++) {
        for (unsigned i = 1; i < n; i++) {
            hostile_say(fds[i], MSG_STATUS, 1);
        }
        wait_for_a_turn(clock);
    }
    for (unsigned i = 1; i < n; i++) {
        struct wire_message m;
        unsigned heard = 0;

        wire_message_init(&m);
        while (wire_receive(fds[i], &m, FROM_ENGINE, NULL) == 1) {
            heard++;
        }
        wire_message_clear(&m);
        MUST(heard < 40);
    }
}

static void more_asked_than_answered(void)
{
    const int64_t end = real_now_ms() + ATTACK_MS;
    int fds[HOSTILE_CHANNELS];

    while (real_now_ms() < end) {
        unsigned n = hostile_open_channels(fds);

        for (unsigned i = 0; i < 200 * n; i++) {
            hostile_say(fds[i % n], i % 200 == 199 ? MSG_STATUS : MSG_PING, 1);
        }
        for (unsigned i = 0; i < n; i++) {
            fd_close(&fds[i]);
        }
    }
}

static void clients_without_end(void)
{
    int fds[HOSTILE_CLIENTS + 1];

    for (int i = 0; i < HOSTILE_CLIENTS; i++) {
        fds[i] = hostile_greet(NULL);
    }
    fds[HOSTILE_CLIENTS] = hostile_ask(300);
    MUST(fds[HOSTILE_CLIENTS] < 0);
}

static void half_messages(void)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_GET, 3);
    wire_put_u32(&m, FIELD_APP, HOSTILE_BAIT);
    wire_put_text(&m, FIELD_ROOT, "/");
    for (size_t len = 0; len < m.len; len++) {
        int fd = hostile_greet(NULL);

        hostile_send(fd, m.data, len, 0, 0);
        MUST(hostile_is_hung_up(fd));
        fd_close(&fd);
    }
    wire_message_clear(&m);
}

static void spoil(struct slot_line *board, unsigned *seed)
{
    for (unsigned k = 0; k < 64; k++) {
        uint64_t word = ((uint64_t)(unsigned)rand_r(seed) << 32) |
                        (unsigned)rand_r(seed);

        atomic_store(&board[k].word, rand_r(seed) % 2 ? word : word % 8);
    }
    for (size_t i = 0; i < NOTE_BYTES; i += 4) {
        unsigned noise = (unsigned)rand_r(seed);

        memcpy((char *)board_note(board, 0) + i, &noise, sizeof(noise));
    }
}

/* A board full of noise, beside GETs and all that may follow. */
static void noise_on_the_board(void)
{
    const int64_t end = real_now_ms() + 2 * ATTACK_MS;
    struct slot_line *board = NULL;
    unsigned seed = 1;
    int fd = -1;

    while (real_now_ms() < end) {
        struct pollfd poller = { .events = POLLIN };
        struct wire_message m;

        if (fd < 0) {
            fd = hostile_greet(&board);
        }
        hostile_say_number(fd, MSG_GET, FIELD_APP, HOSTILE_BAIT);
        for (int i = 0; i < 10; i++) {
            spoil(board, &seed);
            hostile_say_number(fd, rand_r(&seed) % 2 ? MSG_RETURN : MSG_CLOSED,
                       FIELD_SLOT, (uint32_t)(rand_r(&seed) % 4));
        }
        hostile_say(fd, MSG_STATUS, 4);
        hostile_say(fd, MSG_CANCEL, 7);
        wire_message_init(&m);
        poller.fd = fd;
        while (poll(&poller, 1, 2) == 1 && fd >= 0) {
            if (wire_receive(fd, &m, FROM_ENGINE, NULL) != 1) {
                fd_close(&fd);
                board_unmap(&board);
            }
        }
        wire_message_clear(&m);
    }
}

/* Roots ------------------------------------------------------------------- */

/* False: the server has hung up instead of refusing. */
static bool is_refused(int fd, const void *root, size_t len)
{
    struct wire_message m;
    bool answered;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_GET, 3);
    wire_put_u32(&m, FIELD_APP, HOSTILE_TEMPLATE);
    MUST(wire_put_bytes(&m, FIELD_ROOT, root, len) == 0);
    MUST(wire_send(fd, &m) == 0);
    answered = hostile_hear(fd, &m);
    MUST(!answered || wire_type(&m) == MSG_REFUSED);
    wire_message_clear(&m);
    return answered;
}

void hostile_roots_outside(void)
{
    static const char *const ends[] = {
        "/outside", "/admitted", "/admitted/", "/admitted/../outside",
        "/admitted/link", "/admitted/link/", "/admitted/./link",
        "/admitted/nothing", "/outside/../admitted/link",
        "/admitted/a\nb", "/admitted/%2e%2e/outside", "//outside",
    };
    static const char *const whole[] = { "/", ".", "outside", "../outside",
                                         "/proc/self/root", "/dev/fd/0" };
    static char lengthy[WIRE_MAX_ROOT];
    int fd = hostile_greet(NULL);

    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        char root[256];

        snprintf(root, sizeof(root), "%s%s", hostile_folder, ends[i]);
        MUST(is_refused(fd, root, strlen(root)));
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        MUST(is_refused(fd, whole[i], strlen(whole[i])));
    }
    memset(lengthy, '/', sizeof(lengthy));
    MUST(is_refused(fd, lengthy, sizeof(lengthy)));
    memset(lengthy, 'a', sizeof(lengthy));
    MUST(is_refused(fd, lengthy, sizeof(lengthy)));
}

/* What no encoder of ours would put in a message. */
static void roots_that_are_no_texts(void)
{
    static const size_t lengths[] = { WIRE_MAX_ROOT + 1, 65536, 150000,
                                      10 * 1024 * 1024 };
    uint8_t *bytes = calloc(1, 11 * 1024 * 1024);
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_GET, 3);
    wire_put_u32(&m, FIELD_APP, HOSTILE_TEMPLATE);
    wire_put_text(&m, FIELD_ROOT, "/srv/abcdefg");
    for (size_t i = 0; i < 1 + sizeof(lengths) / sizeof(*lengths); i++) {
        int fd = hostile_greet(NULL);
        size_t len = m.len;

        memcpy(bytes, m.data, m.len);
        if (i == 0) {
            bytes[m.offset[FIELD_ROOT] + 4] = 0; /* a NUL in it */
        } else {
            uint32_t says = (uint32_t)lengths[i - 1];

            memcpy(bytes + m.offset[FIELD_ROOT] - 4, &says, 4);
            memset(bytes + m.offset[FIELD_ROOT], 'a', says);
            len = (m.offset[FIELD_ROOT] + says + 4) & ~(size_t)3;
            says = (uint32_t)(len - sizeof(struct wire_header));
            memcpy(bytes + offsetof(struct wire_header, length), &says, 4);
        }
        hostile_send(fd, bytes, len, 0, 0);
        /* The kernel itself does not take 10 MB in one packet. */
        MUST(hostile_is_hung_up(fd) || len > 1024 * 1024);
        fd_close(&fd);
    }
    wire_message_clear(&m);
    free(bytes);
}

void hostile_lines_for_the_log(void)
{
    for (int i = 0; i < 500; i++) {
        int fd = hostile_greet(NULL);

        hostile_send(fd, "?", 1, 0, 0);
        MUST(hostile_is_hung_up(fd));
        fd_close(&fd);
    }
}

const struct hostile_attack hostile_attacks[] = {
    { every_type_and_length, "its channels are closed" },
    { every_message_of_every_sender, "its channels are closed" },
    { other_versions, "another version" },
    { looks_into_processes, NULL },
    { sizes_and_seals_of_the_board, NULL },
    { before_hello, "a message before HELLO" },
    { second_hello_and_second_get, "a second GET" },
    { slots_that_were_not_lent, NULL },
    { orders_on_a_plain_channel, NULL },
    { words_at_the_rendezvous, "refused, not one of those who may" },
    { gets_that_are_never_closed, NULL },
    { answers_that_are_never_read, "what was sent before is unread" },
    { more_asked_than_answered, NULL },
    { clients_without_end, "asked for a channel and got none" },
    { half_messages, "another length than it says" },
    { noise_on_the_board, NULL },
    { roots_that_are_no_texts, "a NUL in a text" },
    { NULL, NULL },
};
