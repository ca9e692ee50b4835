/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backoff.c - an application that does not start is tried again after 1, 2,
 * 4 ... at most 30 seconds, and until then says why at once.
 */
#include "core_internal.h"

#include <stdlib.h>
#include <string.h>

bool core_backoff_holds(const struct core_app *app, int64_t now_us)
{
    return now_us < app->retry_at_us;
}

/* Whole seconds until the next try, at least 1. */
unsigned core_backoff_left_s(const struct core_app *app, int64_t now_us)
{
    int64_t left_us = app->retry_at_us - now_us;

    return left_us > CORE_SECOND
               ? (unsigned)((left_us + CORE_SECOND - 1) / CORE_SECOND)
               : 1;
}

/* After so many failures before this one. */
static int64_t backoff_wait_us(unsigned failures)
{
    return (failures < 5 ? 1 << failures : CORE_MAX_BACKOFF_S) * CORE_SECOND;
}

void core_backoff_failed(struct core_app *app, const char *text, int64_t now_us)
{
    char *copy = strdup(text ? text : "");

    if (!copy) {
        abort();
    }
    free(app->last_error);
    app->last_error = copy;
    app->retry_at_us = now_us + backoff_wait_us(app->failures);
    app->failures++;
    app->failed_spawns++;
}

/* One that came up has died young: replaced at once a crash would be a loop. */
void core_backoff_infant(struct core_app *app, int64_t now_us)
{
    if (!app->awake) {
        return;
    }
    if (now_us - app->infant_us > CORE_FORGIVEN_US) {
        app->infants = 0;
    }
    core_app_sleep(app, now_us + backoff_wait_us(app->infants));
    app->infants++;
    app->infant_us = now_us;
}

/* Whoever waits for an application that has no process and may not start one
 * gets the error. */
void core_backoff_refuse(struct core_app *app, int64_t now_us)
{
    if (app->n_waiting && core_backoff_holds(app, now_us)
        && !core_app_alive(app)) {
        core_queue_refuse_all(app, CORE_SPAWN_FAILED, app->last_error,
                              core_backoff_left_s(app, now_us), now_us);
    }
}

/* It starts, or there is reason to believe that it will. */
void core_backoff_end(struct core_app *app)
{
    app->failures = 0;
    app->retry_at_us = 0;
    app->held_back = false;
}

void core_app_retry(struct core_app *app, int64_t now_us)
{
    core_backoff_end(app);
    core_settle(app, now_us);
}
