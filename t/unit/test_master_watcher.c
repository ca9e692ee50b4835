/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_watcher.c - a watcher that somebody has taken over says to the
 * master whatever it likes, as fast as it can; what it is given to read.
 */
#include <check.h>
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "master_world.h"
#include "processes.h"
#include "program.h"
#include "watcher_keeper.h"

#define ROUNDS 50

static int watcher; /* its end */
static struct wire_message heard; /* there */

static void setup(void)
{
    int ends[2];

    world_begin();
    ck_assert_int_eq(wire_pair(ends), 0);
    ck_assert_int_eq(watcher_keeper_listen(world.m, &ends[0]), 0);
    watcher = ends[1];
    wire_message_init(&heard);
}

static void teardown(void)
{
    fd_close(&watcher);
    wire_message_clear(&heard);
    world_end();
}

static void begin_seen(struct wire_message *m, uint32_t app)
{
    wire_message_init(m);
    wire_message_begin(m, MSG_SEEN, 0);
    wire_put_u32(m, FIELD_APP, app);
    wire_put_u32(m, FIELD_NUMBER, SEEN_RESTART);
}

/* As much as goes into the socket; how many. */
static unsigned say_much(void)
{
    struct wire_message m;
    unsigned n = 0;

    begin_seen(&m, 1);
    while (wire_send(watcher, &m) == 0) {
        n++;
    }
    wire_message_clear(&m);
    return n;
}

static unsigned hear_all(void)
{
    unsigned n = 0;

    while (wire_receive(world.engine, &world.in, FROM_MASTER, NULL) == 1) {
        ck_assert_str_eq(wire_type_name(wire_type(&world.in)), "SEEN");
        n++;
    }
    return n;
}

/* With an engine that takes nothing the rest waits in the watcher's socket. */
START_TEST(a_flood_of_the_watchers_takes_no_memory_of_the_master)
{
    unsigned said = 0, n;

    for (int i = 0; i < ROUNDS; i++) {
        said += say_much();
        loop_turn(world.m->loop, 0);
    }
    ck_assert_uint_eq(say_much(), 0);
    n = hear_all();
    for (int i = 0; i < ROUNDS && n < said; i++) {
        world_turn();
        n += hear_all();
    }
    ck_assert_uint_eq(n, said);
}
END_TEST

START_TEST(others_get_their_turn_in_a_flood_of_the_watchers)
{
    int channel;

    for (int i = 0; i < ROUNDS; i++) {
        unsigned n;

        say_much();
        loop_turn(world.m->loop, 0);
        n = hear_all();
        ck_assert_uint_gt(n, 0);
        ck_assert_uint_le(n, 100);
    }
    do {
        world_turn();
    } while (hear_all() > 0);
    ck_assert_uint_gt(world_client(&channel), 0);
    close(channel);
}
END_TEST

static void send_with_descriptors(const struct wire_message *m)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(3 * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = (void *)(uintptr_t)m->data,
                          .iov_len = m->len };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    const int fds[3] = { 0, 1, 2 };

    control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fds)),
                                      .cmsg_level = SOL_SOCKET,
                                      .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
    ck_assert_int_gt(sendmsg(watcher, &msg, MSG_NOSIGNAL), 0);
}

START_TEST(what_is_not_the_watchers_to_say_goes_nowhere)
{
    uint32_t number = world_process("exec sleep 1000");
    pid_t pid = process_find(world.m, number)->pid;
    struct wire_message m;

    for (unsigned type = 0; type < 256; type++) {
        begin_seen(&m, 1);
        ((struct wire_header *)m.data)->type = (uint8_t)type;
        if (type == MSG_SEEN) {
            send_with_descriptors(&m);
        } else {
            ck_assert_int_gt(send(watcher, m.data, m.len, MSG_NOSIGNAL), 0);
        }
        ck_assert_int_gt(send(watcher, m.data, type % m.len + 1, MSG_NOSIGNAL),
                         0);
        wire_message_clear(&m);
        world_turn();
    }
    world_expect_nothing();
    ck_assert_int_eq(kill(pid, 0), 0);
    ck_assert_ptr_nonnull(process_find(world.m, number));
}
END_TEST

START_TEST(the_end_of_a_watcher_in_mid_flood_is_no_flood)
{
    say_much();
    fd_close(&watcher);
    for (int i = 0; i < ROUNDS; i++) {
        world_turn();
        hear_all();
    }
    ck_assert_ptr_null(world.m->watcher_watch);
}
END_TEST

static void expect_measure(uint32_t number)
{
    int rc = -EAGAIN;

    for (int i = 0; i < ROUNDS && rc == -EAGAIN; i++) {
        world_turn();
        rc = wire_receive(watcher, &heard, FROM_MASTER, NULL);
    }
    ck_assert_int_eq(rc, 1);
    ck_assert_int_eq(wire_type(&heard), MSG_MEASURE);
    ck_assert_uint_eq(wire_get_u32(&heard, FIELD_PROCESS, 0), number);
    ck_assert_uint_eq(heard.n_fds, 2);
}

static const char *text_of(unsigned i)
{
    static char text[4096];
    ssize_t n = read(heard.fds[i], text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* It could not open them itself. A size of before an execve(2) is gone. */
START_TEST(a_watcher_gets_what_is_to_be_read_of_a_process)
{
    uint32_t number = world_process("exec sleep 1000");
    bool is_told = false;

    for (int i = 0; i < 1000 && !is_told; i++) {
        world_say(MSG_MEASURE, FIELD_PROCESS, number, 0);
        expect_measure(number);
        ck_assert_int_eq(atoi(text_of(0)), process_find(world.m, number)->pid);
        is_told = strstr(text_of(1), "Pss:") != NULL;
    }
    ck_assert(is_told);
    world_say(MSG_MEASURE, FIELD_PROCESS, number + 1, 0);
    world_turn();
    ck_assert_int_eq(wire_wait_readable(watcher, 0), 0);
}
END_TEST

static void use_capabilities(bool all)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };
    struct __user_cap_data_struct data[2];

    ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
    for (unsigned i = 0; i < 2; i++) {
        data[i].effective = all ? data[i].permitted : 0;
    }
    ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
}

/* A container's root may not look into other users' memory. */
START_TEST(where_it_is_refused_the_size_comes_without_the_proportional_one)
{
    uint32_t number = world_process("exec setpriv --reuid 65534 sleep 1000");
    pid_t pid = process_find(world.m, number)->pid;
    struct stat info = { .st_uid = 0 };
    const char *text;
    char path[40];

    snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
    for (int i = 0; i < 1000 && info.st_uid != 65534; i++) {
        world_turn();
        ck_assert_int_eq(stat(path, &info), 0);
    }
    use_capabilities(false);
    world_say(MSG_MEASURE, FIELD_PROCESS, number, 0);
    expect_measure(number);
    use_capabilities(true);
    text = text_of(1);
    ck_assert_uint_ge(strlen(text), strlen("1 1 1 1 0 1 0\n"));
    ck_assert_uint_eq(strspn(text, "0123456789 \n"), strlen(text));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master: hostile watcher");
    TCase *c = program_case(suite, "watcher", setup, teardown);

    tcase_add_test(c, a_flood_of_the_watchers_takes_no_memory_of_the_master);
    tcase_add_test(c, others_get_their_turn_in_a_flood_of_the_watchers);
    tcase_add_test(c, what_is_not_the_watchers_to_say_goes_nowhere);
    tcase_add_test(c, the_end_of_a_watcher_in_mid_flood_is_no_flood);
    tcase_add_test(c, a_watcher_gets_what_is_to_be_read_of_a_process);
    if (geteuid() == 0) {
        tcase_add_test(
            c, where_it_is_refused_the_size_comes_without_the_proportional_one);
    }
    return program_run(suite);
}
