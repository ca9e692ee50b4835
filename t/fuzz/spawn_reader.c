/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn_reader.c - see spawn_reader.h.
 */
#include "spawn_reader.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "input.h"
#include "landlock.h"
#include "namespaces.h"
#include "socket.h"
#include "spawn.h"

#define PACKET_MAX 8192 /* of a report, as the master reads them */

static struct {
    bool runs;
    bool is_root;
    bool reported;        /* why it ends */
    jmp_buf end;
    const uint8_t *bytes; /* its standard input */
    size_t len;
    struct spawn *spawn;  /* NULL: it has not come so far */
} now;

/* In the place of calls (ld --wrap) ---------------------------------------- */

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
int __wrap_execvp(const char *file, char *const argv[]);
uid_t __wrap_geteuid(void);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_fchdir(int fd);
int __wrap_faccessat(int folder, const char *path, int mode, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);
int __wrap_dup2(int from, int to);
int __wrap_fcntl(int fd, int command, ...);

ssize_t __wrap_read(int fd, void *to, size_t size)
{
    size_t n = now.len < size ? now.len : size;

    if (!now.runs) {
        return __real_read(fd, to, size);
    }
    memcpy(to, now.bytes, n);
    now.bytes += n;
    now.len -= n;
    return (ssize_t)n;
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    (void)fd;
    (void)flags;
    assert(len <= PACKET_MAX && memchr(bytes, '\0', len) == NULL);
    now.reported |= len > 6 && memcmp(bytes, "ERROR ", 6) == 0;
    return (ssize_t)len;
}

/* Whoever fails has said why; a preloader of what cannot be one has not. */
void __wrap__exit(int status)
{
    if (!now.runs) {
        __real__exit(status);
    }
    assert(now.reported == (status != 0));
    longjmp(now.end, 1);
}

static bool has_same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len) == 0 && b[len] == '=';
}

static void check_environment_made(void)
{
    char **one, **other;

    for (one = environ; *one != NULL; one++) {
        assert(strchr(*one, '=') != NULL);
        for (other = one + 1; *other != NULL; other++) {
            assert(!has_same_name(*one, *other));
        }
    }
    assert(getenv("USER") != NULL && getenv("LOGNAME") != NULL);
    assert(strcmp(getenv("USER"), getenv("LOGNAME")) == 0);
}

int __wrap_execvp(const char *file, char *const argv[])
{
    assert(file == argv[0]);
    check_environment_made();
    errno = ENOENT;
    return -1;
}

uid_t __wrap_geteuid(void)
{
    return now.is_root ? 0 : 1;
}

/* What the program would have as its standard input is not needed. */
int __wrap_open(const char *path, int flags, ...)
{
    if (now.runs && strcmp(path, "/dev/null") == 0) {
        return STDIN_FILENO;
    }
    return __real_open(path, flags, 0600);
}

int __wrap_fchdir(int fd)
{
    (void)fd;
    return 0;
}

int __wrap_faccessat(int folder, const char *path, int mode, int flags)
{
    (void)folder;
    (void)mode;
    (void)flags;
    errno = EACCES;
    return path[0] == '/' ? 0 : -1;
}

int __wrap_close_range(unsigned first, unsigned last, int flags)
{
    (void)first;
    (void)last;
    (void)flags;
    return 0;
}

int __wrap_dup2(int from, int to)
{
    (void)from;
    return to;
}

int __wrap_fcntl(int fd, int command, ...)
{
    (void)fd;
    (void)command;
    return 0;
}

void __wrap_namespaces_enter(struct spawn *spawn);
void __wrap_cgroup_enter(const struct spawn *spawn);
void __wrap_landlock_enter(const struct spawn *spawn);
void __wrap_become_user(const struct spawn *spawn);

void __wrap_namespaces_enter(struct spawn *spawn)
{
    now.spawn = spawn;
    spawn->root_fd = -1;
    assert(memchr(spawn->isolation.cgroup, '\0',
                  sizeof(spawn->isolation.cgroup)) != NULL);
}

void __wrap_cgroup_enter(const struct spawn *spawn)
{
    (void)spawn;
}

void __wrap_landlock_enter(const struct spawn *spawn)
{
    (void)spawn;
}

void __wrap_become_user(const struct spawn *spawn)
{
    assert(!now.is_root || spawn->uid != 0);
}

/* What it would have kept until its end is no leak. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* Inputs ------------------------------------------------------------------- */

static void put_needed(struct wire_message *m)
{
    if (wire_type(m) == MSG_CONFIGURE) {
        wire_put_u32(m, FIELD_GENERATION, 1);
        wire_put_u32(m, FIELD_MAX, 6);
        wire_put_u32(m, FIELD_MAX_IDLE_S, 300);
    } else {
        wire_put_u32(m, FIELD_APP, 1);
        wire_put_u32(m, FIELD_TYPE, TYPE_COMMAND);
        wire_put_text(m, FIELD_ROOT, "/usr/lib");
    }
}

/* As in the memfd that the master makes: one message, then the other. */
static uint8_t *compose(struct input *in, size_t *len_r)
{
    static const enum wire_type types[] = {MSG_CONFIGURE, MSG_DEFINE};
    uint8_t *bytes = malloc(2 * (WIRE_MAX_PAYLOAD + 64));

    assert(bytes != NULL);
    *len_r = 0;
    for (int i = 0; i < 2; i++) {
        struct wire_message m;

        wire_message_init(&m);
        wire_message_begin(&m, types[i], 0);
        input_fields(in, &m);
        put_needed(&m);
        memcpy(bytes + *len_r, m.data, m.len);
        *len_r += m.len;
        wire_message_clear(&m);
    }
    return bytes;
}

/* Texts that it was to keep until it executes stay: the fuzzer looks for no
 * leaks. */
static void forget(void)
{
    if (now.spawn != NULL) {
        fd_close(&now.spawn->root_fd);
        wire_message_clear(&now.spawn->rules);
        wire_message_clear(&now.spawn->define);
        memset(now.spawn, 0, sizeof(*now.spawn));
        now.spawn = NULL;
    }
}

static void run(uint8_t how)
{
    struct spawn_options options = {
        .listeners = 1,
        .preload = (how & SPAWN_PRELOAD) != 0,
        .port = (how & SPAWN_PORT) != 0 ? 4711 : 0,
        .keep_environment = (how & SPAWN_KEEP) != 0,
        .engine_uid = 61234,
        .loaders = "/usr/lib",
    };
    char **own = environ;

    now.is_root = (how & SPAWN_PLAIN) == 0;
    now.reported = false;
    now.runs = true;
    if (setjmp(now.end) == 0) {
        spawn_application(&options);
    }
    now.runs = false;
    environ = own;
    forget();
}

void spawn_reader_try(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    uint8_t how = input_byte(&in);
    uint8_t *composed = NULL;

    now.bytes = in.at;
    now.len = in.left;
    if ((how & SPAWN_RAW) == 0) {
        now.bytes = composed = compose(&in, &now.len);
    }
    run(how);
    free(composed);
}
