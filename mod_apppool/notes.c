/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notes.c - see notes.h.
 */
#include "notes.h"

#include <apr_strings.h>

#include "clock.h"

static void put_time(request_rec *r, const char *name, apr_interval_time_t us)
{
    apr_table_setn(r->notes, name,
                   apr_psprintf(r->pool, "%.3f", (double)us / 1000));
}

void notes_ask(struct notes *notes)
{
    notes->began = clock_now();
}

void notes_lent(struct notes *notes, request_rec *r,
                const struct apppool_session *session)
{
    notes->lent = clock_now();
    notes->queue += notes->lent - notes->began;
    put_time(r, "apppool-queue", notes->queue);
    if (session == NULL) {
        put_time(r, "apppool-spawn", notes->spawn);
        return;
    }
    notes->spawn += apppool_session_spawn_time(session);
    notes->pid = apppool_session_pid(session);
    put_time(r, "apppool-spawn", notes->spawn);
    apr_table_setn(r->notes, "apppool-pid",
                   apr_psprintf(r->pool, "%" APR_PID_T_FMT, notes->pid));
    apr_table_setn(r->notes, "apppool-retry",
                   apr_psprintf(r->pool, "%u", notes->n_lent++));
}

void notes_returned(struct notes *notes, request_rec *r)
{
    if (notes->lent != 0) {
        notes->app += clock_now() - notes->lent;
        notes->lent = 0;
        put_time(r, "apppool-app", notes->app);
    }
}
