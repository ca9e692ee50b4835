/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn_world.c - see spawn_world.h.
 */
#include "spawn_world.h"

#include <check.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaks.h"
#include "program.h"
#include "socket.h"

#define PATIENCE_MS 20000

const char *root;
struct wire_message rules, define;
struct spawn_options options;
uid_t run_as;
char output[65536];
char story[65536];
char reports[8][8192];
unsigned n_reports;
int status;
pid_t last_pid;


void spawn_world_begin(void)
{
    leaks_begin();
    root = program_scratch();
    run_as = 0;
    options = (struct spawn_options){ .listeners = 1, .engine_uid = 61234,
                                      .loaders = "/tmp" };
    wire_message_init(&rules);
    wire_message_begin(&rules, MSG_CONFIGURE, 0);
    wire_put_u32(&rules, FIELD_GENERATION, 1);
    wire_put_u32(&rules, FIELD_MAX, 6);
    wire_put_u32(&rules, FIELD_MAX_IDLE_S, 300);
    wire_message_init(&define);
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
}

void spawn_world_end(void)
{
    wire_message_clear(&rules);
    wire_message_clear(&define);
    leaks_end();
}

const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

void make_file(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

void set_command(const char *script)
{
    char words[4096];
    size_t len = sizeof("/bin/sh") + sizeof("-c") + strlen(script) + 1;

    snprintf(words, sizeof(words), "/bin/sh%c-c%c%s", 0, 0, script);
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_COMMAND);
    ck_assert_int_eq(wire_put_bytes(&define, FIELD_COMMAND, words, len), 0);
}

void put_interpreter(const char *program)
{
    char list[256];
    int len = snprintf(list, sizeof(list), "PoolRuby=/no/ruby%cPoolPython=%s",
                       0, program);

    ck_assert_int_eq(wire_put_bytes(&define, FIELD_INTERPRETERS, list,
                                    (size_t)len + 1), 0);
}

void set_wsgi(void)
{
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    put_interpreter("/bin/echo");
    make_file("wsgi_loader.py");
    options.loaders = root;
}

static int make_definition(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, rules.data, rules.len), (ssize_t)rules.len);
    ck_assert_int_eq(write(fd, define.data, define.len), (ssize_t)define.len);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int make_listener(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)),
                     0); /* a name of the kernel's choice */
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

/* Never returns; in the child. */
static void become(int definition, int out, int listener, int report)
{
    int fds[] = { definition, out, out, listener, report };

    for (int i = 0; i < 5; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    }
    for (int i = 0; i < 5; i++) {
        dup2(fds[i], i);
    }
    setenv("SECRET", "of the server", 1);
    setenv("RAILS_ENV", "as it was", 1);
    if (run_as != 0 && (setgroups(0, NULL) < 0 || setgid(run_as) < 0 ||
                        setuid(run_as) < 0)) {
        _exit(3);
    }
    spawn_application(&options);
}

/* The story of the start is told between the other reports. */
static void add_story(const char *packet)
{
    size_t len = strlen(story);

    snprintf(story + len, sizeof(story) - len, "%s\n", packet);
}

/* 1: there was one; 0: the end. */
static int collect_report(int fd)
{
    static char packet[8192];
    ssize_t n = read(fd, packet, sizeof(packet) - 1);

    if (n <= 0) {
        return 0;
    }
    packet[n] = '\0';
    if (strncmp(packet, "STEP ", 5) == 0 || strncmp(packet, "ENV ", 4) == 0) {
        add_story(packet);
    } else if (n_reports < 8) {
        strcpy(reports[n_reports++], packet);
    }
    return 1;
}

/* Until the application has closed its output. */
static void collect(int out, int report)
{
    struct pollfd poller = { .fd = out, .events = POLLIN };
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0) {
        ck_assert_int_eq(poll(&poller, 1, PATIENCE_MS), 1);
        n = read(out, output + len, sizeof(output) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    output[len] = '\0';
    n_reports = 0;
    story[0] = '\0';
    while (wire_wait_readable(report, 0) == 1 && collect_report(report) == 1) {
    }
}

void run(void)
{
    int out[2], report[2];
    int definition = make_definition();
    int listener = make_listener();

    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(wire_pair(report), 0);
    fd_set_nonblocking(report[1], 0);
    last_pid = fork();
    if (last_pid == 0) {
        become(definition, out[1], listener, report[1]);
    }
    close(definition);
    close(listener);
    close(out[1]);
    close(report[1]);
    collect(out[0], report[0]);
    ck_assert_int_eq(waitpid(last_pid, &status, 0), last_pid);
    close(out[0]);
    close(report[0]);
}

const char *last_report(void)
{
    return n_reports > 0 ? reports[n_reports - 1] : "";
}

void assert_error(const char *part)
{
    ck_assert_msg(strncmp(last_report(), "ERROR ", 6) == 0 &&
                      strstr(last_report(), part) != NULL,
                  "\"%s\" does not say \"%s\"", last_report(), part);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert_str_eq(output, "");
}

void assert_printed(const char *part)
{
    ck_assert_msg(strstr(output, part) != NULL,
                  "\"%s\" is not in \"%s\"; reported \"%s\"", part, output,
                  last_report());
}
