/* SPDX-License-Identifier: Apache-2.0 */
/*
 * room.c - places in a full pool, and who gets the next one.
 *
 * Applications that need a process wait in three lists (enum core_hunger),
 * each in the order of arrival; who has got one and needs more goes to the
 * end. When there are more of them than places that are free or about to be,
 * others give up idle processes: the longest idle one of an application above
 * its minimum first; for one that has none at all also one at its minimum; or,
 * if none is idle, the next that comes free where there are most.
 */
#include "core_internal.h"

#include <assert.h>

/* Processes that stay, or come; without a successor's extra place. */
static int room_staying(const struct core *core)
{
    return (int)(core->count[STAGE_STARTING] + core->count[STAGE_SERVING]
                 + core->n_reserved)
           - (core->successor ? 1 : 0);
}

/* Places that are free, or will be when those have ended that are to end. */
int core_room_free(const struct core *core)
{
    return (int)core->limits.max - room_staying(core);
}

bool core_room_is_over(const struct core *core)
{
    return core_room_free(core) < 0;
}

bool core_room_app_is_over(const struct core_app *app)
{
    unsigned staying =
        core_app_alive(app) - (app->core->successor == app ? 1 : 0);

    return app->limits.max_per_app && staying > app->limits.max_per_app;
}

/* Starts that may be made now beside those that are on their way. */
static int room_turns(const struct core *core)
{
    return (int)core->limits.max_spawning
           - (int)(core->count[STAGE_STARTING] + core->n_reserved);
}

static unsigned room_in_use(const struct core *core)
{
    return core->count[STAGE_STARTING] + core->count[STAGE_SERVING]
           + core->count[STAGE_LEAVING] + core->count[STAGE_RETIRING]
           + core->n_reserved;
}

static bool room_has_place(const struct core *core)
{
    return room_in_use(core) < core->limits.max && room_turns(core) > 0;
}

void core_room_leave(struct core_app *app)
{
    struct core *core = app->core;

    if (app->hunger != HUNGER_NONE) {
        TAILQ_REMOVE(&core->hungry[app->hunger], app, hungry);
        core->n_hungry[app->hunger]--;
        app->hunger = HUNGER_NONE;
    }
}

/* Where it belongs by its needs; it keeps its place if it is there. */
void core_room_file(struct core_app *app, int64_t now_us)
{
    struct core *core = app->core;
    enum core_hunger hunger = core_app_hunger(app, now_us);

    if (hunger == app->hunger) {
        return;
    }
    core_room_leave(app);
    if (hunger != HUNGER_NONE) {
        app->hunger = hunger;
        app->hungry_since_us = now_us;
        TAILQ_INSERT_TAIL(&core->hungry[hunger], app, hungry);
        core->n_hungry[hunger]++;
    }
}

static int room_positive(int n)
{
    return n > 0 ? n : 0;
}

/* Applications without a process for whom no place is in sight. */
static int room_starving(const struct core *core)
{
    return (int)core->n_hungry[HUNGER_STARVED]
           - room_positive(core_room_free(core));
}

/* Has a process of `app` that comes free to go, so that another application
 * gets one at all? Not while the application itself has nothing for it: it is
 * idle then, and core_room_settle() looks for idle ones. */
bool core_room_claims(const struct core_app *app, int64_t now_us)
{
    const struct core *core = app->core;
    const struct core_app *starved =
        TAILQ_FIRST(&core->hungry[HUNGER_STARVED]);

    if (!starved || !app->n_waiting || room_turns(core) <= 0
        || room_starving(core) <= 0) {
        return false;
    }
    return core_app_alive(app) >= core->most
           || now_us - starved->hungry_since_us >= CORE_STARVED_US;
}

static struct core_app *room_first_hungry(const struct core *core)
{
    unsigned hunger;

    for (hunger = 0; hunger < HUNGER_COUNT; hunger++) {
        if (!TAILQ_EMPTY(&core->hungry[hunger])) {
            return TAILQ_FIRST(&core->hungry[hunger]);
        }
    }
    return NULL;
}

static void room_feed(struct core *core, int64_t now_us)
{
    struct core_app *app;

    while (room_has_place(core) && (app = room_first_hungry(core)) != NULL) {
        core_room_leave(app);
        core_start(app, false, now_us);
        core_app_settle(app, now_us);
    }
}

/* An idle process that may go for those who are hungry; NULL: none. */
static struct core_process *room_find_idle(struct core *core)
{
    struct core_process *process = core_idle_longest(&core->spare);

    if (!process && room_starving(core) > 0) {
        process = core_idle_longest(&core->at_floor);
    }
    return process;
}

static int room_wanted(const struct core *core)
{
    int hungry = (int)(core->n_hungry[HUNGER_STARVED]
                       + core->n_hungry[HUNGER_SHORT]);
    int turns = room_turns(core);

    return room_positive(hungry < turns ? hungry : turns);
}

static void room_give_up(struct core_process *process, enum core_reason why,
                         int64_t now_us)
{
    struct core_app *app = process->app;

    if (app->count[STAGE_SERVING] <= app->limits.min_instances) {
        core_app_sleep(app, 0); /* else it would want it back at once */
    }
    core_retire(process, why, now_us);
    core_app_settle(app, now_us);
}

static void room_make(struct core *core, int64_t now_us)
{
    struct core_process *process;

    while (core_room_free(core) < room_wanted(core)
           && (process = room_find_idle(core)) != NULL) {
        room_give_up(process, CORE_MAKE_ROOM, now_us);
    }
}

/* The limit was lowered: idle ones end now. */
static void room_trim(struct core *core, int64_t now_us)
{
    struct core_process *process;

    while (core_room_is_over(core)) {
        process = core_idle_longest(&core->spare);
        if (!process) {
            process = core_idle_longest(&core->at_floor);
        }
        if (!process) {
            break;
        }
        room_give_up(process, CORE_LOWERED, now_us);
    }
}

void core_room_settle(struct core *core, int64_t now_us)
{
    room_feed(core, now_us);
    room_trim(core, now_us);
    room_make(core, now_us);
}
