/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_restart.c - new code, successors, and what becomes of old ones.
 */
#include "core_world.h"

#include <stddef.h>

/* `n` idle processes, numbers from 1 on. */
static struct core_app *idle_app(struct world *w, struct core_app_limits limits,
                                 unsigned n)
{
    struct core_app *app = world_app_with(w, limits);

    for (unsigned i = 1; i <= n; i++) {
        get(w, app, "A");
        ready(w, i);
    }
    for (unsigned i = 1; i <= n; i++) {
        pass(w, SECOND);
        closed(w, i);
    }
    forget(w);
    return app;
}

START_TEST(a_restart_proves_a_new_process_before_an_old_one_goes)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 2);

    core_restart(app, w->now);
    expect(w, "start 3");
    get(w, app, "a");
    expect(w, "a=2");
    ready(w, 3);
    expect(w, "retire 1 restart, start 4");
    get(w, app, "b");
    expect(w, "b=3");
    gone(w, 1);
    ready(w, 4);
    expect(w, "restarted");
    closed(w, 2);
    expect(w, "retire 2 restart");
    gone(w, 2);
    ck_assert_uint_eq(app_view(app).processes, 2);
    world_free(w);
}
END_TEST

START_TEST(a_successor_may_exceed_the_pool_by_one)
{
    struct world *w = world_new(2);
    struct core_app *app = idle_app(w, world_limits(), 2);

    core_restart(app, w->now);
    expect(w, "start 3");
    ready(w, 3);
    expect(w, "retire 1 restart");
    ck_assert_uint_eq(world_view(w).processes, 3);
    gone(w, 1);
    expect(w, "start 4");
    ready(w, 4);
    expect(w, "retire 2 restart, restarted");
    gone(w, 2);
    ck_assert_uint_eq(world_view(w).processes, 2);
    world_free(w);
}
END_TEST

START_TEST(there_is_one_successor_at_a_time_in_the_pool)
{
    struct world *w = world_new(4);
    struct core_app *one = world_app(w);
    struct core_app *two = world_app(w);

    get(w, one, "a");
    get(w, two, "b");
    ready(w, 1);
    ready(w, 2);
    closed(w, 1);
    closed(w, 2);
    forget(w);
    core_restart(one, w->now);
    core_restart(two, w->now);
    expect(w, "start 3");
    ready(w, 3);
    expect(w, "retire 1 restart, restarted, start 4");
    world_free(w);
}
END_TEST

START_TEST(new_code_is_preferred_and_old_code_serves_when_it_is_busy)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 3);

    core_restart(app, w->now);
    ready(w, 4);
    expect(w, "start 4, retire 1 restart, start 5");
    get(w, app, "a");
    expect(w, "a=4");
    get(w, app, "b");
    expect(w, "b=3");
    closed(w, 4);
    get(w, app, "c");
    expect(w, "c=4");
    world_free(w);
}
END_TEST

START_TEST(code_that_does_not_start_leaves_the_old_processes_serving)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 2);

    core_restart(app, w->now);
    failed(w, 3, "syntax error");
    gone(w, 3);
    expect(w, "start 3, unchanged: syntax error");
    pass(w, 600 * SECOND);
    expect(w, "");
    ck_assert_str_eq(app_view(app).last_error, "syntax error");
    get(w, app, "ab");
    expect(w, "a=2, b=1");
    closed(w, 1);
    closed(w, 2);
    expect(w, "");
    core_restart(app, w->now);
    ready(w, 4);
    expect(w, "start 4, retire 1 restart, start 5");
    world_free(w);
}
END_TEST

START_TEST(what_replaces_another_application_is_proven_unasked_in_a_full_pool)
{
    struct world *w = world_new(1);
    struct core_app *before = idle_app(w, world_limits(), 1);
    struct core_app *app = world_app(w);

    core_prove(app, w->now);
    expect(w, "start 2");
    get(w, before, "a");
    expect(w, "a=1");
    core_give_way(before, w->now);
    ready(w, 2);
    expect(w, "");
    closed(w, 1);
    expect(w, "retire 1 restart");
    gone(w, 1);
    get(w, app, "b");
    expect(w, "b=2");
    world_free(w);
}
END_TEST

START_TEST(what_does_not_prove_itself_is_tried_again_at_a_sign_only)
{
    struct world *w = world_new(2);
    struct core_app *before = idle_app(w, world_limits(), 1);
    struct core_app *app = world_app(w);

    core_prove(app, w->now);
    failed(w, 2, "syntax error");
    gone(w, 2);
    expect(w, "start 2");
    pass(w, 600 * SECOND);
    get(w, before, "a");
    expect(w, "a=1");
    core_app_retry(app, w->now);
    failed(w, 3, "syntax error");
    gone(w, 3);
    expect(w, "start 3");
    core_restart(app, w->now);
    ready(w, 4);
    expect(w, "start 4, restarted");
    world_free(w);
}
END_TEST

START_TEST(a_start_that_succeeds_after_all_resumes_the_restart)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 1);

    core_restart(app, w->now);
    failed(w, 2, "syntax error");
    gone(w, 2);
    pass(w, SECOND);
    forget(w);
    get(w, app, "ab");
    ready(w, 3);
    expect(w, "a=1, start 3, b=3, start 4");
    ready(w, 4);
    closed(w, 1);
    expect(w, "retire 1 restart");
    world_free(w);
}
END_TEST

START_TEST(a_restart_while_starting_discards_the_old_code)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    expect(w, "start 1");
    core_restart(app, w->now);
    expect(w, "retire 1 restart, start 2");
    ready(w, 1);
    expect(w, "");
    gone(w, 1);
    ready(w, 2);
    expect(w, "a=2, restarted");
    world_free(w);
}
END_TEST

START_TEST(overlapping_restarts_end_with_the_newest_code)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 2);

    core_restart(app, w->now);
    ready(w, 3);
    expect(w, "start 3, retire 1 restart, start 4");
    core_restart(app, w->now);
    expect(w, "retire 4 restart, start 5");
    gone(w, 1);
    gone(w, 4);
    ready(w, 5);
    expect(w, "retire 2 restart, start 6");
    gone(w, 2);
    ready(w, 6);
    expect(w, "retire 3 restart, restarted");
    ck_assert_uint_eq(app_view(app).release, 3);
    world_free(w);
}
END_TEST

START_TEST(preloaders_are_replaced_with_a_restart)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.smart = true;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    ready(w, 2);
    closed(w, 2);
    forget(w);
    core_restart(app, w->now);
    expect(w, "retire 1 restart, preload 3");
    gone(w, 1);
    ready(w, 3);
    expect(w, "fork 4 of 3.0");
    ready(w, 4);
    expect(w, "retire 2 restart, restarted");
    world_free(w);
}
END_TEST

START_TEST(a_new_preloader_that_fails_leaves_the_old_processes)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.smart = true;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    ready(w, 2);
    closed(w, 2);
    forget(w);
    core_restart(app, w->now);
    gone(w, 1);
    failed(w, 3, "no such gem");
    gone(w, 3);
    expect(w, "retire 1 restart, preload 3, unchanged: no such gem");
    get(w, app, "b");
    expect(w, "b=2");
    world_free(w);
}
END_TEST

START_TEST(a_restart_while_the_preloader_starts_loads_anew)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.smart = true;
    app = world_app_with(w, limits);
    get(w, app, "a");
    core_restart(app, w->now);
    expect(w, "preload 1, retire 1 restart, preload 2");
    gone(w, 1);
    ready(w, 2);
    ready(w, 3);
    expect(w, "fork 3 of 2.0, a=3, restarted");
    world_free(w);
}
END_TEST

START_TEST(a_sleeping_application_is_restarted_at_once)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    core_restart(app, w->now);
    expect(w, "restarted");
    world_free(w);
}
END_TEST

START_TEST(a_restart_of_one_that_did_not_start_tries_again)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    failed(w, 1, "no module");
    gone(w, 1);
    forget(w);
    core_restart(app, w->now);
    expect(w, "start 2");
    failed(w, 2, "still no module");
    gone(w, 2);
    expect(w, "unchanged: still no module");
    core_restart(app, w->now);
    ready(w, 3);
    expect(w, "start 3, restarted");
    world_free(w);
}
END_TEST

START_TEST(without_rolling_the_old_ones_end_first)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.not_rolling = true;
    app = idle_app(w, limits, 2);
    get(w, app, "a");
    forget(w);
    core_restart(app, w->now);
    expect(w, "retire 1 restart, start 3");
    closed(w, 2);
    expect(w, "retire 2 restart");
    ready(w, 3);
    expect(w, "restarted");
    world_free(w);
}
END_TEST

START_TEST(a_process_never_serves_more_than_max_requests)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.max_requests = 3;
    limits.not_rolling = true;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    closed(w, 1);
    for (int i = 0; i < 2; i++) {
        get(w, app, "b");
        closed(w, 1);
    }
    expect(w, "start 1, a=1, b=1, b=1, start 2, retire 1 max-requests");
    world_free(w);
}
END_TEST

START_TEST(the_successor_is_up_before_max_requests_are_used)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;
    unsigned served = 0;

    limits.max_requests = 100;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    closed(w, 1);
    forget(w);
    while (!w->processes[2]) {
        get(w, app, "a");
        closed(w, 1);
        served++;
        ck_assert_uint_lt(served, 100);
    }
    ck_assert_uint_gt(served, 60);
    forget(w);
    get(w, app, "b");
    expect(w, "b=1");
    closed(w, 1);
    ready(w, 2);
    expect(w, "retire 1 max-requests");
    get(w, app, "c");
    expect(w, "c=2");
    world_free(w);
}
END_TEST

START_TEST(a_process_over_the_memory_limit_is_replaced_rolling)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.memory_mib = 100;
    app = idle_app(w, limits, 1);
    core_process_memory(w->processes[1], 100, w->now);
    expect(w, "");
    core_process_memory(w->processes[1], 101, w->now);
    core_process_memory(w->processes[1], 102, w->now);
    expect(w, "start 2");
    get(w, app, "a");
    expect(w, "a=1");
    ready(w, 2);
    closed(w, 1);
    expect(w, "retire 1 memory");
    world_free(w);
}
END_TEST

START_TEST(always_restart_loads_the_code_after_each_request_arrived)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, world_limits(), 1);

    core_set_always_restart(app, true, w->now);
    get(w, app, "ab");
    expect(w, "retire 1 restart");
    gone(w, 1);
    expect(w, "start 2");
    ready(w, 2);
    expect(w, "a=2");
    closed(w, 2);
    expect(w, "retire 2 restart");
    gone(w, 2);
    ready(w, 3);
    expect(w, "start 3, b=3");
    world_free(w);
}
END_TEST

START_TEST(always_restart_gives_no_process_that_started_before)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    core_set_always_restart(app, true, w->now);
    get(w, app, "a");
    pass(w, SECOND);
    get(w, app, "b");
    cancel(w, 'a');
    ready(w, 1);
    expect(w, "start 1, retire 1 restart");
    gone(w, 1);
    ready(w, 2);
    expect(w, "start 2, b=2");
    world_free(w);
}
END_TEST

START_TEST(a_successor_that_dies_makes_room_for_the_next)
{
    struct world *w = world_new(2);
    struct core_app *app = idle_app(w, world_limits(), 1);

    core_restart(app, w->now);
    expect(w, "start 2");
    gone(w, 2);
    expect(w, "unchanged: it ended before it was ready");
    core_restart(app, w->now);
    expect(w, "start 3");
    gone(w, 1);
    ready(w, 3);
    expect(w, "restarted");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_restart_proves_a_new_process_before_an_old_one_goes,
        a_successor_may_exceed_the_pool_by_one,
        there_is_one_successor_at_a_time_in_the_pool,
        new_code_is_preferred_and_old_code_serves_when_it_is_busy,
        code_that_does_not_start_leaves_the_old_processes_serving,
        what_replaces_another_application_is_proven_unasked_in_a_full_pool,
        what_does_not_prove_itself_is_tried_again_at_a_sign_only,
        a_start_that_succeeds_after_all_resumes_the_restart,
        a_restart_while_starting_discards_the_old_code,
        overlapping_restarts_end_with_the_newest_code,
        preloaders_are_replaced_with_a_restart,
        a_new_preloader_that_fails_leaves_the_old_processes,
        a_restart_while_the_preloader_starts_loads_anew,
        a_sleeping_application_is_restarted_at_once,
        a_restart_of_one_that_did_not_start_tries_again,
        without_rolling_the_old_ones_end_first,
        a_process_never_serves_more_than_max_requests,
        the_successor_is_up_before_max_requests_are_used,
        a_process_over_the_memory_limit_is_replaced_rolling,
        always_restart_loads_the_code_after_each_request_arrived,
        always_restart_gives_no_process_that_started_before,
        a_successor_that_dies_makes_room_for_the_next,
        NULL,
    };

    return world_run("restart", tests);
}
