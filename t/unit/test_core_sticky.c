/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_core_sticky.c - requests that belong to one process, and the queue that
 * is held while requests of an engine before are asked again.
 */
#include "core_world.h"

#include <stddef.h>

/* An application with processes 1 and 2, both with a request: a and b. */
static struct core_app *two_busy(struct world *w)
{
    struct core_app *app = world_app(w);

    get(w, app, "ab");
    ready(w, 1);
    ready(w, 2);
    forget(w);
    return app;
}

START_TEST(a_sticky_request_gets_its_process_when_it_is_free)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    closed(w, 2);
    closed(w, 1);
    get_sticky(w, app, 'c', 2);
    expect(w, "c=2");
    world_free(w);
}
END_TEST

START_TEST(a_sticky_request_waits_for_its_process_beside_an_idle_one)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    closed(w, 2);
    get_sticky(w, app, 'c', 1);
    expect(w, "");
    ck_assert_uint_eq(app_view(app).waiting, 1);
    get(w, app, "d");
    expect(w, "d=2");
    closed(w, 1);
    expect(w, "c=1");
    world_free(w);
}
END_TEST

START_TEST(a_sticky_request_starts_no_other_process)
{
    struct world *w = world_new(3);
    struct core_app *app = two_busy(w);

    get_sticky(w, app, 'c', 1);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(the_older_of_those_who_could_have_it_gets_the_process)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    get(w, app, "c");
    pass(w, 1);
    get_sticky(w, app, 'd', 1);
    pass(w, 1);
    get(w, app, "e");
    closed(w, 1);
    expect(w, "c=1");
    closed(w, 1);
    expect(w, "d=1");
    closed(w, 2);
    expect(w, "e=2");
    world_free(w);
}
END_TEST

START_TEST(a_sticky_request_whose_process_is_gone_gets_any)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    closed(w, 1);
    get_sticky(w, app, 'c', 77);
    expect(w, "c=1");
    world_free(w);
}
END_TEST

START_TEST(who_waits_for_a_process_that_ends_gets_any_in_its_turn)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    get_sticky(w, app, 'c', 1);
    pass(w, 1);
    get(w, app, "d");
    gone(w, 1);
    forget(w);
    closed(w, 2);
    expect(w, "c=2");
    world_free(w);
}
END_TEST

START_TEST(who_waits_for_a_process_that_is_to_go_gets_any)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    get_sticky(w, app, 'c', 1);
    core_detach(w->processes[1], w->now);
    core_check(w->core);
    closed(w, 2);
    expect(w, "c=2");
    world_free(w);
}
END_TEST

START_TEST(a_sticky_request_is_late_and_cancelled_like_any)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    limits.queue_timeout_us = 10 * SECOND;
    core_app_set_limits(app, &limits, w->now);
    get_sticky(w, app, 'c', 1);
    get_sticky(w, app, 'd', 1);
    cancel(w, 'd');
    pass(w, 10 * SECOND);
    expect(w, "c!late");
    closed(w, 1);
    expect(w, "");
    world_free(w);
}
END_TEST

START_TEST(sticky_requests_share_a_process_up_to_its_concurrency)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.concurrency = 2;
    app = world_app_with(w, limits);
    get(w, app, "a");
    ready(w, 1);
    forget(w);
    get_sticky(w, app, 'b', 1);
    get_sticky(w, app, 'c', 1);
    expect(w, "b=1");
    closed(w, 1);
    expect(w, "c=1");
    world_free(w);
}
END_TEST

START_TEST(always_restart_comes_before_stickiness)
{
    struct world *w = world_new(2);
    struct core_app *app = two_busy(w);

    get_sticky(w, app, 'c', 1);
    core_set_always_restart(app, true, w->now);
    core_check(w->core);
    gone(w, 1);
    closed(w, 2);
    gone(w, 2);
    expect(w, "retire 2 restart, start 3");
    ready(w, 3);
    expect(w, "c=3");
    world_free(w);
}
END_TEST

START_TEST(a_held_queue_is_served_by_age_when_its_time_has_come)
{
    struct world *w = world_new(1);
    struct core_app *app = world_app(w);

    core_hold(w->core, w->now + SECOND / 20);
    core_process_take_over(app, 7, true, false, 0, w->now);
    pass(w, 0);
    get_aged(w, app, 'a', 1 * SECOND);
    get_aged(w, app, 'b', 3 * SECOND);
    get_aged(w, app, 'c', 2 * SECOND);
    pass(w, SECOND / 20 - 1);
    expect(w, "");
    pass(w, 1);
    expect(w, "b=7");
    world_free(w);
}
END_TEST

START_TEST(what_is_over_the_queues_limit_after_holding_is_refused)
{
    struct core_app_limits limits = world_limits();
    struct world *w = world_new(1);
    struct core_app *app;

    limits.max_queue = 2;
    app = world_app_with(w, limits);
    core_hold(w->core, w->now + SECOND / 20);
    core_process_take_over(app, 7, true, false, 0, w->now);
    pass(w, 0);
    get_aged(w, app, 'a', 1 * SECOND);
    get_aged(w, app, 'b', 4 * SECOND);
    get_aged(w, app, 'c', 3 * SECOND);
    get_aged(w, app, 'd', 2 * SECOND);
    expect(w, "");
    pass(w, SECOND / 20);
    expect(w, "b=7, a!full");
    world_free(w);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_sticky_request_gets_its_process_when_it_is_free,
        a_sticky_request_waits_for_its_process_beside_an_idle_one,
        a_sticky_request_starts_no_other_process,
        the_older_of_those_who_could_have_it_gets_the_process,
        a_sticky_request_whose_process_is_gone_gets_any,
        who_waits_for_a_process_that_ends_gets_any_in_its_turn,
        who_waits_for_a_process_that_is_to_go_gets_any,
        a_sticky_request_is_late_and_cancelled_like_any,
        sticky_requests_share_a_process_up_to_its_concurrency,
        always_restart_comes_before_stickiness,
        a_held_queue_is_served_by_age_when_its_time_has_come,
        what_is_over_the_queues_limit_after_holding_is_refused,
        NULL,
    };

    return world_run("sticky", tests);
}
