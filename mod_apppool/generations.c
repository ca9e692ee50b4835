/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generations.c - looks at httpd's scoreboard.
 *
 * A child that a graceful restart has told to end keeps its place until its
 * last connection has ended. With Debian's defaults the sixteenth graceful with
 * one long connection each would leave no place for a child that takes new
 * connections, and GracefulShutdownTimeout does not apply.
 */
#include "generations.h"

#include <ap_mpm.h>
#include <scoreboard.h>

static int query(int what)
{
    int value;

    return ap_mpm_query(what, &value) == APR_SUCCESS ? value : 0;
}

bool generations_need_room(void)
{
    const global_score *global = ap_get_scoreboard_global();
    int places = query(AP_MPMQ_HARD_LIMIT_DAEMONS);
    int mine = query(AP_MPMQ_GENERATION);
    int i, n_old = 0, oldest = mine;

    if (global == NULL || mine == global->running_generation) {
        return false;
    }
    for (i = 0; i < places; i++) {
        const process_score *process = ap_get_scoreboard_process(i);

        if (process != NULL && process->pid != 0 &&
            process->generation != global->running_generation) {
            n_old++;
            oldest = process->generation < oldest ? process->generation
                                                  : oldest;
        }
    }
    return n_old * 2 > places && oldest == mine;
}
