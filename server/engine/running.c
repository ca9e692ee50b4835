/* SPDX-License-Identifier: Apache-2.0 */
/*
 * running.c - see running.h.
 */
#include "running.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_type.h"
#include "exclusive.h"
#include "failure.h"
#include "lease.h"
#include "lend.h"
#include "link.h"
#include "outlet.h"
#include "stand_in.h"
#include "sticky.h"
#include "takeover.h"
#include "watch.h"

static const char *phase_of(const struct running *running)
{
    if (!running->ready) {
        return running->failed ? "failed" : "starting";
    }
    return running->core != NULL && core_process_is_leaving(running->core)
               ? "ending" : "serving";
}

/* How long it has been there; 0 where an engine before knew. */
static double age_of(const struct running *running)
{
    struct core_process_view view = { .started_us = 0 };

    if (running->core != NULL) {
        core_process_view(running->core, &view);
    }
    return view.started_us == 0 ? 0
        : (double)(engine_now(running->engine) - view.started_us) / 1e6;
}

void running_log(const struct running *running, enum log_level level,
                 const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    log_line(level, "app %s (%spid %ld, %s, %.3f s): %s",
             running->definition->root,
             running->preloader ? "preloader, " : "", (long)running->pid,
             phase_of(running), age_of(running), text);
}

struct running *running_find(struct engine *engine, uint32_t number)
{
    return apr_hash_get(engine->processes, &number, sizeof number);
}

struct running *running_find_pid(struct engine *engine, pid_t pid)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        struct running *running = apr_hash_this_val(i);

        if (running->pid == pid) {
            return running;
        }
    }
    return NULL;
}

struct running *running_new(struct engine *engine, uint32_t number,
                            struct definition *definition)
{
    struct running *running = calloc(1, sizeof *running);

    if (running == NULL) {
        abort();
    }
    running->engine = engine;
    running->number = number;
    running->definition = definition;
    definition->n_processes++;
    LIST_INIT(&running->slots);
    apr_hash_set(engine->processes, &running->number, sizeof running->number,
                 running);
    return running;
}

static void running_free(struct running *running)
{
    struct engine *engine = running->engine;
    struct definition *definition = running->definition;

    apr_hash_set(engine->processes, &running->number, sizeof running->number,
                 NULL);
    sticky_forget(running);
    outlet_leave(running);
    story_free(&running->story);
    free(running->error);
    free(running);
    definition->n_processes--;
    if (definition->n_processes > 0 || engine->ending) {
        return;
    }
    watch_end(engine, definition);
    if (definition->app == NULL) {
        definition_sweep(engine);
    }
}

/* Decisions ---------------------------------------------------------------- */

void running_start(struct engine *engine, struct core_process *process,
                   enum core_start how, struct core_process *preloader,
                   unsigned listener)
{
    struct definition *definition = core_app_baton(core_process_app(process));
    struct running *running =
        running_new(engine, core_process_number(process), definition);

    watch_begin(engine, definition);
    running->core = process;
    running->preloader = how == CORE_START_PRELOADER;
    running->story = story_new(engine_now(engine));
    core_process_set_baton(process, running);
    if (!running->preloader) {
        sticky_set(running, 0);
    }
    if (how == CORE_START_FORK) {
        struct running *parent = core_process_baton(preloader);

        running->forked_by = parent->number;
        memcpy(running->user, parent->user, sizeof running->user);
        running->type = parent->type;
        running->listener = listener;
        link_fork(engine, running->number, parent->number, listener,
                  running->sticky);
    } else {
        link_spawn(engine, running->number, definition->number,
                   running->preloader ? listener : 0, running->sticky);
    }
}

static const char *reason_text(enum core_reason why)
{
    static const char *const texts[] = {
        [CORE_IDLE] = "was idle for PoolMaxIdleTime",
        [CORE_MAX_REQUESTS] = "has served PoolMaxRequests",
        [CORE_MEMORY] = "is over PoolMemoryLimit",
        [CORE_RESTART] = "runs the release before",
        [CORE_MAKE_ROOM] = "makes room for another application",
        [CORE_LOWERED] = "is over a lowered limit",
        [CORE_CLEARED] = "was cleared",
        [CORE_DETACHED] = "was detached",
        [CORE_REMOVED] = "is no longer configured",
        [CORE_TOO_LONG] = "has worked on one request for too long",
        [CORE_UNRESPONSIVE] = "does not respond",
        [CORE_STOP] = "ends with the pool server",
    };

    return texts[why];
}

void running_retire(struct engine *engine, struct core_process *process,
                    enum core_reason why)
{
    struct running *running = core_process_baton(process);

    running_log(running, LOG_LEVEL_DEBUG, "%s: SIGTERM", reason_text(why));
    running->was_asked = why != CORE_TOO_LONG && why != CORE_UNRESPONSIVE;
    exclusive_on_retire(running);
    link_kill(engine, running->number, SIGTERM);
}

/* A ready process is aborted for one reason only. */
static const char *reason_to_kill(const struct running *running, int signal)
{
    if (!running->ready) {
        return "has not come up";
    }
    return signal == SIGABRT ? "has worked on one request for longer than "
                               "PoolMaxRequestTime"
                             : "did not end when asked to";
}

void running_kill(struct engine *engine, struct core_process *process,
                  int signal)
{
    struct running *running = core_process_baton(process);

    if (!running->ready && signal == SIGABRT) {
        failure_of_patience(running);
    }
    running_log(running, LOG_LEVEL_WARN, "%s: %s",
                reason_to_kill(running, signal),
                signal == SIGKILL ? "SIGKILL" : "SIGABRT for its backtraces");
    link_kill(engine, running->number, signal);
}

void running_forget(struct engine *engine, struct core_process *process)
{
    struct running *running = core_process_baton(process);

    (void)engine;
    if (running != NULL) {
        running->core = NULL;
    }
}

/* What the master tells ---------------------------------------------------- */

void running_on_spawned(struct engine *engine, struct wire_message *m)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    int fd;

    if (running == NULL && !engine->started) {
        takeover_on_spawned(engine, m);
        return;
    }
    if (running == NULL) {
        link_kill(engine, wire_get_u32(m, FIELD_PROCESS, 0), SIGKILL);
        return;
    }
    running->pid = (pid_t)wire_get_u32(m, FIELD_PID, 0);
    fd = wire_take_fd(m, 0);
    outlet_open(running, &fd);
    outlet_join(running);
    story_step(running->story, engine_now(engine),
               running->forked_by != 0 ? "forked by its preloader"
                                       : "apppool-spawn runs");
    running_log(running, LOG_LEVEL_INFO, "started");
}

void running_probe(const struct running *running)
{
    struct engine *engine = running->engine;

    link_connect(engine, 0, ++engine->probe_id, running->number, true);
}

void running_act_on_type(struct running *running)
{
    const struct app_type *type = app_type(running->type);

    if (running->preloader && !type->can_be_smart) {
        running->failed = true; /* it ends by itself, and it is no failure */
        core_preloader_is_useless(running->core, engine_now(running->engine));
    } else if (!type->reports && !running->preloader) {
        running_probe(running);
    }
}

void running_is_ready(struct running *running)
{
    bool is_proof;

    if (running->ready || running->core == NULL) {
        return;
    }
    running->ready = true;
    story_free(&running->story);
    if (running->outlet != NULL) {
        output_forget(running->outlet->output);
    }
    running_log(running, LOG_LEVEL_INFO, "ready");
    link_ready(running->engine, running->number);
    metrics_spawned(running);
    is_proof = !running->preloader && running->definition->stand_in != 0;
    if (is_proof) {
        stand_in_relieve(running->definition);
    }
    core_process_ready(running->core, engine_now(running->engine));
    if (is_proof) {
        stand_in_dismiss(running->definition);
        definition_sweep(running->engine);
    }
    lease_recall(running->engine); /* of those that it replaces */
}

enum apppool_protocol running_protocol(const struct running *running)
{
    uint32_t said = running->definition->protocol;

    return said != 0 ? (enum apppool_protocol)said
                     : app_type(running->type)->protocol;
}

void running_add_error(struct running *running, const char *text, size_t len)
{
    size_t room = WIRE_MAX_STRING - running->error_len;

    if (len > room) {
        len = room;
    }
    running->error = realloc(running->error, running->error_len + len + 1);
    if (running->error == NULL) {
        abort();
    }
    memcpy(running->error + running->error_len, text, len);
    running->error_len += len;
    running->error[running->error_len] = '\0';
}

/* The end ------------------------------------------------------------------ */

static int level_of_end(const struct running *running, uint32_t status)
{
    return running->ready && !running->was_asked && status != 0
               ? LOG_LEVEL_WARN
               : LOG_LEVEL_INFO;
}

static void describe_end(char *text, size_t size, uint32_t status)
{
    if (WIFSIGNALED(status)) {
        snprintf(text, size, "was ended by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, size, "exited with %d", WEXITSTATUS(status));
    }
}

/* Settle with the core that there is no such process any more. */
static void end(struct running *running, const char *how)
{
    struct engine *engine = running->engine;

    if (running->core != NULL && !running->ready && !running->was_asked) {
        if (running->failed) {
            failure_of_patience(running);
        } else {
            failure_of_start(running, how);
        }
    }
    if (running->core != NULL) {
        lend_process_gone(engine, running);
        core_process_gone(running->core, engine_now(engine));
    }
    running_free(running);
}

void running_on_spawn_error(struct engine *engine, struct wire_message *m)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    const char *message = wire_get_text(m, FIELD_MESSAGE, NULL);

    if (running != NULL) {
        running_add_error(running, message, strlen(message));
        end(running, "was not started");
    }
}

void running_on_gone(struct engine *engine, struct wire_message *m)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    uint32_t status = wire_get_u32(m, FIELD_EXIT_STATUS, 0);
    char how[128];

    if (running == NULL) {
        return;
    }
    outlet_drain(running->outlet);
    describe_end(how, sizeof how, status);
    running_log(running, level_of_end(running, status), "%s", how);
    end(running, how);
}

void running_free_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->processes);
         i != NULL; i = apr_hash_next(i)) {
        running_free(apr_hash_this_val(i));
    }
}
