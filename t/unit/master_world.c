/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_world.c - see master_world.h.
 */
#include "master_world.h"

#include <apr_general.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_link.h"
#include "gate.h"
#include "leaks.h"
#include "processes.h"
#include "program.h"
#include "reaper.h"

#define MAX_TURNS 2000 /* of 10 ms */

struct world world;

static apr_pool_t *pool;
static char spawn_server[96];

static void open_link(void)
{
    int ends[2];

    ck_assert_int_eq(wire_pair(ends), 0);
    ck_assert_int_eq(engine_link_open(world.m, &ends[0]), 0);
    world.engine = ends[1];
}

static int open_gate(enum gate_kind kind)
{
    int ends[2];

    ck_assert_int_eq(wire_pair(ends), 0);
    ck_assert_int_eq(gate_open(world.m, kind, ends[0]), 0);
    return ends[1];
}

void world_begin(void)
{
    struct master_options options = { .spawn_server = spawn_server,
                                      .admin = true };

    leaks_begin();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    options.runtime_dir = world.folder = program_scratch();
    world.m = master_new(&options, pool);
    ck_assert_ptr_nonnull(world.m);
    world.m->parent = getpid();
    wire_message_init(&world.in);
    open_link();
    world.gate = open_gate(GATE_CLIENTS);
    world.admin = open_gate(GATE_ADMIN);
}

static void end_children(void)
{
    for (int i = 0; i < MAX_TURNS && reaper_kill_children(world.m) > 0; i++) {
        world_turn();
    }
}

static void assert_folder_is_empty(void)
{
    unlink(spawn_server);
    ck_assert_int_eq(rmdir(world.folder), 0);
}

void world_end(void)
{
    end_children();
    master_free(&world.m);
    wire_message_clear(&world.in);
    fd_close(&world.engine);
    fd_close(&world.gate);
    fd_close(&world.admin);
    apr_pool_destroy(pool);
    apr_terminate();
    assert_folder_is_empty();
    leaks_end();
}

void world_set_spawn_server(const char *body)
{
    FILE *file;

    snprintf(spawn_server, sizeof(spawn_server), "%s/spawn", world.folder);
    file = fopen(spawn_server, "we");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "#!/bin/sh\n%s\n", body);
    fclose(file);
    ck_assert_int_eq(chmod(spawn_server, 0755), 0);
}

void world_turn(void)
{
    loop_turn(world.m->loop, 10000);
    reaper_run(world.m);
}

struct wire_message *world_expect(enum wire_type type)
{
    const char *why = "";
    int rc = -EAGAIN;

    for (int i = 0; i < MAX_TURNS && rc == -EAGAIN; i++) {
        rc = wire_receive(world.engine, &world.in, FROM_MASTER, &why);
        if (rc == -EAGAIN) {
            world_turn();
        }
    }
    ck_assert_msg(rc == 1, "no %s: %d %s", wire_type_name(type), rc, why);
    ck_assert_str_eq(wire_type_name(wire_type(&world.in)),
                     wire_type_name(type));
    return &world.in;
}

uint32_t world_field(enum wire_field field)
{
    return wire_get_u32(&world.in, field, 0);
}

void world_expect_report(uint32_t process, const char *text)
{
    size_t len;
    const char *bytes;

    world_expect(MSG_REPORTED);
    bytes = wire_get_text(&world.in, FIELD_REPORT, &len);
    ck_assert_uint_eq(world_field(FIELD_PROCESS), process);
    ck_assert_msg(len == strlen(text) && memcmp(bytes, text, len) == 0,
                  "reported \"%.*s\", not \"%s\"", (int)len, bytes, text);
}

void world_expect_gone(uint32_t process)
{
    world_expect(MSG_GONE);
    ck_assert_uint_eq(world_field(FIELD_PROCESS), process);
}

void world_expect_spawn_error(uint32_t number, int error, const char *part)
{
    world_expect(MSG_SPAWN_ERROR);
    ck_assert_uint_eq(world_field(FIELD_PROCESS), number);
    ck_assert_uint_eq(world_field(FIELD_STATUS), (uint32_t)error);
    ck_assert_ptr_nonnull(
        strstr(wire_get_text(&world.in, FIELD_MESSAGE, NULL), part));
    ck_assert_ptr_null(process_find(world.m, number));
}

void world_expect_connect_error(uint32_t client, uint32_t slot,
                                uint32_t process, int error)
{
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, slot,
              FIELD_PROCESS, process, 0);
    world_expect(MSG_CONNECT_ERROR);
    ck_assert_uint_eq(world_field(FIELD_CLIENT), client);
    ck_assert_uint_eq(world_field(FIELD_SLOT), slot);
    ck_assert_uint_eq(world_field(FIELD_PROCESS), process);
    ck_assert_uint_eq(world_field(FIELD_STATUS), (uint32_t)error);
}

bool world_is_at_end(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

void world_expect_nothing(void)
{
    for (int i = 0; i < 10; i++) {
        world_turn();
        ck_assert_int_eq(wire_wait_readable(world.engine, 0), 0);
    }
}

void world_say(enum wire_type type, ...)
{
    struct wire_message msg;
    va_list args;
    int field;

    wire_message_init(&msg);
    wire_message_begin(&msg, type, 7);
    va_start(args, type);
    while ((field = va_arg(args, int)) != 0) {
        if (field == FIELD_ROOT || field == FIELD_LOWEST_USER) {
            wire_put_text(&msg, (enum wire_field)field,
                          va_arg(args, const char *));
        } else {
            wire_put_u32(&msg, (enum wire_field)field, va_arg(args, uint32_t));
        }
    }
    va_end(args);
    ck_assert_int_eq(wire_send(world.engine, &msg), 0);
    wire_message_clear(&msg);
    world_turn();
}

void world_replace_engine(void)
{
    engine_link_close(world.m);
    fd_close(&world.engine);
    open_link();
}

int world_ask(int gate, char byte)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char answer;
    struct iovec part = { .iov_base = &answer, .iov_len = 1 };
    struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1,
                          .msg_control = control.bytes,
                          .msg_controllen = sizeof(control.bytes) };
    int fd;

    ck_assert_int_eq(send(gate, &byte, 1, MSG_NOSIGNAL), 1);
    for (int i = 0; i < 5; i++) {
        world_turn();
    }
    if (recvmsg(gate, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != 1 ||
        CMSG_FIRSTHDR(&msg) == NULL) {
        return -1;
    }
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
    return fd;
}

uint32_t world_client(int *channel_r)
{
    *channel_r = world_ask(world.gate, RENDEZVOUS_CHANNEL);
    ck_assert_int_ge(*channel_r, 0);
    world_expect(MSG_CLIENT_NEW);
    return wire_get_u32(&world.in, FIELD_CLIENT, 0);
}

uint32_t world_definition(void)
{
    world_say(MSG_ADOPT, FIELD_APP, 0, FIELD_ROOT, "/srv/app", 0);
    world_expect(MSG_DEFINE);
    world_expect(MSG_ADOPTED);
    return wire_get_u32(&world.in, FIELD_NUMBER, 0);
}

uint32_t world_process(const char *script)
{
    uint32_t app = world_definition();
    uint32_t number = world.m->last_process + 1;

    world_set_spawn_server(script);
    world_say(MSG_SPAWN, FIELD_PROCESS, number, FIELD_APP, app, 0);
    world_expect(MSG_SPAWNED);
    ck_assert_uint_eq(wire_get_u32(&world.in, FIELD_PROCESS, 0), number);
    return number;
}

void world_in_child(void (*f)(void))
{
    int status = 0;
    pid_t pid = fork();
    siginfo_t info = { .si_pid = 0 };

    if (pid == 0) {
        f();
        _exit(0);
    }
    for (int i = 0; i < MAX_TURNS && info.si_pid == 0; i++) {
        loop_turn(world.m->loop, 10000);
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
