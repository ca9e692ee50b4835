/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c - the steps of apppool-spawn, in their order.
 */
#include "spawn.h"

#include <fcntl.h>
#include <unistd.h>

#include "app_type.h"
#include "isolate.h"

void spawn_application(const struct spawn_options *options)
{
    static struct spawn spawn; /* too large for a careful program's stack */

    spawn.options = *options;
    spawn.report = SPAWN_FIRST_LISTENER + (int)options->listeners;
    definition_read(&spawn);
    isolate_places(&spawn);
    root_open(&spawn);
    type_find(&spawn);
    user_choose(&spawn);
    report_send(&spawn, "type=%u uid=%u user=%s", (unsigned)spawn.type,
                (unsigned)spawn.uid, spawn.user);
    if (options->preload && !app_type(spawn.type)->can_be_smart) {
        _exit(0); /* nobody knew its type; the pool starts it directly now */
    }
    report_step(&spawn, "opened its root %s", spawn.root);
    report_step(&spawn, "found its type: %s%s%s", app_type(spawn.type)->name,
                *spawn.startup_file != '\0' ? ", by " : "",
                spawn.startup_file);
    isolate_process(&spawn);
    become_user(&spawn);
    report_step(&spawn, "became user %s (uid %u, gid %u)", spawn.user,
                (unsigned)spawn.uid, (unsigned)spawn.gid);
    command_run(&spawn);
}
