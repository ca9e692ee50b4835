/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.c - who waits for an application, oldest first.
 *
 * The queue is in the order of since_us, and so are the time-outs: the head is
 * always the next to time out. The time in which the application's first
 * process starts does not count: then the queue's clock stands still.
 *
 * Everybody in the queue also stands in a line: the application's, or that of
 * the one process which alone will do. A place that comes free goes to the
 * older of the two heads that could have it.
 */
#include "core_internal.h"

/* How long the first starts of the application have taken in all. */
int64_t core_queue_clock(const struct core_app *app, int64_t now_us)
{
    return app->paused_us + (app->paused ? now_us - app->paused_since_us : 0);
}

void core_queue_pause(struct core_app *app, int64_t now_us)
{
    bool pause = !app->count[STAGE_SERVING]
                 && (app->count[STAGE_STARTING] || app->n_reserved);

    if (pause == app->paused) {
        return;
    }
    app->paused_us = core_queue_clock(app, now_us);
    app->paused_since_us = now_us;
    app->paused = pause;
}

static struct core_queue *queue_line(const struct core_waiter *waiter)
{
    return waiter->process ? &waiter->process->line : &waiter->app->line;
}

static void queue_join_line(struct core_waiter *waiter)
{
    struct core_queue *line = queue_line(waiter);
    struct core_waiter *before = TAILQ_LAST(line, core_queue);

    while (before && before->since_us > waiter->since_us) {
        before = TAILQ_PREV(before, core_queue, line);
    }
    if (before) {
        TAILQ_INSERT_AFTER(line, before, waiter, line);
    } else {
        TAILQ_INSERT_HEAD(line, waiter, line);
    }
    if (waiter->process) {
        waiter->app->n_sticky++;
        core_shelf_expect(waiter->process);
    }
}

static void queue_leave_line(struct core_waiter *waiter)
{
    TAILQ_REMOVE(queue_line(waiter), waiter, line);
    if (waiter->process) {
        waiter->app->n_sticky--;
        core_shelf_expect(waiter->process);
    }
    waiter->process = NULL;
}

/* How many wait for no process in particular. */
unsigned core_queue_any(const struct core_app *app)
{
    return app->n_waiting - app->n_sticky;
}

/* It serves no longer: any other will do. */
void core_queue_release(struct core_process *process)
{
    struct core_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&process->line)) != NULL) {
        queue_leave_line(waiter);
        queue_join_line(waiter);
    }
}

/* What counts of its wait began no earlier than before it and no later than
 * behind it. */
static void queue_insert(struct core_app *app, struct core_waiter *waiter)
{
    struct core_waiter *before = TAILQ_LAST(&app->queue, core_queue);
    struct core_waiter *behind;

    while (before && before->since_us > waiter->since_us) {
        before = TAILQ_PREV(before, core_queue, link);
    }
    if (before) {
        TAILQ_INSERT_AFTER(&app->queue, before, waiter, link);
    } else {
        TAILQ_INSERT_HEAD(&app->queue, waiter, link);
    }
    behind = TAILQ_NEXT(waiter, link);
    if (behind && waiter->counts_from_us > behind->counts_from_us) {
        waiter->counts_from_us = behind->counts_from_us;
    }
}

void core_queue_push(struct core_app *app, struct core_waiter *waiter,
                     int64_t now_us)
{
    int64_t clock = core_queue_clock(app, now_us);

    waiter->app = app;
    waiter->clock_us = clock;
    waiter->counts_from_us = waiter->since_us < now_us - clock
                                 ? waiter->since_us
                                 : now_us - clock;
    queue_insert(app, waiter);
    queue_join_line(waiter);
    if (!app->n_waiting) {
        TAILQ_INSERT_TAIL(&app->core->queued, app, queued);
    }
    app->n_waiting++;
    app->core->n_waiting++;
}

void core_queue_remove(struct core_waiter *waiter, int64_t now_us)
{
    struct core_app *app = waiter->app;

    if (!app) {
        return;
    }
    TAILQ_REMOVE(&app->queue, waiter, link);
    queue_leave_line(waiter);
    waiter->spawn_us += core_queue_clock(app, now_us) - waiter->clock_us;
    waiter->app = NULL;
    app->n_waiting--;
    if (!app->n_waiting) {
        TAILQ_REMOVE(&app->core->queued, app, queued);
    }
    app->core->n_waiting--;
}

/* A process with a place for somebody who waits; NULL: none. */
static struct core_process *queue_next_process(const struct core_app *app)
{
    struct core_process *process = TAILQ_FIRST(&app->expected);
    const struct core_waiter *head = TAILQ_FIRST(&app->line);

    return process || !head ? process : core_shelf_best(app, head);
}

/* The first in line, or one close behind it that the process suits better. */
static struct core_waiter *queue_first(struct core_process *process)
{
    const struct core_app *app = process->app;
    const struct core *core = app->core;
    struct core_waiter *first = TAILQ_FIRST(&app->line), *waiter = first;

    if (!app->limits.exclusive || !core->ops.prefers || app->always_restart) {
        return first;
    }
    for (unsigned n = 0; n < CORE_NEAR_MOST && waiter
                         && waiter->since_us - first->since_us <= CORE_NEAR_US;
         n++, waiter = TAILQ_NEXT(waiter, line)) {
        if (core->ops.prefers(core->baton, process, waiter)) {
            return waiter;
        }
    }
    return first;
}

static struct core_waiter *queue_next_for(struct core_process *process)
{
    struct core_waiter *any = queue_first(process);
    struct core_waiter *own = TAILQ_FIRST(&process->line);

    if (!any || !own) {
        return any ? any : own;
    }
    return own->since_us <= any->since_us ? own : any;
}

void core_queue_serve(struct core_app *app, int64_t now_us)
{
    struct core_waiter *waiter;
    struct core_process *process;

    while (!app->core->held && (process = queue_next_process(app)) != NULL) {
        waiter = queue_next_for(process);
        core_queue_remove(waiter, now_us);
        core_process_lend(process, waiter, now_us);
    }
}

void core_queue_refuse(struct core_app *app, struct core_waiter *waiter,
                       enum core_refusal why, const char *text,
                       unsigned retry_after_s)
{
    struct core *core = app->core;

    app->refused++;
    core->ops.refuse(core->baton, waiter, why, text, retry_after_s);
}

void core_queue_refuse_all(struct core_app *app, enum core_refusal why,
                           const char *text, unsigned retry_after_s,
                           int64_t now_us)
{
    struct core_waiter *waiter;

    while ((waiter = TAILQ_FIRST(&app->queue)) != NULL) {
        core_queue_remove(waiter, now_us);
        core_queue_refuse(app, waiter, why, text, retry_after_s);
    }
}

int64_t core_queue_due(const struct core_app *app, int64_t now_us)
{
    const struct core_waiter *head = TAILQ_FIRST(&app->queue);

    if (!head || !app->limits.queue_timeout_us || app->paused) {
        return INT64_MAX;
    }
    return head->counts_from_us + core_queue_clock(app, now_us)
           + app->limits.queue_timeout_us;
}

void core_queue_tick(struct core_app *app, int64_t now_us)
{
    struct core_waiter *waiter;

    while (core_queue_due(app, now_us) <= now_us) {
        waiter = TAILQ_FIRST(&app->queue);
        core_queue_remove(waiter, now_us);
        core_queue_refuse(app, waiter, CORE_TIMED_OUT, NULL,
                          CORE_BUSY_RETRY_S);
    }
}

static bool queue_is_over_its_own(const struct core_app *app, unsigned more)
{
    unsigned max = app->limits.max_queue;

    return max && app->n_waiting + more > max;
}

static bool queue_is_over_the_pools(const struct core *core, unsigned more)
{
    unsigned max = core->limits.max_waiting;

    return max && core->n_waiting + more > max;
}

static void queue_refuse_last(struct core_app *app, int64_t now_us)
{
    struct core_waiter *last = TAILQ_LAST(&app->queue, core_queue);

    core_queue_remove(last, now_us);
    core_queue_refuse(app, last, CORE_QUEUE_FULL, NULL, CORE_BUSY_RETRY_S);
}

/* More than may wait, all at once: the youngest have to go. */
void core_queue_trim(struct core_app *app, int64_t now_us)
{
    while (app->n_waiting && (queue_is_over_its_own(app, 0)
                              || queue_is_over_the_pools(app->core, 0))) {
        queue_refuse_last(app, now_us);
    }
}

static struct core_app *queue_longest(const struct core *core)
{
    struct core_app *app, *longest = TAILQ_FIRST(&core->queued);

    TAILQ_FOREACH(app, &core->queued, queued) {
        if (app->n_waiting > longest->n_waiting) {
            longest = app;
        }
    }
    return longest;
}

/*
 * May one more wait? The pool's limit is there for httpd's threads, and no
 * application may have it all while others want a part: then the youngest of
 * the one with most in its queue has to go (*crowded_out_r).
 */
static bool queue_has_room(const struct core_app *app,
                           struct core_app **crowded_out_r)
{
    *crowded_out_r = NULL;
    if (app->core->held) {
        return true;
    }
    if (queue_is_over_its_own(app, 1)) {
        return false;
    }
    if (queue_is_over_the_pools(app->core, 1)) {
        *crowded_out_r = queue_longest(app->core);
    }
    return !*crowded_out_r
           || (*crowded_out_r)->n_waiting > app->n_waiting + 1;
}

/* The process that it asks for, while there is sense in waiting for it. */
static struct core_process *queue_sticky(const struct core_app *app,
                                         const struct core_waiter *waiter)
{
    struct core_process *process = waiter->sticky;

    return process && process->app == app && process->stage == STAGE_SERVING
                   && !process->preloader && !app->always_restart
               ? process
               : NULL;
}

/* Nobody passes by those who wait for the same. A place in its own process
 * would have been taken by who waits for that, or for any. */
static struct core_process *queue_free_process(const struct core_app *app,
                                               const struct core_waiter *waiter)
{
    if (app->core->held) {
        return NULL;
    }
    if (waiter->process) {
        return waiter->process->level >= 0 ? waiter->process : NULL;
    }
    return TAILQ_EMPTY(&app->line) ? core_shelf_best(app, waiter) : NULL;
}

static bool queue_pass(struct core_app *app, struct core_waiter *waiter,
                       int64_t now_us)
{
    struct core_process *process = queue_free_process(app, waiter);

    if (process) {
        waiter->process = NULL;
        core_app_wake(app);
        core_process_lend(process, waiter, now_us);
    }
    return process != NULL;
}

static void queue_join(struct core_app *app, struct core_waiter *waiter,
                       int64_t now_us)
{
    struct core_app *crowded_out;

    if (core_backoff_holds(app, now_us) && !core_app_alive(app)) {
        core_queue_refuse(app, waiter, CORE_SPAWN_FAILED, app->last_error,
                          core_backoff_left_s(app, now_us));
    } else if (!queue_has_room(app, &crowded_out)) {
        core_queue_refuse(app, waiter, CORE_QUEUE_FULL, NULL,
                          CORE_BUSY_RETRY_S);
    } else {
        core_app_wake(app);
        core_queue_push(app, waiter, now_us);
        if (crowded_out) {
            queue_refuse_last(crowded_out, now_us);
            core_app_settle(crowded_out, now_us);
        }
    }
}

void core_get(struct core_app *app, struct core_waiter *waiter, int64_t now_us)
{
    waiter->app = NULL;
    waiter->spawn_us = 0;
    waiter->process = queue_sticky(app, waiter);
    waiter->sticky = NULL; /* it may not outlive this call */
    if (app->core->stopping || app->removed) {
        core_queue_refuse(app, waiter, CORE_STOPPING, NULL, 0);
        return;
    }
    if (!queue_pass(app, waiter, now_us)) {
        queue_join(app, waiter, now_us);
    }
    core_settle(app, now_us);
}

void core_cancel(struct core_waiter *waiter, int64_t now_us)
{
    struct core_app *app = waiter->app;

    if (app) {
        core_queue_remove(waiter, now_us);
        core_settle(app, now_us);
    }
}
