/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_hostile.c - an engine that somebody has taken over says to the
 * master whatever the tables let through: absurd numbers, others' numbers,
 * anything twice. Nothing happens but to what it was told of.
 */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients.h"
#include "config.h"
#include "log.h"
#include "master_world.h"
#include "processes.h"
#include "program.h"

#define ROUNDS     8000
#define MAX_SPAWNS 300  /* one in sixteen of them has the right number */

static unsigned seed = 1;

static unsigned any(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static uint32_t any_number(void)
{
    const uint32_t all[] = { 0, 1, 2, 3, 4, 7, 255, 256, 65536, UINT32_MAX,
                             INT32_MAX, FIRST_ADOPTED, FIRST_ADOPTED + 1,
                             (uint32_t)getpid(), (uint32_t)getppid(),
                             world.m->last_process + 1 };

    return all[any(sizeof(all) / sizeof(*all))];
}

static const char *any_text(size_t *len_r)
{
    static const char *const all[] = { "", "/", "/srv/app", "../x", "root",
                                       "/proc/self/root", "%n%s\xff", "\n" };
    const char *text = all[any(sizeof(all) / sizeof(*all))];

    *len_r = strlen(text);
    return text;
}

static void put_any(struct wire_message *m, enum wire_field f)
{
    size_t len;
    const char *text = any_text(&len);

    if (wire_put_u32(m, f, any_number()) < 0 &&
        wire_put_u64(m, f, any_number() * UINT64_C(0x100000001)) < 0) {
        wire_put_bytes(m, f, text, len);
    }
}

static const struct kind {
    enum wire_type type;
    unsigned senders;
    wire_field_set needs, takes;
} kinds[] = {
#define KIND(number, name, from, must, may, fmin, fmax, says)                 \
    { MSG_##name, (from), (must), (may) },
    WIRE_MESSAGES(KIND)
#undef KIND
};

static const struct kind *any_kind(void)
{
    static unsigned n_spawns;
    const struct kind *kind;

    do {
        kind = &kinds[any(sizeof(kinds) / sizeof(*kinds))];
        n_spawns += kind->type == MSG_SPAWN || kind->type == MSG_FORK;
    } while ((kind->senders & FROM_ENGINE) == 0 ||
             ((kind->type == MSG_SPAWN || kind->type == MSG_FORK) &&
              n_spawns > MAX_SPAWNS));
    return kind;
}

static void say_anything(void)
{
    const struct kind *kind = any_kind();
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, kind->type, any_number());
    for (unsigned f = 1; f < FIELD_COUNT; f++) {
        if ((kind->needs >> f & 1) != 0 ||
            ((kind->takes >> f & 1) != 0 && any(2) == 0)) {
            put_any(&m, (enum wire_field)f);
        }
    }
    if (kind->type == MSG_STATUS_TEXT || kind->type == MSG_CHANNEL) {
        int fd = dup(STDERR_FILENO);

        wire_put_fd(&m, &fd);
    }
    wire_send(world.engine, &m); /* what the tables forbid it is not sent */
    wire_message_clear(&m);
}

static void hear_all(void)
{
    int rc = 1;

    while (rc == 1) {
        rc = wire_receive(world.engine, &world.in, FROM_MASTER, NULL);
    }
    ck_assert_int_eq(rc, -EAGAIN);
}

START_TEST(a_lying_engine_moves_only_what_it_was_told_of)
{
    uint32_t other = world_process("exec sleep 1000");
    pid_t pid = process_find(world.m, other)->pid;
    int channel, another;

    world_client(&channel);
    for (int i = 0; i < ROUNDS; i++) {
        say_anything();
        world_turn();
        hear_all();
    }
    ck_assert_uint_le(apr_hash_count(world.m->clients), 1);
    ck_assert_uint_le(apr_hash_count(world.m->adopted), MAX_ADOPTED);
    ck_assert_uint_eq(world.m->current.number, 0);
    ck_assert_uint_le(world.m->last_process, other + MAX_SPAWNS);
    ck_assert_uint_gt(world.m->last_process, other);
    ck_assert(process_find(world.m, other) == NULL || kill(pid, 0) == 0);
    ck_assert_uint_gt(world_client(&another), 0);
    close(channel);
    close(another);
}
END_TEST

static unsigned count_lines(int fd)
{
    char text[65536];
    ssize_t len = pread(fd, text, sizeof(text), 0);
    unsigned n = 0;

    for (ssize_t i = 0; i < len; i++) {
        n += text[i] == '\n';
    }
    return n;
}

START_TEST(what_makes_no_sense_is_told_of_a_few_times)
{
    int fd = memfd_create("log", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    log_to(fd);
    for (int i = 0; i < ROUNDS / 10; i++) {
        ck_assert_int_eq(send(world.engine, "nonsense", 8, MSG_NOSIGNAL), 8);
        world_turn();
    }
    log_to(-1);
    ck_assert_uint_gt(count_lines(fd), 0);
    ck_assert_uint_le(count_lines(fd), 2 * LOG_QUOTA_LINES);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master: hostile engine");
    TCase *c = program_case(suite, "engine", world_begin, world_end);

    tcase_add_test(c, a_lying_engine_moves_only_what_it_was_told_of);
    tcase_add_test(c, what_makes_no_sense_is_told_of_a_few_times);
    return program_run(suite);
}
