/* SPDX-License-Identifier: Apache-2.0 */
/*
 * core_world.c - see core_world.h.
 */
#include "core_world.h"
#include "program.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void
world_note(struct world *world, const char *format, ...)
{
    size_t len = strlen(world->diary);
    va_list args;

    if (len) {
        strcpy(world->diary + len, ", ");
        len += 2;
    }
    va_start(args, format);
    vsnprintf(world->diary + len, sizeof(world->diary) - len - 2, format, args);
    va_end(args);
}

static char world_letter(struct world *world, struct core_waiter *waiter)
{
    return (char)(waiter - world->waiters);
}

static void on_start(void *baton, struct core_process *process,
                     enum core_start how, struct core_process *preloader,
                     unsigned listener)
{
    struct world *world = baton;
    uint32_t number = core_process_number(process);

    ck_assert_uint_lt(number, WORLD_PROCESSES);
    world->processes[number] = process;
    if (how == CORE_START_DIRECT) {
        world_note(world, "start %u", number);
    } else if (how == CORE_START_PRELOADER) {
        world_note(world, "preload %u", number);
    } else {
        world_note(world, "fork %u of %u.%u", number,
                   core_process_number(preloader), listener);
    }
}

static void on_hand_out(void *baton, struct core_waiter *waiter,
                        struct core_process *process)
{
    world_note(baton, "%c=%u", world_letter(baton, waiter),
               core_process_number(process));
}

static bool on_prefers(void *baton, struct core_process *process,
                       struct core_waiter *waiter)
{
    struct world *world = baton;

    (void)process;
    return world_letter(world, waiter) == world->preferred;
}

static void on_refuse(void *baton, struct core_waiter *waiter,
                      enum core_refusal why, const char *text,
                      unsigned retry_after_s)
{
    static const char *const names[] = {"failed", "full", "late", "stopping"};
    struct world *world = baton;

    world->retry_after = retry_after_s;
    world_note(world, "%c!%s%s%s", world_letter(world, waiter), names[why],
               text ? ": " : "", text ? text : "");
}

static void on_retire(void *baton, struct core_process *process,
                      enum core_reason why)
{
    static const char *const names[] = {
        "idle",    "max-requests", "memory",   "restart", "room",
        "lowered", "cleared",      "detached", "removed", "too-long",
        "unresponsive", "stop"};

    world_note(baton, "retire %u %s", core_process_number(process),
               names[why]);
}

static void on_kill(void *baton, struct core_process *process, int signal)
{
    world_note(baton, "%s %u", signal == SIGABRT ? "abort" : "kill",
               core_process_number(process));
}

static void on_forget(void *baton, struct core_process *process)
{
    struct world *world = baton;

    world->processes[core_process_number(process)] = NULL;
    world->forgotten++;
}

static void on_restarted(void *baton, struct core_app *app, const char *error)
{
    (void)app;
    if (error) {
        world_note(baton, "unchanged: %s", error);
    } else {
        world_note(baton, "restarted");
    }
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

struct world *world_new(unsigned max)
{
    struct world *world = calloc(1, sizeof(*world));

    ck_assert_ptr_nonnull(world);
    world->core = core_new(&ops, world, 1);
    world->now = 1000 * SECOND;
    world_limit(world, max, max, 0);
    return world;
}

void world_free(struct world *world)
{
    core_free(&world->core);
    free(world);
}

void world_limit(struct world *world, unsigned max, unsigned max_spawning,
                 int64_t max_idle_s)
{
    struct core_limits limits = {
        .max = max,
        .max_spawning = max_spawning,
        .max_idle_us = max_idle_s * SECOND,
    };

    core_set_limits(world->core, &limits, world->now);
    core_check(world->core);
}

struct core_app_limits world_limits(void)
{
    return (struct core_app_limits){.min_instances = 1, .concurrency = 1};
}

struct core_app *world_app_with(struct world *world,
                                struct core_app_limits limits)
{
    struct core_app *app =
        core_app_add(world->core, &limits, world, world->now);

    core_check(world->core);
    return app;
}

struct core_app *world_app(struct world *world)
{
    return world_app_with(world, world_limits());
}

static struct core_process *world_process(struct world *world, uint32_t number)
{
    ck_assert_msg(world->processes[number], "no process %u", number);
    return world->processes[number];
}

void get_aged(struct world *world, struct core_app *app, char letter,
              int64_t age_us)
{
    struct core_waiter *waiter = &world->waiters[(unsigned char)letter];

    waiter->since_us = world->now - age_us;
    core_get(app, waiter, world->now);
    core_check(world->core);
}

void get(struct world *world, struct core_app *app, const char *letters)
{
    for (; *letters; letters++) {
        world->waiters[(unsigned char)*letters].sticky = NULL;
        get_aged(world, app, *letters, 0);
    }
}

void get_sticky(struct world *world, struct core_app *app, char letter,
                uint32_t process)
{
    world->waiters[(unsigned char)letter].sticky = world->processes[process];
    get_aged(world, app, letter, 0);
}

void cancel(struct world *world, char letter)
{
    core_cancel(&world->waiters[(unsigned char)letter], world->now);
    core_check(world->core);
}

void closed(struct world *world, uint32_t process)
{
    core_session_closed(world_process(world, process), true, world->now);
    core_check(world->core);
}

void closed_dirty(struct world *world, uint32_t process)
{
    core_session_closed(world_process(world, process), false, world->now);
    core_check(world->core);
}

void cleaned(struct world *world, uint32_t process)
{
    core_process_clean(world_process(world, process), world->now);
    core_check(world->core);
}

void lost(struct world *world, uint32_t process, char letter)
{
    core_hand_out_failed(world_process(world, process),
                         &world->waiters[(unsigned char)letter], world->now);
    core_check(world->core);
}

void ready(struct world *world, uint32_t process)
{
    core_process_ready(world_process(world, process), world->now);
    core_check(world->core);
}

void failed(struct world *world, uint32_t process, const char *text)
{
    core_spawn_failed(world_process(world, process), text, world->now);
    core_check(world->core);
}

void gone(struct world *world, uint32_t process)
{
    core_process_gone(world_process(world, process), world->now);
    ck_assert_ptr_null(world->processes[process]);
    core_check(world->core);
}

void pass(struct world *world, int64_t us)
{
    int64_t end = world->now + us;
    int64_t due;

    while ((due = core_next_tick(world->core)) <= end) {
        if (due > world->now) {
            world->now = due;
        }
        core_tick(world->core, world->now);
        core_check(world->core);
        ck_assert_int_gt(core_next_tick(world->core), world->now);
    }
    world->now = end;
}

void expect(struct world *world, const char *diary)
{
    ck_assert_str_eq(world->diary, diary);
    forget(world);
}

void forget(struct world *world)
{
    world->diary[0] = '\0';
}

struct core_view world_view(struct world *world)
{
    struct core_view view;

    core_view(world->core, &view);
    return view;
}

struct core_app_view app_view(struct core_app *app)
{
    struct core_app_view view;

    core_app_view(app, &view);
    return view;
}

enum core_process_state state_of(struct world *world, uint32_t process)
{
    struct core_process_view view;

    core_process_view(world_process(world, process), &view);
    return view.state;
}

int world_run(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);

    program_add(program_case(suite, name, NULL, NULL), tests);
    return program_run(suite);
}
