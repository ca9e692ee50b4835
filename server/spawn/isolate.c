/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isolate.c - PoolIsolation: which means, and when.
 *
 * Whatever cannot be had is the end of the start: an application that its
 * admin wants kept apart does not run without.
 */
#include "isolate.h"

#include "cgroup.h"
#include "landlock.h"
#include "namespaces.h"

static void read_words(struct spawn *spawn)
{
    const char *words = wire_get_text(&spawn->define, FIELD_ISOLATION, NULL);
    char why[200];

    if (words != NULL &&
        !isolation_parse(words, &spawn->isolation, why, sizeof(why))) {
        spawn_fail(spawn, "PoolIsolation %s: %s.", words, why);
    }
}

/* Before anything of the application is looked at: where it is, changes. */
void isolate_places(struct spawn *spawn)
{
    read_words(spawn);
    namespaces_enter(spawn);
}

/* The last that is done as who started the server. */
void isolate_process(const struct spawn *spawn)
{
    cgroup_enter(spawn);
    landlock_enter(spawn);
}
