/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - see status.h. The text goes in a sealed memfd: it may be larger
 * than a packet, and a reader that is slow keeps nobody waiting.
 */
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app_type.h"
#include "definition.h"
#include "running.h"
#include "socket.h"

static double seconds_since(const struct engine *engine, int64_t then_us)
{
    return then_us > 0 ? (double)(engine_now(engine) - then_us) / 1e6 : 0;
}

/* Text of any origin: what is not UTF-8 is shown byte by byte as latin-1. */
static json_t *text(const char *bytes)
{
    json_t *value = json_string(bytes);
    size_t len = strlen(bytes);
    char *utf8;
    size_t n = 0;

    if (value != NULL) {
        return value;
    }
    utf8 = malloc(2 * len + 1);
    if (utf8 == NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x80) {
            utf8[n++] = (char)(0xc0 | (c >> 6));
            c = (unsigned char)(0x80 | (c & 0x3f));
        }
        utf8[n++] = (char)c;
    }
    value = json_stringn_nocheck(utf8, n);
    free(utf8);
    return value;
}

static const char *state_name(enum core_process_state state)
{
    static const char *const names[] = {
        [CORE_PROCESS_STARTING] = "starting",
        [CORE_PROCESS_IDLE] = "idle",
        [CORE_PROCESS_BUSY] = "busy",
        [CORE_PROCESS_RETIRING] = "retiring",
    };

    return names[state];
}

static void add_process(void *baton, struct core_process *process)
{
    json_t *list = baton;
    struct running *running = core_process_baton(process);
    struct core_process_view view;

    if (running == NULL) {
        return;
    }
    core_process_view(process, &view);
    json_array_append_new(
        list,
        json_pack("{s:i, s:s, s:s, s:b, s:i, s:I, s:f, s:f, s:i}",
                  "pid", (int)running->pid,
                  "user", running->user,
                  "state", state_name(view.state),
                  "preloader", view.preloader,
                  "sessions", (int)view.sessions,
                  "requests", (json_int_t)(view.requests +
                                           running->leased_requests),
                  "age_s", seconds_since(running->engine, view.started_us),
                  "idle_s", seconds_since(running->engine, view.idle_since_us),
                  "release", (int)view.release));
}

static const char *app_state(const struct core_app_view *view)
{
    if (view->processes > view->starting + view->retiring) {
        return "running";
    }
    if (view->starting > 0) {
        return "starting";
    }
    return view->last_error != NULL ? "failed" : "stopped";
}

struct report {
    struct engine *engine;
    json_t *applications;
};

static void add_app(void *baton, struct core_app *app)
{
    struct report *report = baton;
    const struct definition *d = core_app_baton(app);
    struct core_app_view view;
    json_t *processes = json_array();

    core_app_view(app, &view);
    core_each_process(app, add_process, processes);
    json_array_append_new(
        report->applications,
        json_pack("{s:o, s:s, s:o, s:s, s:s, s:i, s:f, s:I, s:I, s:I, s:I, s:I,"
                  " s:f, s:o, s:i, s:o}",
                  "root", text(d->root),
                  "type", app_type(d->type)->name,
                  "environment", text(d->environment),
                  "user", d->user,
                  "state", app_state(&view),
                  "waiting", (int)view.waiting,
                  "oldest_wait_s", seconds_since(report->engine,
                                                 view.oldest_wait_us),
                  "requests", (json_int_t)(view.requests +
                                           d->leased_requests),
                  "spawned", (json_int_t)view.spawned,
                  "failed_spawns", (json_int_t)view.failed_spawns,
                  "refused", (json_int_t)view.refused,
                  "died", (json_int_t)view.died,
                  "retry_in_s", view.retry_at_us > 0
                      ? -seconds_since(report->engine, view.retry_at_us) : 0.0,
                  "last_error", view.last_error != NULL
                      ? text(view.last_error) : json_null(),
                  "release", (int)view.release,
                  "processes", processes));
}

static json_t *report_make(struct engine *engine)
{
    struct report report = { engine, json_array() };
    struct core_view view;

    core_view(engine->core, &view);
    core_each_app(engine->core, add_app, &report);
    return json_pack(
        "{s:i, s:i, s:{s:i, s:i}, s:{s:i, s:i, s:i, s:f},"
        " s:{s:i, s:i, s:i, s:i, s:i, s:i}, s:o}",
        "version", 1,
        "generation", (int)engine->generation,
        "server",
            "master", (int)getppid(),
            "engine", (int)getpid(),
        "limits",
            "max", (int)engine->limits.max,
            "max_spawning", (int)engine->limits.max_spawning,
            "max_waiting", (int)engine->limits.max_waiting,
            "max_idle_time", (double)engine->limits.max_idle_us / 1e6,
        "counts",
            "processes", (int)view.processes,
            "preloaders", (int)view.preloaders,
            "active", (int)view.active,
            "spawning", (int)view.spawning,
            "waiting", (int)view.waiting,
            "clients", (int)apr_hash_count(engine->clients),
        "applications", report.applications);
}

/* 0 and a sealed memfd at its beginning, or -errno. */
static int report_write(json_t *report, int *fd_r)
{
    int fd = memfd_create("apppool-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    if (json_dumpfd(report, fd, JSON_COMPACT) < 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        fd_close(&fd);
        return -EIO;
    }
    *fd_r = fd;
    return 0;
}

void status_on_status(struct channel *channel, struct wire_message *m)
{
    json_t *report = report_make(channel->client->engine);
    struct wire_message answer;
    int fd = -1;
    int rc = report != NULL ? report_write(report, &fd) : -ENOMEM;

    json_decref(report);
    if (rc < 0) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED,
                       "the status could not be written to memory", NULL, 0);
        return;
    }
    wire_message_init(&answer);
    wire_message_begin(&answer, MSG_STATUS_TEXT, wire_request_id(m));
    wire_put_fd(&answer, &fd);
    channel_send(channel, &answer);
    wire_message_clear(&answer);
}
