/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_queue.c - who gets a process, in which order, and who waits.
 */
#include "core_world.h"

#include <stddef.h>
#include <time.h>

START_TEST(a_get_on_an_empty_pool_starts_a_process)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    expect(w, "start 1");
    ready(w, 1);
    expect(w, "a=1");
    world_free(w);
}
END_TEST

START_TEST(a_free_process_is_used_at_once)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    closed(w, 1);
    forget(w);
    get(w, app, "b");
    expect(w, "b=1");
    world_free(w);
}
END_TEST

START_TEST(first_requests_start_one_process_and_others_when_it_is_up)
{
    struct world *w = world_new(4);
    struct core_app *app = world_app(w);

    get(w, app, "abcdef");
    expect(w, "start 1");
    ready(w, 1);
    expect(w, "a=1, start 2, start 3, start 4");
    world_free(w);
}
END_TEST

START_TEST(no_more_processes_start_than_requests_wait)
{
    struct world *w = world_new(9);
    struct core_app *app = world_app(w);

    get(w, app, "abc");
    ready(w, 1);
    expect(w, "start 1, a=1, start 2, start 3");
    closed(w, 1);
    expect(w, "b=1");
    ready(w, 2);
    expect(w, "c=2");
    ready(w, 3);
    expect(w, "");
    ck_assert_uint_eq(app_view(app).idle, 1);
    world_free(w);
}
END_TEST

START_TEST(not_more_than_max_spawning_start_at_once)
{
    struct world *w = world_new(9);
    struct core_app *app = world_app(w);

    world_limit(w, 9, 2, 0);
    get(w, app, "abcdef");
    ready(w, 1);
    expect(w, "start 1, a=1, start 2, start 3");
    ready(w, 2);
    expect(w, "b=2, start 4");
    world_free(w);
}
END_TEST

START_TEST(the_first_process_that_comes_free_serves_the_oldest_request)
{
    struct world *w = world_new(2);
    struct core_app *app = world_app(w);

    get(w, app, "abcd");
    ready(w, 1);
    ready(w, 2);
    expect(w, "start 1, a=1, start 2, b=2");
    closed(w, 2);
    expect(w, "c=2");
    closed(w, 1);
    expect(w, "d=1");
    world_free(w);
}
END_TEST

/* a has the process, b and c wait, c came so long after b. */
static void check_near(bool exclusive, int64_t later_us, const char *diary)
{
    struct world *w = world_new(1);
    struct core_app_limits limits = world_limits();
    struct core_app *app;

    limits.exclusive = exclusive;
    app = world_app_with(w, limits);
    w->preferred = 'c';
    get(w, app, "a");
    ready(w, 1);
    get_aged(w, app, 'b', 2 * later_us);
    get_aged(w, app, 'c', later_us);
    forget(w);
    closed(w, 1);
    expect(w, diary);
    world_free(w);
}

START_TEST(who_has_the_connection_may_pass_by_who_came_just_before)
{
    check_near(true, 2000, "c=1");
    check_near(true, 2001, "b=1");
    check_near(false, 2000, "b=1");
}
END_TEST

START_TEST(the_warmest_idle_process_is_preferred)
{
    struct world *w = world_new(2);
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    ready(w, 2);
    closed(w, 2);
    pass(w, SECOND);
    closed(w, 1);
    forget(w);
    get(w, app, "c");
    expect(w, "c=1");
    world_free(w);
}
END_TEST

START_TEST(a_place_in_a_process_comes_before_a_new_process)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.concurrency = 3;
    app = world_app_with(w, limits);
    get(w, app, "abc");
    ready(w, 1);
    expect(w, "start 1, a=1, b=1, c=1");
    get(w, app, "d");
    expect(w, "start 2");
    world_free(w);
}
END_TEST

START_TEST(the_process_with_the_fewest_requests_comes_first)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(2);
    struct core_app *app;

    limits.concurrency = 2;
    app = world_app_with(w, limits);
    get(w, app, "abcd");
    ready(w, 1);
    ready(w, 2);
    expect(w, "start 1, a=1, b=1, start 2, c=2, d=2");
    closed(w, 1);
    closed(w, 2);
    closed(w, 2);
    get(w, app, "e");
    expect(w, "e=2");
    get(w, app, "fg");
    expect(w, "f=2, g=1");
    world_free(w);
}
END_TEST

START_TEST(unlimited_concurrency_needs_one_process_only)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.concurrency = 0;
    app = world_app_with(w, limits);
    get(w, app, "abcdefgh");
    ready(w, 1);
    expect(w, "start 1, a=1, b=1, c=1, d=1, e=1, f=1, g=1, h=1");
    get(w, app, "i");
    expect(w, "i=1");
    world_free(w);
}
END_TEST

START_TEST(unlimited_concurrency_keeps_its_minimum_of_processes)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.concurrency = 0;
    limits.min_instances = 2;
    app = world_app_with(w, limits);
    get(w, app, "ab");
    ready(w, 1);
    ready(w, 2);
    expect(w, "start 1, a=1, b=1, start 2");
    get(w, app, "c");
    expect(w, "c=2");
    world_free(w);
}
END_TEST

START_TEST(hundreds_of_sessions_in_a_process_are_spread)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;
    struct core_process_view first, second;

    limits.concurrency = 0;
    limits.min_instances = 2;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    ready(w, 2);
    for (int i = 0; i < 399; i++) {
        get(w, app, "b");
        forget(w);
    }
    core_process_view(w->processes[1], &first);
    core_process_view(w->processes[2], &second);
    ck_assert_uint_eq(first.sessions + second.sessions, 400);
    ck_assert_uint_eq(first.sessions, 200);
    for (int i = 0; i < 200; i++) {
        closed(w, 1);
        closed(w, 2);
    }
    ck_assert_uint_eq(app_view(app).idle, 2);
    world_free(w);
}
END_TEST

START_TEST(over_the_queue_limit_is_refused_at_once)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.max_queue = 2;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    forget(w);
    get(w, app, "bcd");
    expect(w, "d!full");
    ck_assert_uint_gt(w->retry_after, 0);
    ck_assert_uint_eq(app_view(app).refused, 1);
    closed(w, 1);
    expect(w, "b=1");
    world_free(w);
}
END_TEST

static struct world *world_with_room_for(unsigned waiting)
{
    struct core_limits limits = {.max = 1, .max_spawning = 1,
                                 .max_waiting = waiting};
    struct world *w = world_new(1);

    core_set_limits(w->core, &limits, w->now);
    return w;
}

START_TEST(over_the_pools_waiting_limit_is_refused_for_every_application)
{
    struct world *w = world_with_room_for(2);
    struct core_app *one = world_app(w), *other = world_app(w);

    get(w, one, "ab");
    expect(w, "start 1");
    get(w, one, "c");
    expect(w, "c!full");
    get(w, other, "d");
    expect(w, "b!full");
    get(w, other, "e");
    expect(w, "e!full");
    ck_assert_uint_eq(world_view(w).waiting, 2);
    world_free(w);
}
END_TEST

/* What floods one application leaves the others their part of the queue. */
START_TEST(no_application_fills_the_pools_queue_while_others_want_a_part)
{
    struct world *w = world_with_room_for(6);
    struct core_app *one = world_app(w), *other = world_app(w);
    struct core_app *third = world_app(w);

    get(w, one, "abcdefg");
    expect(w, "start 1, g!full");
    get(w, other, "ABCD");
    expect(w, "f!full, e!full, d!full, D!full");
    get(w, third, "XY");
    expect(w, "c!full, C!full");
    ck_assert_uint_eq(app_view(one).waiting, 2);
    ck_assert_uint_eq(app_view(other).waiting, 2);
    ck_assert_uint_eq(app_view(third).waiting, 2);
    world_free(w);
}
END_TEST

START_TEST(a_request_that_waited_too_long_is_refused)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.queue_timeout_us = 10 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    get(w, app, "b");
    pass(w, 4 * SECOND);
    get(w, app, "c");
    forget(w);
    pass(w, 6 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b!late");
    pass(w, 4 * SECOND);
    expect(w, "c!late");
    world_free(w);
}
END_TEST

START_TEST(age_elsewhere_counts_for_order_and_time_out)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.queue_timeout_us = 10 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    forget(w);
    get(w, app, "b");
    get_aged(w, app, 'c', 3 * SECOND);
    closed(w, 1);
    expect(w, "c=1");
    get_aged(w, app, 'd', 6 * SECOND);
    pass(w, 4 * SECOND);
    expect(w, "d!late");
    world_free(w);
}
END_TEST

START_TEST(the_start_of_the_first_process_does_not_count_as_waiting)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.queue_timeout_us = 10 * SECOND;
    app = world_app_with(w, limits);
    get(w, app, "ab");
    pass(w, 60 * SECOND);
    expect(w, "start 1");
    ready(w, 1);
    expect(w, "a=1");
    ck_assert_int_eq(w->waiters['a'].spawn_us, 60 * SECOND);
    pass(w, 10 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b!late");
    ck_assert_int_eq(w->waiters['b'].spawn_us, 60 * SECOND);
    world_free(w);
}
END_TEST

START_TEST(a_cancelled_request_is_never_served)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "abc");
    ready(w, 1);
    forget(w);
    cancel(w, 'b');
    cancel(w, 'b');
    closed(w, 1);
    expect(w, "c=1");
    cancel(w, 'c');
    ck_assert_uint_eq(world_view(w).waiting, 0);
    world_free(w);
}
END_TEST

#define CROWD 100000

/* Clients that ask and go away, in whatever order. */
START_TEST(a_hundred_thousand_half_open_requests_cost_nobody_time)
{
    static struct core_waiter crowd[CROWD];
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);
    const clock_t began = clock();

    get(w, app, "a");
    ready(w, 1);
    for (unsigned i = 0; i < CROWD; i++) {
        crowd[i].since_us = w->now;
        core_get(app, &crowd[i], w->now);
    }
    get(w, app, "b");
    ck_assert_uint_eq(world_view(w).waiting, CROWD + 1);
    for (unsigned i = 0; i < CROWD; i++) {
        core_cancel(&crowd[i * 7919 % CROWD], w->now);
    }
    forget(w);
    closed(w, 1);
    expect(w, "b=1");
    ck_assert_int_lt(clock() - began, 2 * CLOCKS_PER_SEC);
    world_free(w);
}
END_TEST

START_TEST(a_process_whose_request_was_cancelled_comes_up_idle)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    cancel(w, 'a');
    ready(w, 1);
    expect(w, "start 1");
    get(w, app, "b");
    expect(w, "b=1");
    world_free(w);
}
END_TEST

START_TEST(a_process_that_cannot_be_connected_to_goes_and_its_request_is_next)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    pass(w, SECOND);
    get(w, app, "b");
    forget(w);
    lost(w, 1, 'a');
    expect(w, "retire 1 unresponsive");
    gone(w, 1);
    expect(w, "start 2");
    ready(w, 2);
    expect(w, "a=2");
    closed(w, 2);
    expect(w, "b=2");
    world_free(w);
}
END_TEST

START_TEST(an_abandoned_request_keeps_its_place_until_the_process_is_clean)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    forget(w);
    closed_dirty(w, 1);
    expect(w, "");
    ck_assert_int_eq(state_of(w, 1), CORE_PROCESS_BUSY);
    cleaned(w, 1);
    expect(w, "b=1");
    world_free(w);
}
END_TEST

START_TEST(a_process_that_never_comes_back_clean_is_replaced)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    forget(w);
    closed_dirty(w, 1);
    pass(w, 60 * SECOND - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "retire 1 unresponsive");
    pass(w, 5 * SECOND);
    expect(w, "kill 1");
    gone(w, 1);
    expect(w, "start 2");
    world_free(w);
}
END_TEST

START_TEST(a_process_is_not_lent_while_it_may_be_dead_with_what_was_abandoned)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(4);
    struct core_app *app;

    limits.concurrency = 0;
    app = world_app_with(w, limits);
    get(w, app, "ab");
    ready(w, 1);
    forget(w);
    closed_dirty(w, 1);
    get(w, app, "c");
    expect(w, "");
    cleaned(w, 1);
    expect(w, "c=1");
    closed_dirty(w, 1);
    get(w, app, "d");
    expect(w, "");
    gone(w, 1);
    expect(w, "start 2");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_get_on_an_empty_pool_starts_a_process,
        a_free_process_is_used_at_once,
        first_requests_start_one_process_and_others_when_it_is_up,
        no_more_processes_start_than_requests_wait,
        not_more_than_max_spawning_start_at_once,
        the_first_process_that_comes_free_serves_the_oldest_request,
        who_has_the_connection_may_pass_by_who_came_just_before,
        the_warmest_idle_process_is_preferred,
        a_place_in_a_process_comes_before_a_new_process,
        the_process_with_the_fewest_requests_comes_first,
        unlimited_concurrency_needs_one_process_only,
        unlimited_concurrency_keeps_its_minimum_of_processes,
        hundreds_of_sessions_in_a_process_are_spread,
        over_the_queue_limit_is_refused_at_once,
        over_the_pools_waiting_limit_is_refused_for_every_application,
        no_application_fills_the_pools_queue_while_others_want_a_part,
        a_request_that_waited_too_long_is_refused,
        age_elsewhere_counts_for_order_and_time_out,
        the_start_of_the_first_process_does_not_count_as_waiting,
        a_cancelled_request_is_never_served,
        a_hundred_thousand_half_open_requests_cost_nobody_time,
        a_process_whose_request_was_cancelled_comes_up_idle,
        a_process_that_cannot_be_connected_to_goes_and_its_request_is_next,
        an_abandoned_request_keeps_its_place_until_the_process_is_clean,
        a_process_that_never_comes_back_clean_is_replaced,
        a_process_is_not_lent_while_it_may_be_dead_with_what_was_abandoned,
        NULL,
    };

    return world_run("queue", tests);
}
