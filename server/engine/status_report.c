/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_report.c - the state of the pool as a JSON document. What its members
 * mean stands in doc/status-json; who adds one adds it there, and a change of
 * meaning changes "version".
 */
#include "status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_type.h"
#include "board.h"
#include "definition.h"
#include "installed.h"
#include "lease.h"
#include "metrics.h"
#include "running.h"
#include "slot.h"

#define STATUS_VERSION 1
#define WAITS_MAX 20 /* of a queue, that many are told one by one */

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static double seconds_since(const struct engine *engine, int64_t then_us)
{
    return then_us > 0 ? seconds(engine_now(engine) - then_us) : 0;
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

/* Processes ---------------------------------------------------------------- */

static enum core_process_state state_of(const struct core_process_view *view,
                                        const struct running *running)
{
    bool rests = view->unclean == 0 && lease_rests(running);

    return view->state == CORE_PROCESS_BUSY && rests ? CORE_PROCESS_IDLE
                                                     : view->state;
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

static void add_request(json_t *list, const struct slot *slot)
{
    struct note_text note;

    note_read(board_note(slot->client->board, slot->line), &note);
    if (note.began_us == 0 ||
        slot_state(atomic_load(&slot_line(slot)->word)) != SLOT_BUSY) {
        return;
    }
    json_array_append_new(
        list, json_pack("{s:o, s:o, s:i, s:f, s:f}",
                        "line", text(note.line),
                        "client", text(note.peer),
                        "httpd_pid", (int)slot->client->pid,
                        "age_s", seconds_since(slot->client->engine,
                                               note.began_us),
                        "waited_s", seconds(note.waited_us)));
}

/* What it works on just now. */
static json_t *requests_of(const struct running *running)
{
    json_t *list = json_array();
    const struct slot *slot;

    LIST_FOREACH(slot, &running->slots, next) {
        if (slot->lent) {
            add_request(list, slot);
        }
    }
    return list;
}

static json_t *usage_of(const struct running *running)
{
    const struct usage *usage = &running->usage;

    if (usage->measured_us == 0) {
        return json_null();
    }
    return json_pack("{s:i, s:o, s:f, s:f, s:f}",
                     "pss_kib", (int)usage->pss_kib,
                     "private_kib", usage->private_kib != 0
                         ? json_integer(usage->private_kib) : json_null(),
                     "cpu_s", seconds((int64_t)usage->cpu_us),
                     "cpu_percent", usage->cpu_percent,
                     "measured_s", seconds_since(running->engine,
                                                 usage->measured_us));
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
        json_pack("{s:i, s:o, s:s, s:b, s:i, s:I, s:f, s:f, s:i, s:o, s:o}",
                  "pid", (int)running->pid,
                  "user", text(running->user),
                  "state", state_name(state_of(&view, running)),
                  "preloader", view.preloader,
                  "sessions", (int)view.sessions,
                  "requests", (json_int_t)(view.requests +
                                           running->leased_requests),
                  "age_s", seconds_since(running->engine, view.started_us),
                  "idle_s", seconds_since(running->engine, view.idle_since_us),
                  "release", (int)view.release,
                  "usage", usage_of(running),
                  "working_on", requests_of(running)));
}

/* Applications ------------------------------------------------------------- */

/* One that did not start counts as failed while it backs off; then the next
 * request tries again. */
static const char *app_state(const struct core_app_view *view, int64_t now_us)
{
    if (view->processes > view->starting + view->retiring) {
        return "running";
    }
    if (view->starting > 0) {
        return "starting";
    }
    return view->retry_at_us > now_us ? "failed" : "stopped";
}

static json_t *limits_of(const struct definition *d)
{
    const struct core_app_limits *l = &d->limits;

    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:i, s:s}",
                     "min_instances", (int)l->min_instances,
                     "max_per_app", (int)l->max_per_app,
                     "concurrency", (int)l->concurrency,
                     "max_requests", (int)l->max_requests,
                     "max_queue_size", (int)l->max_queue,
                     "max_request_time", seconds(l->max_request_us),
                     "queue_timeout", seconds(l->queue_timeout_us),
                     "start_timeout", seconds(l->start_timeout_us),
                     "memory_limit_mib", (int)l->memory_mib,
                     "spawn_method", l->smart ? "smart" : "direct");
}

static json_t *waits_of(const struct engine *engine,
                        const struct core_app *app)
{
    int64_t since_us[WAITS_MAX];
    unsigned n = core_app_waits(app, since_us, WAITS_MAX);
    json_t *list = json_array();

    for (unsigned i = 0; i < n; i++) {
        json_array_append_new(
            list, json_real(seconds_since(engine, since_us[i])));
    }
    return list;
}

static json_t *times_of(const struct times *times)
{
    json_t *counts = json_array();
    json_int_t n = 0;

    for (unsigned i = 0; i < TIMES_BUCKETS; i++) {
        json_array_append_new(counts,
                              json_integer((json_int_t)times->count[i]));
        n += (json_int_t)times->count[i];
    }
    return json_pack("{s:o, s:I, s:f}", "counts", counts, "n", n,
                     "sum_s", (double)times->sum_us / 1e6);
}

static json_t *metrics_of(const struct metrics *metrics)
{
    return json_pack("{s:o, s:o, s:o}", "queue", times_of(&metrics->queue),
                     "spawn", times_of(&metrics->spawn),
                     "application", times_of(&metrics->work));
}

static json_t *error_of(const struct engine *engine,
                        const struct definition *d)
{
    if (d->error_us == 0) {
        return json_null();
    }
    return json_pack("{s:s, s:f}", "id", d->error_id, "age_s",
                     seconds_since(engine, d->error_us));
}

/* What can change, added to what is configured. */
static void put_state(json_t *object, const struct engine *engine,
                      const struct core_app *app, const struct definition *d)
{
    struct core_app_view view;
    json_t *more;

    core_app_view(app, &view);
    more = json_pack(
        "{s:s, s:i, s:f, s:o, s:I, s:I, s:I, s:I, s:I, s:f, s:i, s:o, s:o}",
        "state", app_state(&view, engine_now(engine)),
        "waiting", (int)view.waiting,
        "oldest_wait_s", seconds_since(engine, view.oldest_wait_us),
        "waits_s", waits_of(engine, app),
        "requests", (json_int_t)(view.requests + d->leased_requests),
        "spawned", (json_int_t)view.spawned,
        "failed_spawns", (json_int_t)view.failed_spawns,
        "refused", (json_int_t)view.refused,
        "died", (json_int_t)view.died,
        "retry_in_s", view.retry_at_us > engine_now(engine)
            ? seconds(view.retry_at_us - engine_now(engine)) : 0.0,
        "release", (int)view.release,
        "last_error", view.last_error != NULL ? text(view.last_error)
                                              : json_null(),
        "last_error_facts", error_of(engine, d));
    json_object_update(object, more);
    json_decref(more);
}

struct report {
    struct engine *engine;
    json_t *applications;
};

static void add_app(void *baton, struct core_app *app)
{
    struct report *report = baton;
    const struct definition *d = core_app_baton(app);
    json_t *processes = json_array();
    json_t *object = json_pack("{s:i, s:o, s:s, s:o, s:o}",
                               "number", (int)d->number,
                               "root", text(d->root),
                               "type", app_type(d->type)->name,
                               "environment", text(d->environment),
                               "user", text(d->user));

    core_each_process(app, add_process, processes);
    put_state(object, report->engine, app, d);
    json_object_set_new(object, "limits", limits_of(d));
    json_object_set_new(object, "times", metrics_of(&d->metrics));
    json_object_set_new(object, "processes", processes);
    json_array_append_new(report->applications, object);
}

/* The pool ----------------------------------------------------------------- */

static json_t *bounds(void)
{
    json_t *list = json_array();

    for (unsigned i = 0; i + 1 < TIMES_BUCKETS; i++) {
        json_array_append_new(list, json_real(seconds(times_bounds_us[i])));
    }
    return list;
}

static json_t *server_of(const struct engine *engine)
{
    return json_pack("{s:s, s:i, s:i, s:f, s:b, s:s}",
                     "version", APPPOOL_VERSION,
                     "master", (int)getppid(),
                     "engine", (int)getpid(),
                     "engine_age_s", seconds_since(engine, engine->began_us),
                     "draining", engine->draining,
                     "not_allowed", engine->missing);
}

static json_t *limits_of_pool(const struct core_limits *limits)
{
    return json_pack("{s:i, s:i, s:i, s:f}",
                     "max", (int)limits->max,
                     "max_spawning", (int)limits->max_spawning,
                     "max_waiting", (int)limits->max_waiting,
                     "max_idle_time", seconds(limits->max_idle_us));
}

static json_t *counts_of(const struct engine *engine)
{
    struct core_view view;

    core_view(engine->core, &view);
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}",
                     "processes", (int)view.processes,
                     "preloaders", (int)view.preloaders,
                     "active", (int)lease_count_active(engine),
                     "spawning", (int)view.spawning,
                     "waiting", (int)view.waiting,
                     "clients", (int)apr_hash_count(engine->clients));
}

json_t *status_report(struct engine *engine)
{
    struct report report = { engine, json_array() };

    metrics_collect_all(engine);
    core_each_app(engine->core, add_app, &report);
    return json_pack("{s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:o}",
                     "version", STATUS_VERSION,
                     "generation", (int)engine->generation,
                     "time", (double)apr_time_now() / 1e6,
                     "server", server_of(engine),
                     "limits", limits_of_pool(&engine->limits),
                     "counts", counts_of(engine),
                     "times_bounds_s", bounds(),
                     "applications", report.applications);
}
