/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_loop.c - watches, timers and turns of server/base/loop.h.
 */
#include <apr_general.h>
#include <apr_pools.h>
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include "leaks.h"
#include "loop.h"
#include "program.h"

static apr_pool_t *pool;
static struct loop *loop;

static void set_up(void)
{
    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    loop = loop_new(pool);
    ck_assert_ptr_nonnull(loop);
}

static void tear_down(void)
{
    apr_pool_destroy(pool);
    leaks_end();
    apr_terminate();
}

/* What a watch was told. */
struct told {
    struct loop_watch *watch;
    struct loop_watch **end; /* this one, as well */
    unsigned events;
    unsigned times;
};

static void on_ready(void *baton, int fd, unsigned events)
{
    struct told *told = baton;
    char byte;

    told->events |= events;
    told->times++;
    if (events & LOOP_READ) {
        (void)!read(fd, &byte, 1);
    }
    if (told->end != NULL) {
        loop_unwatch(told->end);
    }
}

static void make_pair(int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void close_pair(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

START_TEST(watch_is_told_of_what_it_asked_for_only)
{
    struct told told = { .watch = NULL };
    int ends[2];

    make_pair(ends);
    told.watch = loop_watch(loop, ends[0], LOOP_READ, on_ready, &told);
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.times, 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.events, LOOP_READ);
    loop_watch_set(told.watch, LOOP_WRITE);
    told.events = 0;
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.events, LOOP_WRITE);
    loop_unwatch(&told.watch);
    ck_assert_ptr_null(told.watch);
    loop_unwatch(&told.watch);
    close_pair(ends);
}
END_TEST

START_TEST(watch_that_asks_for_nothing_hears_nothing_not_even_the_end)
{
    struct told told = { .watch = NULL };
    int ends[2];

    make_pair(ends);
    told.watch = loop_watch(loop, ends[0], LOOP_READ, on_ready, &told);
    loop_watch_set(told.watch, 0);
    close(ends[1]);
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.times, 0);
    loop_watch_set(told.watch, LOOP_READ);
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.times, 1);
    loop_unwatch(&told.watch);
    close(ends[0]);
}
END_TEST

START_TEST(callback_may_end_another_watch_of_the_same_turn)
{
    struct told a = { .watch = NULL };
    struct told b = { .watch = NULL };
    int ends[2][2];

    make_pair(ends[0]);
    make_pair(ends[1]);
    a.watch = loop_watch(loop, ends[0][0], LOOP_READ, on_ready, &a);
    b.watch = loop_watch(loop, ends[1][0], LOOP_READ, on_ready, &b);
    a.end = &b.watch;
    b.end = &a.watch;
    ck_assert_int_eq(write(ends[0][1], "x", 1), 1);
    ck_assert_int_eq(write(ends[1][1], "x", 1), 1);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    ck_assert_uint_eq(a.times + b.times, 1);
    loop_unwatch(&a.watch);
    loop_unwatch(&b.watch);
    close_pair(ends[0]);
    close_pair(ends[1]);
}
END_TEST

START_TEST(callback_may_end_its_own_watch)
{
    struct told told = { .watch = NULL };
    int ends[2];

    make_pair(ends);
    told.end = &told.watch;
    told.watch = loop_watch(loop, ends[0], LOOP_READ | LOOP_WRITE, on_ready,
                            &told);
    ck_assert_int_eq(write(ends[1], "xy", 2), 2);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    ck_assert_uint_eq(told.times, 1);
    close_pair(ends);
}
END_TEST

START_TEST(descriptor_that_cannot_be_watched_is_an_error)
{
    struct told told = { .watch = NULL };

    ck_assert_ptr_null(loop_watch(loop, 1000, LOOP_READ, on_ready, &told));
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(a_hundred_thousand_watches_later_memory_has_not_grown)
{
    struct told told = { .watch = NULL };
    size_t before = 0;
    int ends[2];

    make_pair(ends);
    for (int i = 0; i < 100000; i++) {
        struct loop_timer *timer = loop_timer_add(loop, 1000, NULL, NULL);

        told.watch = loop_watch(loop, ends[0], LOOP_READ, on_ready, &told);
        loop_unwatch(&told.watch);
        loop_timer_cancel(&timer);
        loop_turn(loop, 0);
        if (i == 1000) {
            before = mallinfo2().uordblks;
        }
    }
    ck_assert_uint_le(mallinfo2().uordblks, before + 4096);
    close_pair(ends);
}
END_TEST

/* Timers --------------------------------------------------------------------*/

static char order[16];
static unsigned n_order;

static void on_due(void *baton)
{
    order[n_order++] = *(const char *)baton;
}

static void on_due_again(void *baton)
{
    on_due(baton);
    if (n_order < 3) {
        loop_timer_add(loop, 0, on_due_again, baton);
    }
}

static void on_due_stop(void *baton)
{
    on_due(baton);
    loop_stop(loop);
}

START_TEST(timers_fire_in_their_order_and_equal_ones_as_they_were_added)
{
    static char names[] = "abcd";

    n_order = 0;
    loop_timer_add(loop, 3000, on_due_stop, &names[3]);
    loop_timer_add(loop, 2000, on_due, &names[1]);
    loop_timer_add(loop, 2000, on_due, &names[2]);
    loop_timer_add(loop, 0, on_due, &names[0]);
    loop_run(loop);
    ck_assert_uint_eq(n_order, 4);
    ck_assert_mem_eq(order, "abcd", 4);
}
END_TEST

START_TEST(timer_added_by_a_callback_waits_for_the_next_turn)
{
    static char name = 'a';

    n_order = 0;
    loop_timer_add(loop, 0, on_due_again, &name);
    for (unsigned i = 1; i <= 3; i++) {
        loop_turn(loop, 0);
        ck_assert_uint_eq(n_order, i);
    }
}
END_TEST

START_TEST(cancelled_timer_does_not_fire)
{
    static char names[] = "ab";
    struct loop_timer *timer = loop_timer_add(loop, 0, on_due, &names[0]);

    n_order = 0;
    loop_timer_add(loop, 0, on_due, &names[1]);
    loop_timer_cancel(&timer);
    ck_assert_ptr_null(timer);
    loop_timer_cancel(&timer);
    loop_turn(loop, 0);
    ck_assert_uint_eq(n_order, 1);
    ck_assert_int_eq(order[0], 'b');
}
END_TEST

static unsigned turns;

static void on_turn(void *baton, int fd, unsigned events)
{
    (void)baton;
    (void)fd;
    (void)events;
    turns++;
}

/* epoll counts whole milliseconds: rounding down would turn idly until due. */
START_TEST(timer_is_never_early_and_costs_few_turns)
{
    static char name = 'a';
    apr_time_t before = loop_now(loop);
    struct loop_watch *watch;
    int ends[2];

    make_pair(ends);
    turns = 0;
    n_order = 0;
    watch = loop_watch(loop, ends[0], LOOP_READ, on_turn, NULL);
    loop_timer_add(loop, 2500, on_due_stop, &name);
    for (unsigned i = 0; n_order == 0; i++) {
        ck_assert_uint_lt(i, 3);
        loop_turn(loop, APR_USEC_PER_SEC);
    }
    ck_assert_int_ge(loop_now(loop) - before, 2500);
    ck_assert_uint_eq(turns, 0);
    loop_unwatch(&watch);
    close_pair(ends);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *c = program_case(suite, "loop", set_up, tear_down);

    tcase_add_test(c, watch_is_told_of_what_it_asked_for_only);
    tcase_add_test(c, watch_that_asks_for_nothing_hears_nothing_not_even_the_end);
    tcase_add_test(c, callback_may_end_another_watch_of_the_same_turn);
    tcase_add_test(c, callback_may_end_its_own_watch);
    tcase_add_test(c, descriptor_that_cannot_be_watched_is_an_error);
    tcase_add_test(c, a_hundred_thousand_watches_later_memory_has_not_grown);
    tcase_add_test(c, timers_fire_in_their_order_and_equal_ones_as_they_were_added);
    tcase_add_test(c, timer_added_by_a_callback_waits_for_the_next_turn);
    tcase_add_test(c, cancelled_timer_does_not_fire);
    tcase_add_test(c, timer_is_never_early_and_costs_few_turns);
    return program_run(suite);
}
