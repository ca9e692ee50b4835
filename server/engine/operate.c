/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operate.c - see operate.h.
 */
#include "operate.h"

#include <signal.h>
#include <stdlib.h>

#include "app_type.h"
#include "definition.h"
#include "link.h"
#include "outlet.h"
#include "running.h"
#include "socket.h"

/* How long a loader may take to print where its threads are. */
#define BACKTRACE_US (700 * INT64_C(1000))

/* Draining ----------------------------------------------------------------- */

void operate_on_drain(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    bool draining = wire_get_u32(m, FIELD_NUMBER, 0) != 0;

    if (engine->draining != draining) {
        log_notice(draining ? "draining: health answers 503 from now on"
                            : "no longer draining");
    }
    engine->draining = draining;
    link_keep_draining(engine, draining);
    channel_done(channel, wire_request_id(m));
}

/* Backtraces --------------------------------------------------------------- */

/* An answer that is owed. Channel and process may go meanwhile, so they are
 * known by their numbers. */
struct backtrace {
    LIST_ENTRY(backtrace) next; /* in engine->backtraces */
    struct engine *engine;
    struct loop_timer *timer;
    uint32_t client, channel, id, process;
};

static struct channel *channel_find(struct engine *engine, uint32_t client,
                                    uint32_t number)
{
    struct client *owner = client_find(engine, client);
    struct channel *channel = NULL;

    if (owner != NULL) {
        TAILQ_FOREACH(channel, &owner->channels, next) {
            if (channel->number == number) {
                break;
            }
        }
    }
    return channel;
}

static void tell(struct channel *channel, uint32_t id,
                 const struct running *running)
{
    struct wire_message m;

    if (running == NULL) {
        channel_refuse(channel, id, STATUS_FAILED,
                       "the process has ended meanwhile", NULL, 0);
        return;
    }
    wire_message_init(&m);
    wire_message_begin(&m, MSG_DONE, id);
    wire_put_text(&m, FIELD_MESSAGE, outlet_tail(running));
    channel_send(channel, &m);
    wire_message_clear(&m);
}

static void on_printed(void *baton)
{
    struct backtrace *backtrace = baton;
    struct engine *engine = backtrace->engine;
    struct channel *channel = channel_find(engine, backtrace->client,
                                           backtrace->channel);
    struct running *running = running_find(engine, backtrace->process);

    if (channel != NULL) {
        tell(channel, backtrace->id, running);
    }
    if (running != NULL && running->outlet != NULL) {
        output_forget(running->outlet->output);
    }
    LIST_REMOVE(backtrace, next);
    free(backtrace);
}

static void wait_for_print(struct channel *channel, uint32_t id,
                           const struct running *running)
{
    struct engine *engine = running->engine;
    struct backtrace *backtrace = calloc(1, sizeof *backtrace);

    if (backtrace == NULL) {
        abort();
    }
    backtrace->engine = engine;
    backtrace->client = channel->client->number;
    backtrace->channel = channel->number;
    backtrace->id = id;
    backtrace->process = running->number;
    LIST_INSERT_HEAD(&engine->backtraces, backtrace, next);
    backtrace->timer = loop_timer_add(engine->loop, BACKTRACE_US, on_printed,
                                      backtrace);
}

/* Why not; NULL: it has a loader, which knows the signal. */
static const char *reason_against(const struct running *running)
{
    if (running == NULL || running->core == NULL) {
        return "no process of the pool has this pid";
    }
    if (!app_type(running->type)->reports) {
        return "it has no loader of ours: SIGABRT would end it";
    }
    return running->ready ? NULL : "it is still starting";
}

void operate_on_backtrace(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct running *running =
        running_find_pid(engine, (pid_t)wire_get_u32(m, FIELD_PID, 0));
    const char *why = reason_against(running);

    if (why != NULL) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED, why, NULL,
                       0);
        return;
    }
    running_log(running, LOG_LEVEL_NOTICE, "is asked where its threads are");
    if (running->outlet != NULL) {
        output_remember(running->outlet->output);
    }
    link_kill(engine, running->number, SIGABRT);
    wait_for_print(channel, wire_request_id(m), running);
}

/* The configuration in words ----------------------------------------------- */

void operate_on_describe(struct engine *engine, struct wire_message *m)
{
    int fd = wire_take_fd(m, 0);

    fd_close(&engine->description);
    engine->description = fd;
}

void operate_on_config(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    struct wire_message answer;
    int fd = engine->description >= 0 ? fd_duplicate(engine->description) : -1;

    if (fd < 0) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED,
                       "the pool server has no configuration of an httpd",
                       NULL, 0);
        return;
    }
    wire_message_init(&answer);
    wire_message_begin(&answer, MSG_STATUS_TEXT, wire_request_id(m));
    wire_put_fd(&answer, &fd);
    channel_send(channel, &answer);
    wire_message_clear(&answer);
}

void operate_end(struct engine *engine)
{
    struct backtrace *backtrace;

    while ((backtrace = LIST_FIRST(&engine->backtraces)) != NULL) {
        loop_timer_cancel(&backtrace->timer);
        LIST_REMOVE(backtrace, next);
        free(backtrace);
    }
    fd_close(&engine->description);
}
