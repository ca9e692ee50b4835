/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_ending.c - idle processes, detach, clear, stop, and patience.
 */
#include "core_world.h"

#include <stddef.h>

static struct core_app *idle_app(struct world *w, struct core_app_limits limits,
                                 unsigned n)
{
    struct core_app *app = world_app_with(w, limits);

    for (unsigned i = 1; i <= n; i++) {
        get(w, app, "A");
        ready(w, i);
    }
    for (unsigned i = 1; i <= n; i++) {
        closed(w, i);
        pass(w, SECOND);
    }
    forget(w);
    return app;
}

START_TEST(idle_processes_above_the_minimum_end_after_the_idle_time)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.min_instances = 2;
    app = idle_app(w, limits, 4);
    world_limit(w, 4, 4, 100);
    pass(w, 95 * SECOND);
    expect(w, "");
    pass(w, SECOND);
    expect(w, "retire 1 idle");
    pass(w, SECOND);
    expect(w, "retire 2 idle");
    gone(w, 1);
    gone(w, 2);
    pass(w, 1000 * SECOND);
    expect(w, "");
    ck_assert_uint_eq(app_view(app).idle, 2);
    world_free(w);
}
END_TEST

START_TEST(with_a_minimum_of_none_the_last_idle_process_ends)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);

    limits.min_instances = 0;
    idle_app(w, limits, 1);
    world_limit(w, 4, 4, 10);
    pass(w, 10 * SECOND);
    expect(w, "retire 1 idle");
    world_free(w);
}
END_TEST

START_TEST(idle_time_begins_anew_with_each_request)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.min_instances = 0;
    app = idle_app(w, limits, 1);
    world_limit(w, 4, 4, 10);
    for (int i = 0; i < 5; i++) {
        pass(w, 8 * SECOND);
        get(w, app, "a");
        pass(w, 20 * SECOND);
        closed(w, 1);
    }
    expect(w, "a=1, a=1, a=1, a=1, a=1");
    pass(w, 10 * SECOND);
    expect(w, "retire 1 idle");
    world_free(w);
}
END_TEST

START_TEST(an_idle_time_of_none_keeps_idle_processes)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);

    limits.min_instances = 0;
    idle_app(w, limits, 2);
    pass(w, 100000 * SECOND);
    expect(w, "");
    ck_assert_int_eq(core_next_tick(w->core), INT64_MAX);
    world_free(w);
}
END_TEST

START_TEST(a_process_that_ignores_sigterm_is_killed)
{
    struct world *w = world_new(4);

    idle_app(w, world_limits(), 1);
    core_detach(w->processes[1], w->now);
    expect(w, "retire 1 detached, start 2");
    pass(w, 5 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "kill 1");
    pass(w, 100 * SECOND);
    expect(w, "");
    gone(w, 1);
    world_free(w);
}
END_TEST

START_TEST(a_detached_process_finishes_its_request)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    forget(w);
    core_detach(w->processes[1], w->now);
    core_check(w->core);
    get(w, app, "b");
    expect(w, "start 2");
    closed(w, 1);
    expect(w, "retire 1 detached");
    world_free(w);
}
END_TEST

START_TEST(a_request_that_takes_too_long_ends_its_process)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.max_request_us = 20 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    pass(w, 10 * SECOND);
    get(w, app, "b");
    ready(w, 2);
    forget(w);
    pass(w, 10 * SECOND);
    expect(w, "abort 1");
    pass(w, SECOND);
    expect(w, "kill 1");
    gone(w, 1);
    closed(w, 2);
    pass(w, 100 * SECOND);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(a_request_in_a_shared_process_is_watched_by_its_lender)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.concurrency = 4;
    limits.max_request_us = 20 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "ab");
    ready(w, 1);
    forget(w);
    pass(w, 100 * SECOND);
    expect(w, "");
    core_process_too_long(w->processes[1], w->now);
    core_check(w->core);
    expect(w, "abort 1, start 2");
    closed(w, 1);
    pass(w, SECOND);
    expect(w, "kill 1");
    world_free(w);
}
END_TEST

START_TEST(clear_ends_idle_processes_now_and_others_when_they_are_free)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 2);

    get(w, app, "a");
    forget(w);
    core_clear(w->core, w->now);
    core_check(w->core);
    expect(w, "retire 1 cleared");
    closed(w, 2);
    expect(w, "retire 2 cleared");
    gone(w, 1);
    gone(w, 2);
    expect(w, "");
    get(w, app, "b");
    expect(w, "start 3");
    world_free(w);
}
END_TEST

START_TEST(clear_does_not_take_the_start_that_somebody_waits_for)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    core_clear(w->core, w->now);
    core_check(w->core);
    ready(w, 1);
    expect(w, "start 1, a=1");
    world_free(w);
}
END_TEST

START_TEST(stop_refuses_all_retires_all_and_starts_nothing)
{
    struct world *w = world_new(2);
    struct core_app *app = idle_app(w, world_limits(), 2);

    get(w, app, "abc");
    forget(w);
    core_stop(w->core, w->now);
    core_check(w->core);
    expect(w, "c!stopping, retire 1 stop, retire 2 stop");
    get(w, app, "d");
    expect(w, "d!stopping");
    closed(w, 1);
    lost(w, 2, 'a');
    expect(w, "a!stopping");
    gone(w, 1);
    pass(w, 5 * SECOND);
    expect(w, "kill 2");
    gone(w, 2);
    expect(w, "");
    ck_assert_uint_eq(world_view(w).processes, 0);
    ck_assert_uint_eq(world_view(w).active, 0);
    world_free(w);
}
END_TEST

START_TEST(a_removed_application_goes_with_its_last_process)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 2);

    get(w, app, "a");
    forget(w);
    core_app_remove(&app, w->now);
    ck_assert_ptr_null(app);
    core_check(w->core);
    expect(w, "retire 1 removed");
    gone(w, 1);
    closed(w, 2);
    expect(w, "retire 2 removed");
    ck_assert_uint_eq(world_view(w).apps, 1);
    gone(w, 2);
    ck_assert_uint_eq(world_view(w).apps, 0);
    ck_assert_uint_eq(w->forgotten, 2);
    world_free(w);
}
END_TEST

START_TEST(a_removed_application_refuses_who_waits)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.smart = true;
    app = world_app_with(w, limits);
    get(w, app, "ab");
    forget(w);
    core_app_remove(&app, w->now);
    core_check(w->core);
    expect(w, "a!stopping, b!stopping, retire 1 removed");
    gone(w, 1);
    ck_assert_uint_eq(world_view(w).apps, 0);
    ck_assert_uint_eq(world_view(w).spawning, 0);
    world_free(w);
}
END_TEST

START_TEST(an_application_without_processes_is_removed_at_once)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    core_app_remove(&app, w->now);
    ck_assert_uint_eq(world_view(w).apps, 0);
    world_free(w);
}
END_TEST

START_TEST(concurrency_may_change_while_requests_run)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(2);
    struct core_app *app = idle_app(w, limits, 2);

    get(w, app, "abc");
    expect(w, "a=2, b=1");
    limits.concurrency = 2;
    core_app_set_limits(app, &limits, w->now);
    core_check(w->core);
    expect(w, "c=2");
    get(w, app, "d");
    expect(w, "d=1");
    limits.concurrency = 1;
    core_app_set_limits(app, &limits, w->now);
    core_check(w->core);
    get(w, app, "e");
    closed(w, 1);
    expect(w, "");
    closed(w, 1);
    expect(w, "e=1");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        idle_processes_above_the_minimum_end_after_the_idle_time,
        with_a_minimum_of_none_the_last_idle_process_ends,
        idle_time_begins_anew_with_each_request,
        an_idle_time_of_none_keeps_idle_processes,
        a_process_that_ignores_sigterm_is_killed,
        a_detached_process_finishes_its_request,
        a_request_that_takes_too_long_ends_its_process,
        a_request_in_a_shared_process_is_watched_by_its_lender,
        clear_ends_idle_processes_now_and_others_when_they_are_free,
        clear_does_not_take_the_start_that_somebody_waits_for,
        stop_refuses_all_retires_all_and_starts_nothing,
        a_removed_application_goes_with_its_last_process,
        a_removed_application_refuses_who_waits,
        an_application_without_processes_is_removed_at_once,
        concurrency_may_change_while_requests_run,
        NULL,
    };

    return world_run("ending", tests);
}
