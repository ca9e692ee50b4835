/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle.c - idle processes, longest idle first, over all applications.
 *
 * Each application with idle processes is in one of two heaps: spare while it
 * has more processes than its minimum, at_floor else. The key is the start of
 * its longest idleness, or earlier: a process that gets a request changes
 * nothing here, whoever looks at the first of the heap corrects it.
 */
#include "core_internal.h"

static struct core_app *idle_app(struct core_heap_node *node)
{
    return (struct core_app *)((char *)node - offsetof(struct core_app, idle));
}

void core_idle_leave(struct core_app *app)
{
    if (app->idle_heap) {
        core_heap_remove(app->idle_heap, &app->idle);
        app->idle_heap = NULL;
    }
}

void core_idle_file(struct core_app *app)
{
    struct core *core = app->core;
    const struct core_process *longest = core_shelf_longest_idle(app);
    struct core_heap *heap =
        app->count[STAGE_SERVING] > app->limits.min_instances
            ? &core->spare
            : &core->at_floor;

    if (app->idle_heap != heap) {
        core_idle_leave(app);
    }
    if (longest && !app->idle_heap) {
        app->idle_heap = heap;
        core_heap_set(heap, &app->idle, longest->idle_since_us);
    }
}

/* The longest idle process of those in the heap; NULL: none is idle. */
struct core_process *core_idle_longest(struct core_heap *heap)
{
    struct core_heap_node *node;
    struct core_process *process;

    while ((node = core_heap_first(heap)) != NULL) {
        process = core_shelf_longest_idle(idle_app(node));
        if (!process) {
            core_idle_leave(idle_app(node));
        } else if (process->idle_since_us > node->key) {
            core_heap_set(heap, node, process->idle_since_us);
        } else {
            return process;
        }
    }
    return NULL;
}

int64_t core_idle_due(const struct core *core)
{
    const struct core_heap_node *node = core_heap_first(&core->spare);

    return node && core->limits.max_idle_us
               ? node->key + core->limits.max_idle_us
               : INT64_MAX;
}

void core_idle_tick(struct core *core, int64_t now_us)
{
    struct core_process *process;
    struct core_app *app;

    while (core_idle_due(core) <= now_us
           && (process = core_idle_longest(&core->spare)) != NULL
           && process->idle_since_us + core->limits.max_idle_us <= now_us) {
        app = process->app;
        core_retire(process, CORE_IDLE, now_us);
        core_app_settle(app, now_us);
    }
}

static bool idle_is_preloader_idle(const struct core_process *preloader)
{
    return preloader->stage == STAGE_SERVING && !preloader->app->n_reserved;
}

int64_t core_idle_preloader_due(const struct core_app *app)
{
    const struct core_process *preloader;
    int64_t due = INT64_MAX;

    if (!app->core->limits.max_idle_us) {
        return INT64_MAX;
    }
    TAILQ_FOREACH(preloader, &app->preloaders, all) {
        int64_t end = preloader->idle_since_us + app->core->limits.max_idle_us;

        if (idle_is_preloader_idle(preloader) && end < due) {
            due = end;
        }
    }
    return due;
}

void core_idle_preloader_tick(struct core_app *app, int64_t now_us)
{
    struct core_process *preloader;

    if (core_idle_preloader_due(app) > now_us) {
        return;
    }
    TAILQ_FOREACH(preloader, &app->preloaders, all) {
        if (idle_is_preloader_idle(preloader)
            && preloader->idle_since_us + app->core->limits.max_idle_us
                   <= now_us) {
            core_retire(preloader, CORE_IDLE, now_us);
        }
    }
}
