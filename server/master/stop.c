/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stop.c - see stop.h.
 */
#include "stop.h"

#include <signal.h>
#include <sys/pidfd.h>

#include "engine_keeper.h"
#include "engine_link.h"
#include "processes.h"
#include "reaper.h"
#include "watcher_keeper.h"

#define DRAIN_TIME    (5 * APR_USEC_PER_SEC)
#define ORPHAN_TIME   (3 * APR_USEC_PER_SEC)
#define END_TIME      (APR_USEC_PER_SEC * 3 / 2)
/* A killed process goes at once, unless it hangs in the kernel. */
#define KILL_TIME     (APR_USEC_PER_SEC / 2)

static void on_timer(void *baton);

static void enter(struct master *m, enum master_phase phase,
                  apr_interval_time_t longest)
{
    m->phase = phase;
    loop_timer_cancel(&m->stop_timer);
    m->stop_timer = loop_timer_add(m->loop, longest, on_timer, m);
}

static void end_applications(struct master *m)
{
    enter(m, MASTER_ENDING, END_TIME);
    process_signal_all(m, SIGTERM);
}

static void kill_everything(struct master *m)
{
    enter(m, MASTER_KILLING, KILL_TIME);
    process_signal_all(m, SIGKILL);
    reaper_kill_children(m);
    engine_keeper_end(m);
    watcher_keeper_end(m);
}

static void give_up(struct master *m)
{
    if (m->engine_pidfd >= 0) {
        pidfd_send_signal(m->engine_pidfd, SIGKILL, NULL, 0);
    }
    loop_stop(m->loop);
}

static void on_timer(void *baton)
{
    struct master *m = baton;

    m->stop_timer = NULL;
    switch (m->phase) {
    case MASTER_DRAINING:
        end_applications(m);
        break;
    case MASTER_ENDING:
        kill_everything(m);
        break;
    case MASTER_KILLING:
        give_up(m);
        break;
    case MASTER_RUNNING:
        break;
    }
}

void stop_tell(struct master *m)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_STOP, 0);
    engine_link_send(m, &msg);
}

static void drain(struct master *m, const char *why,
                  apr_interval_time_t longest)
{
    if (m->phase != MASTER_RUNNING) {
        return;
    }
    log_info("the server ends: %s", why);
    enter(m, MASTER_DRAINING, longest);
    stop_tell(m);
    if (m->link < 0) {
        end_applications(m);
    }
    stop_check(m);
}

void stop_begin(struct master *m, const char *why)
{
    drain(m, why, DRAIN_TIME);
}

void stop_orphaned(struct master *m)
{
    drain(m, "its parent has ended", ORPHAN_TIME);
}

void stop_quickly(struct master *m, const char *why)
{
    stop_begin(m, why);
    if (m->phase == MASTER_DRAINING) {
        end_applications(m);
    }
}

void stop_engine_died(struct master *m)
{
    if (m->phase == MASTER_DRAINING) {
        end_applications(m);
    }
    stop_check(m);
}

/* With the last process goes what the applications left behind, then the
 * engine, whose link is closed; with that the master. */
void stop_check(struct master *m)
{
    if (m->phase == MASTER_RUNNING || apr_hash_count(m->processes) > 0) {
        return;
    }
    if (m->phase != MASTER_KILLING) {
        kill_everything(m);
    }
    if (m->engine_pid == 0 && reaper_kill_children(m) == 0) {
        loop_stop(m->loop);
    }
}
