/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_start.c - starts by preloaders, starts that fail, and minimums.
 */
#include "core_world.h"

#include <stddef.h>

static struct core_app *smart_app(struct world *w)
{
    struct core_app_limits limits = world_limits();

    limits.smart = true;
    return world_app_with(w, limits);
}

START_TEST(a_preloader_starts_first_and_then_forks)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    get(w, app, "ab");
    expect(w, "preload 1");
    ck_assert_uint_eq(world_view(w).preloaders, 1);
    ck_assert_uint_eq(world_view(w).processes, 0);
    ready(w, 1);
    expect(w, "fork 2 of 1.0");
    ready(w, 2);
    expect(w, "a=2, fork 3 of 1.1");
    ready(w, 3);
    expect(w, "b=3");
    ck_assert_uint_eq(world_view(w).processes, 2);
    world_free(w);
}
END_TEST

START_TEST(a_listener_is_used_again_when_its_process_has_ended)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    get(w, app, "ab");
    ready(w, 1);
    ready(w, 2);
    ready(w, 3);
    forget(w);
    get(w, app, "c");
    gone(w, 2);
    expect(w, "fork 4 of 1.2");
    get(w, app, "d");
    expect(w, "fork 5 of 1.0");
    world_free(w);
}
END_TEST

START_TEST(a_preloader_whose_listeners_are_used_up_is_followed_by_another)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.smart = true;
    app = world_app_with(w, limits);
    get(w, app, "abc");
    ready(w, 1);
    ready(w, 2);
    forget(w);
    world_limit(w, 3, 3, 0);
    expect(w, "fork 3 of 1.1, preload 4");
    ready(w, 3);
    expect(w, "b=3");
    ready(w, 4);
    expect(w, "fork 5 of 4.0");
    ready(w, 5);
    expect(w, "c=5");
    world_free(w);
}
END_TEST

START_TEST(nobody_needs_the_preloader_any_more)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    get(w, app, "a");
    cancel(w, 'a');
    forget(w);
    core_clear(w->core, w->now);
    ready(w, 1);
    expect(w, "");
    ck_assert_uint_eq(world_view(w).spawning, 0);
    get(w, app, "b");
    expect(w, "fork 2 of 1.0");
    world_free(w);
}
END_TEST

START_TEST(a_preloader_that_fails_fails_all_who_wait)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    get(w, app, "abc");
    forget(w);
    failed(w, 1, "syntax");
    expect(w, "a!failed: syntax, b!failed: syntax, c!failed: syntax");
    gone(w, 1);
    expect(w, "");
    ck_assert_uint_eq(world_view(w).spawning, 0);
    ck_assert_uint_eq(world_view(w).preloaders, 0);
    pass(w, SECOND);
    get(w, app, "d");
    expect(w, "preload 2");
    world_free(w);
}
END_TEST

START_TEST(a_preloader_that_has_ended_is_started_anew_when_it_is_needed)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    get(w, app, "a");
    ready(w, 1);
    ready(w, 2);
    forget(w);
    gone(w, 1);
    expect(w, "");
    closed(w, 2);
    get(w, app, "b");
    expect(w, "b=2");
    get(w, app, "c");
    expect(w, "preload 3");
    gone(w, 2);
    ready(w, 3);
    expect(w, "fork 4 of 3.0");
    world_free(w);
}
END_TEST

START_TEST(a_preloader_without_work_ends_after_the_idle_time)
{
    struct world *w = world_new(4);
    struct core_app *app = smart_app(w);

    world_limit(w, 4, 4, 100);
    get(w, app, "a");
    ready(w, 1);
    pass(w, 50 * SECOND);
    ready(w, 2);
    forget(w);
    pass(w, 49 * SECOND);
    expect(w, "");
    pass(w, SECOND);
    expect(w, "retire 1 idle");
    pass(w, SECOND);
    gone(w, 1);
    closed(w, 2);
    pass(w, 1000 * SECOND);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(a_preloader_takes_no_place_in_the_pool)
{
    struct world *w = world_new(1);
    struct core_app *app = smart_app(w);

    get(w, app, "a");
    ready(w, 1);
    expect(w, "preload 1, fork 2 of 1.0");
    ready(w, 2);
    expect(w, "a=2");
    world_free(w);
}
END_TEST

START_TEST(a_failed_start_reaches_all_who_wait_once)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);
    struct core_app *other = world_app(w);

    get(w, app, "abc");
    get(w, other, "x");
    forget(w);
    failed(w, 1, "no module");
    expect(w, "a!failed: no module, b!failed: no module, "
              "c!failed: no module");
    failed(w, 1, "again");
    gone(w, 1);
    expect(w, "");
    ready(w, 2);
    expect(w, "x=2");
    ck_assert_uint_eq(app_view(app).failed_spawns, 1);
    ck_assert_str_eq(app_view(app).last_error, "no module");
    world_free(w);
}
END_TEST

START_TEST(a_process_that_dies_while_starting_is_a_failed_start)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    forget(w);
    gone(w, 1);
    expect(w, "a!failed: it ended before it was ready");
    ck_assert_uint_eq(world_view(w).processes, 0);
    world_free(w);
}
END_TEST

START_TEST(during_back_off_requests_get_the_error_at_once)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    failed(w, 1, "oops");
    gone(w, 1);
    forget(w);
    get(w, app, "b");
    expect(w, "b!failed: oops");
    ck_assert_uint_eq(w->retry_after, 1);
    pass(w, SECOND);
    get(w, app, "c");
    expect(w, "start 2");
    world_free(w);
}
END_TEST

START_TEST(back_off_doubles_up_to_thirty_seconds)
{
    static const unsigned wait_s[] = {1, 2, 4, 8, 16, 30, 30};
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    for (unsigned i = 0; i < 7; i++) {
        get(w, app, "a");
        failed(w, i + 1, "oops");
        gone(w, i + 1);
        forget(w);
        get(w, app, "b");
        ck_assert_uint_eq(w->retry_after, wait_s[i]);
        pass(w, wait_s[i] * SECOND);
        forget(w);
    }
    get(w, app, "c");
    ready(w, 8);
    expect(w, "start 8, c=8");
    gone(w, 8);
    get(w, app, "d");
    failed(w, 9, "oops");
    ck_assert_uint_eq(w->retry_after, 1);
    world_free(w);
}
END_TEST

START_TEST(a_restart_or_changed_code_ends_back_off)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    failed(w, 1, "oops");
    gone(w, 1);
    forget(w);
    core_restart(app, w->now);
    get(w, app, "b");
    expect(w, "start 2");
    failed(w, 2, "oops");
    gone(w, 2);
    forget(w);
    core_app_retry(app, w->now);
    get(w, app, "c");
    expect(w, "start 3");
    world_free(w);
}
END_TEST

START_TEST(existing_processes_survive_a_failed_start)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "abc");
    ready(w, 1);
    expect(w, "start 1, a=1, start 2, start 3");
    failed(w, 2, "oops");
    gone(w, 2);
    failed(w, 3, "oops");
    gone(w, 3);
    expect(w, "");
    closed(w, 1);
    expect(w, "b=1");
    get(w, app, "d");
    expect(w, "");
    pass(w, 2 * SECOND);
    expect(w, "start 4, start 5");
    world_free(w);
}
END_TEST

/* Found by the simulator. */
START_TEST(the_last_process_ending_during_back_off_fails_all_who_wait)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    failed(w, 2, "oops");
    gone(w, 2);
    expect(w, "start 1, a=1, start 2");
    gone(w, 1);
    expect(w, "b!failed: oops");
    world_free(w);
}
END_TEST

START_TEST(a_start_that_takes_too_long_is_aborted_then_killed)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.start_timeout_us = 90 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "a");
    forget(w);
    pass(w, 90 * SECOND);
    expect(w, "abort 1, a!failed: it was not ready after 90 s");
    pass(w, SECOND);
    expect(w, "kill 1");
    ready(w, 1);
    ck_assert_uint_eq(app_view(app).retiring, 1);
    gone(w, 1);
    ck_assert_uint_eq(app_view(app).processes, 0);
    world_free(w);
}
END_TEST

START_TEST(a_failed_start_that_lingers_is_killed)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    failed(w, 1, "oops");
    forget(w);
    pass(w, 5 * SECOND);
    expect(w, "kill 1");
    world_free(w);
}
END_TEST

START_TEST(pre_start_starts_the_minimum_without_a_request)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);

    limits.pre_start = true;
    limits.min_instances = 3;
    world_app_with(w, limits);
    expect(w, "start 1");
    ready(w, 1);
    expect(w, "start 2, start 3");
    world_free(w);
}
END_TEST

START_TEST(nothing_starts_before_the_first_request)
{
    struct world *w = world_new(4);

    world_app(w);
    pass(w, 1000 * SECOND);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(an_idle_process_that_dies_is_replaced)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    closed(w, 1);
    pass(w, 20 * SECOND);
    forget(w);
    gone(w, 1);
    expect(w, "start 2");
    ck_assert_uint_eq(app_view(app).died, 1);
    world_free(w);
}
END_TEST

START_TEST(one_that_dies_young_is_replaced_on_demand_or_after_a_pause)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    closed(w, 1);
    pass(w, SECOND);
    forget(w);
    gone(w, 1);
    expect(w, "");
    get(w, app, "b");
    expect(w, "start 2");
    ready(w, 2);
    closed(w, 2);
    forget(w);
    gone(w, 2);
    pass(w, 2 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "start 3");
    world_free(w);
}
END_TEST

START_TEST(a_crash_after_each_start_makes_the_pause_longer)
{
    static const int pauses[] = { 1, 2, 4, 8, 16, 30, 30 };
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);
    uint32_t number = 1;

    get(w, app, "a");
    ready(w, number);
    closed(w, number);
    for (size_t i = 0; i < sizeof(pauses) / sizeof(*pauses); i++) {
        forget(w);
        gone(w, number++);
        pass(w, pauses[i] * SECOND - 1);
        expect(w, "");
        pass(w, 1);
        ready(w, number);
    }
    pass(w, 61 * SECOND);
    gone(w, number++); /* not young: at once */
    ready(w, number);
    forget(w);
    gone(w, number++); /* all of that is forgotten */
    pass(w, SECOND - 1);
    expect(w, "");
    pass(w, 1);
    ready(w, number);
    world_free(w);
}
END_TEST

START_TEST(several_that_are_killed_young_all_come_back)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);

    limits.min_instances = 3;
    get(w, world_app_with(w, limits), "a");
    ready(w, 1);
    ready(w, 2);
    ready(w, 3);
    closed(w, 1);
    forget(w);
    gone(w, 1);
    gone(w, 3);
    expect(w, "");
    pass(w, SECOND);
    expect(w, "start 4, start 5");
    world_free(w);
}
END_TEST

START_TEST(a_process_that_dies_in_use_frees_its_place)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    forget(w);
    gone(w, 1);
    expect(w, "start 2");
    ready(w, 2);
    expect(w, "b=2");
    ck_assert_uint_eq(world_view(w).active, 1);
    world_free(w);
}
END_TEST

START_TEST(processes_of_an_engine_before_are_taken_over)
{
    struct world *w = world_new(3);
    struct core_app *app = smart_app(w);

    w->processes[5] =
        core_process_take_over(app, 5, true, true, 0, w->now);
    core_preloader_set_listeners(w->processes[5], 4);
    w->processes[7] =
        core_process_take_over(app, 7, true, false, 1, w->now);
    core_process_came_from(w->processes[7], w->processes[5], 0);
    w->processes[8] =
        core_process_take_over(app, 8, true, false, 0, w->now);
    core_process_came_from(w->processes[8], w->processes[5], 2);
    core_set_last_number(w->core, 9);
    core_check(w->core);
    ck_assert_int_eq(state_of(w, 7), CORE_PROCESS_BUSY);
    get(w, app, "ab");
    expect(w, "a=8, fork 10 of 5.1");
    closed(w, 7);
    expect(w, "b=7");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_preloader_starts_first_and_then_forks,
        a_listener_is_used_again_when_its_process_has_ended,
        a_preloader_whose_listeners_are_used_up_is_followed_by_another,
        nobody_needs_the_preloader_any_more,
        a_preloader_that_fails_fails_all_who_wait,
        a_preloader_that_has_ended_is_started_anew_when_it_is_needed,
        a_preloader_without_work_ends_after_the_idle_time,
        a_preloader_takes_no_place_in_the_pool,
        a_failed_start_reaches_all_who_wait_once,
        a_process_that_dies_while_starting_is_a_failed_start,
        during_back_off_requests_get_the_error_at_once,
        back_off_doubles_up_to_thirty_seconds,
        a_restart_or_changed_code_ends_back_off,
        existing_processes_survive_a_failed_start,
        the_last_process_ending_during_back_off_fails_all_who_wait,
        a_start_that_takes_too_long_is_aborted_then_killed,
        a_failed_start_that_lingers_is_killed,
        pre_start_starts_the_minimum_without_a_request,
        nothing_starts_before_the_first_request,
        an_idle_process_that_dies_is_replaced,
        one_that_dies_young_is_replaced_on_demand_or_after_a_pause,
        a_crash_after_each_start_makes_the_pause_longer,
        several_that_are_killed_young_all_come_back,
        a_process_that_dies_in_use_frees_its_place,
        processes_of_an_engine_before_are_taken_over,
        NULL,
    };

    return world_run("start", tests);
}
