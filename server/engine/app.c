/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app.c - an application: its definition comes, changes and goes; what it
 * needs; and how it comes to rest after something has happened to it.
 */
#include "core_internal.h"

#include <assert.h>
#include <stdlib.h>

unsigned core_app_alive(const struct core_app *app)
{
    return app->count[STAGE_STARTING] + app->count[STAGE_SERVING]
           + app->n_reserved;
}

unsigned core_app_all(const struct core_app *app)
{
    return core_app_alive(app) + app->count[STAGE_LEAVING]
           + app->count[STAGE_RETIRING];
}

static void app_grow_holding(struct core *core, unsigned n)
{
    unsigned size = core->n_holding;

    if (n < size) {
        return;
    }
    size = n + 16;
    core->holding = realloc(core->holding, size * sizeof(core->holding[0]));
    if (!core->holding) {
        abort();
    }
    while (core->n_holding < size) {
        core->holding[core->n_holding++] = 0;
    }
}

/* It will have `by` (1 or -1) more processes: who holds most? Called before
 * the count changes. */
void core_app_hold(struct core_app *app, int by)
{
    struct core *core = app->core;
    unsigned before = app->n_held;

    app->n_held += (unsigned)by;
    app_grow_holding(core, app->n_held);
    if (before) {
        core->holding[before]--;
    }
    core->holding[app->n_held]++;
    if (app->n_held > core->most) {
        core->most = app->n_held;
    }
    while (core->most && !core->holding[core->most]) {
        core->most--;
    }
}

/* Starts that its queue would have, beside those on their way. */
static bool app_queue_wants(const struct core_app *app)
{
    unsigned coming = app->count[STAGE_STARTING] + app->n_reserved;
    uint64_t concurrency = app->limits.concurrency;
    unsigned waiting = core_queue_any(app);

    if (!waiting || app->core->held) {
        return false;
    }
    if (app->always_restart) {
        return core_app_all(app) == 0; /* one at a time */
    }
    if (!app->count[STAGE_SERVING]) {
        return !coming; /* the first has to come up before others follow */
    }
    return concurrency && waiting > coming * concurrency;
}

static bool app_floor_wants(const struct core_app *app)
{
    if (!app->awake || app->always_restart
        || core_app_alive(app) >= app->limits.min_instances) {
        return false;
    }
    return app->count[STAGE_SERVING]
           || !(app->count[STAGE_STARTING] + app->n_reserved);
}

void core_app_sleep(struct core_app *app, int64_t until_us)
{
    app->awake = false;
    app->wake_at_us = until_us;
}

void core_app_wake(struct core_app *app)
{
    app->awake = true;
    app->wake_at_us = 0;
}

void core_app_tick(struct core_app *app, int64_t now_us)
{
    if (app->wake_at_us && app->wake_at_us <= now_us) {
        core_app_wake(app);
    }
}

/* Its own limits: does any of them forbid a start? */
static bool app_may_start(const struct core_app *app, int64_t now_us)
{
    unsigned max = app->limits.max_per_app;

    return !app->core->stopping && !app->removed
           && !core_backoff_holds(app, now_us)
           && (!max || core_app_all(app) < max)
           && !(app->n_reserved && core_start_has_preloading(app));
}

enum core_hunger core_app_hunger(const struct core_app *app, int64_t now_us)
{
    bool queue = app_queue_wants(app);

    if ((!queue && !app_floor_wants(app)) || !app_may_start(app, now_us)) {
        return HUNGER_NONE;
    }
    if (!queue) {
        return HUNGER_FLOOR;
    }
    return core_app_alive(app) ? HUNGER_SHORT : HUNGER_STARVED;
}

static int64_t app_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void app_arm(struct core_app *app, int64_t now_us)
{
    int64_t due = core_queue_due(app, now_us);

    due = app_min(due, core_start_due(app));
    due = app_min(due, core_ending_due(app));
    due = app_min(due, core_idle_preloader_due(app));
    if (app->wake_at_us) {
        due = app_min(due, app->wake_at_us);
    }
    if (core_backoff_holds(app, now_us)) {
        due = app_min(due, app->retry_at_us);
    }
    if (due != INT64_MAX) {
        core_heap_lower(&app->core->timers, &app->timer, due);
    }
}

/* With always_restart a process whose code is older than the request ends. */
static void app_drop_unsuitable(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    while (app->always_restart && app->n_waiting
           && (process = core_shelf_longest_idle(app)) != NULL) {
        core_retire(process, CORE_RESTART, now_us);
    }
}

static void app_trim(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    while (core_room_app_is_over(app)
           && (process = core_shelf_longest_idle(app)) != NULL) {
        core_retire(process, CORE_LOWERED, now_us);
    }
}

/* Everything but the pool's turn; see core_settle(). May free the app. */
void core_app_settle(struct core_app *app, int64_t now_us)
{
    core_queue_serve(app, now_us);
    app_drop_unsuitable(app, now_us);
    app_trim(app, now_us);
    core_start_reserved(app, now_us);
    core_backoff_refuse(app, now_us);
    core_room_file(app, now_us);
    core_succession_file(app, now_us);
    core_queue_pause(app, now_us);
    core_idle_file(app);
    core_restart_check(app, now_us);
    app_arm(app, now_us);
    core_app_release_if_empty(app);
}

static void app_init_lists(struct core_app *app)
{
    TAILQ_INIT(&app->queue);
    TAILQ_INIT(&app->line);
    TAILQ_INIT(&app->expected);
    TAILQ_INIT(&app->all);
    TAILQ_INIT(&app->preloaders);
    TAILQ_INIT(&app->starting);
    TAILQ_INIT(&app->running);
    TAILQ_INIT(&app->unclean);
    TAILQ_INIT(&app->retiring);
    TAILQ_INIT(&app->aborted);
    TAILQ_INIT(&app->killed);
    TAILQ_INIT(&app->to_replace);
}

struct core_app *core_app_add(struct core *core,
                              const struct core_app_limits *limits, void *baton,
                              int64_t now_us)
{
    struct core_app *app = core_alloc(sizeof(*app));

    app->core = core;
    app->baton = baton;
    app->limits = *limits;
    app->release = 1;
    app->hunger = HUNGER_NONE;
    app->awake = limits->pre_start;
    app_init_lists(app);
    core_shelf_init(app);
    TAILQ_INSERT_TAIL(&core->apps, app, link);
    core->n_apps++;
    core_settle(app, now_us);
    return app;
}

/* Places of processes are counted otherwise now. */
static void app_set_concurrency(struct core_app *app, unsigned concurrency)
{
    struct core_process *process;

    TAILQ_FOREACH(process, &app->all, all) {
        core_shelf_remove(process);
    }
    core_shelf_clear(app);
    app->limits.concurrency = concurrency;
    core_shelf_init(app);
    TAILQ_FOREACH(process, &app->all, all) {
        core_shelf_put(process);
    }
}

void core_app_set_limits(struct core_app *app,
                         const struct core_app_limits *limits, int64_t now_us)
{
    if (limits->concurrency != app->limits.concurrency) {
        app_set_concurrency(app, limits->concurrency);
    }
    if (limits->pre_start) {
        core_app_wake(app);
    }
    app->limits = *limits;
    core_settle(app, now_us);
}

void core_app_remove(struct core_app **app, int64_t now_us)
{
    struct core_app *gone = *app;
    struct core_process *process;

    *app = NULL;
    gone->removed = true;
    core_queue_refuse_all(gone, CORE_STOPPING, NULL, 0, now_us);
    core_start_forget_reserved(gone);
    TAILQ_FOREACH(process, &gone->all, all) {
        core_leave(process, CORE_REMOVED, now_us);
    }
    TAILQ_FOREACH(process, &gone->preloaders, all) {
        core_leave(process, CORE_REMOVED, now_us);
    }
    core_settle(gone, now_us);
}

static void app_free(struct core_app *app)
{
    struct core *core = app->core;

    core_room_leave(app);
    core_succession_leave(app);
    core_idle_leave(app);
    core_heap_remove(&core->timers, &app->timer);
    core_shelf_clear(app);
    TAILQ_REMOVE(&core->apps, app, link);
    core->n_apps--;
    if (core->touched == app) {
        core->touched = NULL;
    }
    if (core->ops.forget_app) {
        core->ops.forget_app(core->baton, app);
    }
    free(app->last_error);
    free(app);
}

void core_app_release_if_empty(struct core_app *app)
{
    if (app->removed && TAILQ_EMPTY(&app->all)
        && TAILQ_EMPTY(&app->preloaders)) {
        app_free(app);
    }
}
