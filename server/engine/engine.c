/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - see engine.h: start, decisions to their files, ticks, end.
 */
#include "engine.h"

#include <apr_general.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "admin.h"
#include "client.h"
#include "confine.h"
#include "definition.h"
#include "lease.h"
#include "lend.h"
#include "link.h"
#include "metrics.h"
#include "operate.h"
#include "request.h"
#include "root_pool.h"
#include "running.h"
#include "socket.h"
#include "sticky.h"

#define LINK_FD 3
#define LOOK_US APR_USEC_PER_SEC

/* The core's decisions, to their files ------------------------------------- */

static void on_start(void *baton, struct core_process *process,
                     enum core_start how, struct core_process *preloader,
                     unsigned listener)
{
    running_start(baton, process, how, preloader, listener);
}

static void on_hand_out(void *baton, struct core_waiter *waiter,
                        struct core_process *process)
{
    lend_hand_out(baton, waiter, core_process_baton(process));
}

static bool on_prefers(void *baton, struct core_process *process,
                       struct core_waiter *waiter)
{
    (void)baton;
    return lend_has_connection(waiter, core_process_baton(process));
}

static void on_refuse(void *baton, struct core_waiter *waiter,
                      enum core_refusal why, const char *text,
                      unsigned retry_after_s)
{
    request_on_refused(baton, waiter, why, text, retry_after_s);
}

static void on_retire(void *baton, struct core_process *process,
                      enum core_reason why)
{
    running_retire(baton, process, why);
}

static void on_kill(void *baton, struct core_process *process, int signal)
{
    running_kill(baton, process, signal);
}

static void on_forget(void *baton, struct core_process *process)
{
    running_forget(baton, process);
}

static void on_restarted(void *baton, struct core_app *app, const char *error)
{
    (void)baton;
    admin_on_restarted(core_app_baton(app), error);
}

static const struct core_ops ops = {
    .start = on_start,
    .hand_out = on_hand_out,
    .prefers = on_prefers,
    .refuse = on_refuse,
    .retire = on_retire,
    .kill = on_kill,
    .forget = on_forget,
    .restarted = on_restarted,
};

/* Time --------------------------------------------------------------------- */

int64_t engine_now(const struct engine *engine)
{
    return loop_now(engine->loop);
}

static void on_tick(void *baton)
{
    struct engine *engine = baton;

    engine->tick = NULL;
    core_tick(engine->core, engine_now(engine));
    engine_settle(engine);
}

static void set_tick(struct engine *engine)
{
    int64_t at = core_next_tick(engine->core);
    int64_t wait = at - engine_now(engine);

    if (engine->tick != NULL && engine->tick_at_us == at) {
        return;
    }
    loop_timer_cancel(&engine->tick);
    if (at != INT64_MAX) {
        engine->tick_at_us = at;
        engine->tick = loop_timer_add(engine->loop, wait > 0 ? wait : 0,
                                      on_tick, engine);
    }
}

void engine_settle(struct engine *engine)
{
    lend_settle(engine);
    admin_settle(engine);
    set_tick(engine);
}

static void on_look(void *baton)
{
    struct engine *engine = baton;

    engine->look = loop_timer_add(engine->loop, LOOK_US, on_look, engine);
    if (!engine->started) {
        return;
    }
    lease_look(engine);
    lend_look(engine);
    metrics_collect_all(engine);
    metrics_measure(engine, MEASURE_EVERY_US);
    engine_settle(engine);
}

/* Start and end ------------------------------------------------------------ */

void engine_end(struct engine *engine)
{
    loop_stop(engine->loop);
}

static struct engine *engine_new(apr_pool_t *pool)
{
    struct engine *engine = apr_pcalloc(pool, sizeof *engine);

    engine->pool = pool;
    engine->loop = loop_new(pool);
    if (engine->loop == NULL) {
        return NULL;
    }
    engine->clients = apr_hash_make(pool);
    engine->processes = apr_hash_make(pool);
    engine->outlets = apr_hash_make(pool);
    engine->definitions = apr_hash_make(pool);
    engine->adoptions = apr_hash_make(pool);
    engine->sticky_ids = apr_hash_make(pool);
    engine->epoch = (uint32_t)sticky_random();
    STAILQ_INIT(&engine->returns);
    engine->child_uid = UINT32_MAX;
    engine->log_fd = engine->description = -1;
    LIST_INIT(&engine->backtraces);
    TAILQ_INIT(&engine->asking);
    engine->began_us = engine_now(engine);
    engine->core = core_new(&ops, engine, (uint64_t)apr_time_now());
    engine->limits = (struct core_limits){
        .max = 6, .max_spawning = 2, .max_idle_us = 300 * APR_USEC_PER_SEC,
    };
    core_set_limits(engine->core, &engine->limits, 0);
    return engine;
}

struct engine *engine_open(apr_pool_t *pool, int link)
{
    struct engine *engine = engine_new(pool);

    if (engine == NULL || link_open(engine, link) < 0) {
        return NULL;
    }
    engine->look = loop_timer_add(engine->loop, LOOK_US, on_look, engine);
    return engine;
}

void engine_close(struct engine *engine)
{
    engine->ending = true;
    loop_timer_cancel(&engine->tick);
    loop_timer_cancel(&engine->look);
    loop_timer_cancel(&engine->answer);
    operate_end(engine);
    client_free_all(engine);
    lend_settle(engine);
    core_free(&engine->core); /* forgets the processes one by one */
    running_free_all(engine);
    definition_free_all(engine);
    link_close(engine);
    log_to(-1);
    fd_close(&engine->log_fd);
}

int engine_main(void)
{
    apr_pool_t *pool;
    struct engine *engine;

    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NAME, "apppool-engine");
    signal(SIGPIPE, SIG_IGN);
    log_open("engine", LOG_LEVEL_NOTICE);
    if (apr_initialize() != APR_SUCCESS) {
        return 1;
    }
    pool = memory_root();
    engine = engine_open(pool, LINK_FD);
    if (engine == NULL) {
        log_error("the engine cannot start: %s", strerror(errno));
        return 1;
    }
    confine(CONFINE_ENGINE);
    loop_run(engine->loop);
    engine_close(engine);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
