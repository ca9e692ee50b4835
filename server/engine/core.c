/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core.c - the pool as a whole: its limits, its end, the passing of time, and
 * how it comes to rest after each call.
 */
#include "core_internal.h"

#include <assert.h>
#include <stdlib.h>

/* Zeroed. */
void *core_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory) {
        abort();
    }
    return memory;
}

/* From 0 to limit - 1; splitmix64, good enough for jitter. */
uint64_t core_random(struct core *core, uint64_t limit)
{
    uint64_t z = (core->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % limit;
}

struct core *core_new(const struct core_ops *ops, void *baton, uint64_t seed)
{
    struct core *core = core_alloc(sizeof(*core));
    unsigned i;

    core->ops = *ops;
    core->baton = baton;
    core->random = seed;
    core->limits.max = 1;
    core->limits.max_spawning = 1;
    core->grace = 1;
    TAILQ_INIT(&core->apps);
    TAILQ_INIT(&core->queued);
    TAILQ_INIT(&core->successions);
    for (i = 0; i < HUNGER_COUNT; i++) {
        TAILQ_INIT(&core->hungry[i]);
    }
    return core;
}

static void core_free_app(struct core_app *app)
{
    struct core_process *process;

    while ((process = TAILQ_FIRST(&app->all)) != NULL
           || (process = TAILQ_FIRST(&app->preloaders)) != NULL) {
        core_process_free(process);
    }
    app->removed = true;
    core_app_release_if_empty(app);
}

void core_free(struct core **core)
{
    struct core_app *app;

    if (!*core) {
        return;
    }
    while ((app = TAILQ_FIRST(&(*core)->apps)) != NULL) {
        core_free_app(app);
    }
    core_heap_clear(&(*core)->timers);
    core_heap_clear(&(*core)->spare);
    core_heap_clear(&(*core)->at_floor);
    free((*core)->holding);
    free(*core);
    *core = NULL;
}

static void core_settle_pool(struct core *core, int64_t now_us)
{
    core_room_settle(core, now_us);
    core_succession_settle(core, now_us);
}

/* Something has happened to the app, which may be freed by this. */
void core_settle(struct core_app *app, int64_t now_us)
{
    struct core *core = app->core;

    core->touched = app;
    core_app_settle(app, now_us);
    core_settle_pool(core, now_us);
}

static unsigned core_count_all(const struct core *core)
{
    return core->count[STAGE_STARTING] + core->count[STAGE_SERVING]
           + core->count[STAGE_LEAVING] + core->count[STAGE_RETIRING];
}

void core_set_limits(struct core *core, const struct core_limits *limits,
                     int64_t now_us)
{
    assert(limits->max && limits->max_spawning);
    core->limits = *limits;
    core->grace = core_count_all(core) + core->n_reserved;
    core_settle_pool(core, now_us);
}

/* Of one application: idle ones end now, the others when they are free. */
static void core_clear_app(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    core_app_sleep(app, 0);
    TAILQ_FOREACH(process, &app->all, all) {
        if (process->stage == STAGE_SERVING) {
            core_leave(process, CORE_CLEARED, now_us);
        } else if (process->stage == STAGE_STARTING && !core_queue_any(app)) {
            core_retire(process, CORE_CLEARED, now_us);
        }
    }
    TAILQ_FOREACH(process, &app->preloaders, all) {
        if (process->stage == STAGE_SERVING) {
            core_retire(process, CORE_CLEARED, now_us);
        }
    }
    core_app_settle(app, now_us);
}

void core_clear(struct core *core, int64_t now_us)
{
    struct core_app *app, *next;

    for (app = TAILQ_FIRST(&core->apps); app; app = next) {
        next = TAILQ_NEXT(app, link);
        core_clear_app(app, now_us);
    }
    core_settle_pool(core, now_us);
}

static void core_stop_app(struct core_app *app, int64_t now_us)
{
    struct core_process *process;

    core_queue_refuse_all(app, CORE_STOPPING, NULL, 0, now_us);
    core_start_forget_reserved(app);
    TAILQ_FOREACH(process, &app->all, all) {
        core_retire(process, CORE_STOP, now_us);
    }
    TAILQ_FOREACH(process, &app->preloaders, all) {
        core_retire(process, CORE_STOP, now_us);
    }
    core_app_settle(app, now_us);
}

void core_stop(struct core *core, int64_t now_us)
{
    struct core_app *app, *next;

    core->stopping = true;
    for (app = TAILQ_FIRST(&core->apps); app; app = next) {
        next = TAILQ_NEXT(app, link);
        core_stop_app(app, now_us);
    }
}

static void core_tick_app(struct core_app *app, int64_t now_us)
{
    core_heap_remove(&app->core->timers, &app->timer);
    core_queue_tick(app, now_us);
    core_start_tick(app, now_us);
    core_ending_tick(app, now_us);
    core_idle_preloader_tick(app, now_us);
    core_app_tick(app, now_us);
    core_settle(app, now_us);
}

static void core_tick_apps(struct core *core, int64_t now_us)
{
    struct core_heap_node *node;

    while ((node = core_heap_first(&core->timers)) != NULL
           && node->key <= now_us) {
        core_tick_app((struct core_app *)((char *)node
                                          - offsetof(struct core_app, timer)),
                      now_us);
    }
}

static void core_let_go(struct core *core, int64_t now_us)
{
    struct core_app *app, *next;

    core->held = false;
    for (app = TAILQ_FIRST(&core->apps); app; app = next) {
        next = TAILQ_NEXT(app, link);
        core_queue_serve(app, now_us);
        core_queue_trim(app, now_us);
        core_app_settle(app, now_us);
    }
}

/* What one does may be due for the other at once. */
int64_t core_tick(struct core *core, int64_t now_us)
{
    if (core->held && core->held_until_us <= now_us) {
        core_let_go(core, now_us);
    }
    do {
        core_tick_apps(core, now_us);
        core_idle_tick(core, now_us);
        core_settle_pool(core, now_us);
    } while (core_next_tick(core) <= now_us);
    return core_next_tick(core);
}

int64_t core_next_tick(const struct core *core)
{
    const struct core_heap_node *node = core_heap_first(&core->timers);
    int64_t due = core_idle_due(core);

    if (core->held && core->held_until_us < due) {
        due = core->held_until_us;
    }
    return node && node->key < due ? node->key : due;
}

void core_hold(struct core *core, int64_t until_us)
{
    core->held = true;
    core->held_until_us = until_us;
}

void core_set_last_number(struct core *core, uint32_t number)
{
    if (core->last_number < number) {
        core->last_number = number;
    }
}
