/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_room.c - a full pool: limits, and fairness between applications.
 */
#include "core_world.h"

#include <stddef.h>

/* An app with processes first..last, all idle, the first idle longest. */
static struct core_app *idle_app(struct world *w, unsigned first, unsigned n)
{
    struct core_app *app = world_app(w);
    const char letters[] = {'A', '\0'};

    for (unsigned i = first; i < first + n; i++) {
        get(w, app, letters);
        ready(w, i);
    }
    for (unsigned i = first; i < first + n; i++) {
        pass(w, SECOND);
        closed(w, i);
    }
    forget(w);
    return app;
}

START_TEST(a_full_pool_that_may_not_start_lets_requests_wait)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);
    struct core_app *other = world_app(w);

    get(w, app, "a");
    ready(w, 1);
    forget(w);
    get(w, other, "b");
    get(w, app, "c");
    expect(w, "");
    ck_assert_uint_eq(world_view(w).waiting, 2);
    world_free(w);
}
END_TEST

START_TEST(a_full_pool_retires_the_longest_idle_process_of_another)
{
    struct world *w = world_new(4);
    struct core_app *first = idle_app(w, 1, 2);
    struct core_app *second = idle_app(w, 3, 2);
    struct core_app *third = world_app(w);

    get(w, third, "a");
    expect(w, "retire 1 room");
    gone(w, 1);
    expect(w, "start 5");
    ready(w, 5);
    expect(w, "a=5");
    ck_assert_uint_eq(app_view(first).idle, 1);
    ck_assert_uint_eq(app_view(second).idle, 2);
    world_free(w);
}
END_TEST

START_TEST(those_above_their_minimum_give_first)
{
    struct world *w = world_new(3);
    struct core_app *floor = idle_app(w, 1, 1);
    struct core_app *spare = idle_app(w, 2, 2);
    struct core_app *third = world_app(w);

    get(w, third, "a");
    expect(w, "retire 2 room");
    ck_assert_uint_eq(app_view(floor).idle, 1);
    ck_assert_uint_eq(app_view(spare).idle, 1);
    world_free(w);
}
END_TEST

START_TEST(an_application_without_a_process_gets_one_at_anothers_minimum)
{
    struct world *w = world_new(1);
    struct core_app *floor = idle_app(w, 1, 1);
    struct core_app *other = world_app(w);

    get(w, other, "a");
    expect(w, "retire 1 room");
    gone(w, 1);
    expect(w, "start 2");
    ck_assert_uint_eq(app_view(floor).processes, 0);
    world_free(w);
}
END_TEST

START_TEST(an_application_with_a_process_leaves_others_their_minimum)
{
    struct world *w = world_new(2);
    struct core_app *floor = idle_app(w, 1, 1);
    struct core_app *other = world_app(w);

    get(w, other, "a");
    ready(w, 2);
    forget(w);
    get(w, other, "bc");
    expect(w, "");
    ck_assert_uint_eq(app_view(floor).idle, 1);
    world_free(w);
}
END_TEST

START_TEST(the_next_free_process_of_the_greatest_goes_to_one_without)
{
    struct world *w = world_new(3);
    struct core_app *big = world_app(w);
    struct core_app *small = world_app(w);
    struct core_app *none = world_app(w);

    get(w, big, "ab");
    ready(w, 1);
    ready(w, 2);
    get(w, small, "c");
    ready(w, 3);
    get(w, big, "defghij");
    get(w, small, "k");
    forget(w);
    get(w, none, "x");
    expect(w, "");
    closed(w, 3);
    expect(w, "k=3");
    closed(w, 2);
    expect(w, "retire 2 room");
    closed(w, 1);
    expect(w, "d=1");
    gone(w, 2);
    expect(w, "start 4");
    ready(w, 4);
    expect(w, "x=4");
    world_free(w);
}
END_TEST

START_TEST(when_the_greatest_gives_nothing_any_other_gives)
{
    struct world *w = world_new(3);
    struct core_app *big = world_app(w);
    struct core_app *small = world_app(w);
    struct core_app *none = world_app(w);

    get(w, big, "ab");
    ready(w, 1);
    ready(w, 2);
    get(w, small, "c");
    ready(w, 3);
    get(w, small, "def");
    get(w, none, "x");
    forget(w);
    pass(w, SECOND / 2);
    closed(w, 3);
    expect(w, "d=3");
    pass(w, SECOND / 2);
    closed(w, 3);
    expect(w, "retire 3 room");
    world_free(w);
}
END_TEST

START_TEST(more_applications_than_places_take_turns)
{
    struct world *w = world_new(1);
    struct core_app *apps[3];

    for (unsigned i = 0; i < 3; i++) {
        const char first[] = {(char)('a' + i), (char)('p' + i), '\0'};

        apps[i] = world_app(w);
        get(w, apps[i], first);
    }
    for (unsigned turn = 0; turn < 9; turn++) {
        const char again[] = {(char)('A' + turn), '\0'};

        ready(w, turn + 1);
        ck_assert_uint_eq(app_view(apps[turn % 3]).processes, 1);
        ck_assert_int_eq(state_of(w, turn + 1), CORE_PROCESS_BUSY);
        get(w, apps[turn % 3], again);
        closed(w, turn + 1);
        ck_assert_int_eq(state_of(w, turn + 1), CORE_PROCESS_RETIRING);
        gone(w, turn + 1);
    }
    world_free(w);
}
END_TEST

START_TEST(a_thousand_requests_do_not_keep_a_single_one_waiting)
{
    struct world *w = world_new(2);
    struct core_app *crowd = world_app(w);
    struct core_app *single = world_app(w);
    static struct core_waiter many[1000];

    get(w, crowd, "ab");
    ready(w, 1);
    ready(w, 2);
    for (int i = 0; i < 1000; i++) {
        many[i].since_us = w->now;
        core_get(crowd, &many[i], w->now);
    }
    forget(w);
    get(w, single, "x");
    closed(w, 1);
    expect(w, "retire 1 room");
    gone(w, 1);
    ready(w, 3);
    expect(w, "start 3, x=3");
    closed(w, 3);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(one_retirement_is_enough_for_one_request)
{
    struct world *w = world_new(3);
    struct core_app *spare = idle_app(w, 1, 3);
    struct core_app *other = world_app(w);

    get(w, other, "ab");
    expect(w, "retire 1 room");
    gone(w, 1);
    ready(w, 4);
    expect(w, "start 4, a=4, retire 2 room");
    ck_assert_uint_eq(app_view(spare).idle, 1);
    world_free(w);
}
END_TEST

START_TEST(a_free_place_goes_to_those_who_have_none_first)
{
    struct world *w = world_new(1);
    struct core_app *some = world_app(w);
    struct core_app *none = world_app(w);

    get(w, some, "ab");
    ready(w, 1);
    get(w, none, "x");
    forget(w);
    world_limit(w, 2, 2, 0);
    expect(w, "start 2");
    ready(w, 2);
    expect(w, "x=2");
    world_free(w);
}
END_TEST

START_TEST(a_raised_limit_drains_the_queue)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    get(w, app, "abc");
    ready(w, 1);
    forget(w);
    world_limit(w, 3, 3, 0);
    expect(w, "start 2, start 3");
    ready(w, 2);
    ready(w, 3);
    expect(w, "b=2, c=3");
    world_free(w);
}
END_TEST

START_TEST(a_lowered_limit_ends_idle_processes_then_others_as_they_come_free)
{
    struct world *w = world_new(4);
    struct core_app *app = idle_app(w, 1, 4);

    get(w, app, "ab");
    expect(w, "a=4, b=3");
    get(w, app, "c");
    expect(w, "c=2");
    world_limit(w, 1, 1, 0);
    expect(w, "retire 1 lowered");
    get(w, app, "d");
    closed(w, 3);
    expect(w, "retire 3 lowered");
    closed(w, 4);
    expect(w, "retire 4 lowered");
    closed(w, 2);
    expect(w, "d=2");
    world_free(w);
}
END_TEST

START_TEST(no_application_has_more_than_max_per_app)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(9);
    struct core_app *app;

    limits.max_per_app = 2;
    app = world_app_with(w, limits);
    get(w, app, "abcde");
    ready(w, 1);
    ready(w, 2);
    expect(w, "start 1, a=1, start 2, b=2");
    limits.max_per_app = 3;
    core_app_set_limits(app, &limits, w->now);
    expect(w, "start 3");
    ready(w, 3);
    closed(w, 3);
    expect(w, "c=3, d=3");
    limits.max_per_app = 1;
    core_app_set_limits(app, &limits, w->now);
    closed(w, 3);
    closed(w, 1);
    expect(w, "retire 3 lowered, retire 1 lowered");
    closed(w, 2);
    expect(w, "e=2");
    world_free(w);
}
END_TEST

START_TEST(a_retiring_process_counts_until_it_is_gone)
{
    struct world *w = world_new(1);
    struct core_app *app = idle_app(w, 1, 1);

    core_detach(w->processes[1], w->now);
    expect(w, "retire 1 detached");
    get(w, app, "a");
    expect(w, "");
    gone(w, 1);
    expect(w, "start 2");
    world_free(w);
}
END_TEST

START_TEST(a_minimum_is_worth_nobody_elses_process)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(3);
    struct core_app *app;

    idle_app(w, 1, 2);
    limits.min_instances = 3;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 3);
    expect(w, "start 3, a=3");
    get(w, app, "b");
    expect(w, "retire 1 room");
    gone(w, 1);
    expect(w, "start 4");
    world_free(w);
}
END_TEST

START_TEST(what_was_given_up_is_not_started_again_unasked)
{
    struct world *w = world_new(1);
    struct core_app *app = idle_app(w, 1, 1);
    struct core_app *other = world_app(w);

    get(w, other, "a");
    gone(w, 1);
    ready(w, 2);
    closed(w, 2);
    expect(w, "retire 1 room, start 2, a=2");
    world_limit(w, 2, 2, 0);
    expect(w, "");
    get(w, app, "b");
    expect(w, "start 3");
    world_free(w);
}
END_TEST

START_TEST(a_fresh_process_serves_its_own_queue_before_others)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);
    struct core_app *other = world_app(w);

    get(w, app, "a");
    get(w, other, "x");
    expect(w, "start 1");
    ready(w, 1);
    expect(w, "a=1");
    closed(w, 1);
    expect(w, "retire 1 room");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_full_pool_that_may_not_start_lets_requests_wait,
        a_full_pool_retires_the_longest_idle_process_of_another,
        those_above_their_minimum_give_first,
        an_application_without_a_process_gets_one_at_anothers_minimum,
        an_application_with_a_process_leaves_others_their_minimum,
        the_next_free_process_of_the_greatest_goes_to_one_without,
        when_the_greatest_gives_nothing_any_other_gives,
        more_applications_than_places_take_turns,
        a_thousand_requests_do_not_keep_a_single_one_waiting,
        one_retirement_is_enough_for_one_request,
        a_free_place_goes_to_those_who_have_none_first,
        a_raised_limit_drains_the_queue,
        a_lowered_limit_ends_idle_processes_then_others_as_they_come_free,
        no_application_has_more_than_max_per_app,
        a_retiring_process_counts_until_it_is_gone,
        a_minimum_is_worth_nobody_elses_process,
        what_was_given_up_is_not_started_again_unasked,
        a_fresh_process_serves_its_own_queue_before_others,
        NULL,
    };

    return world_run("room", tests);
}
