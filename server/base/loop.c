/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - the loop of loop.h over apr_pollset (epoll) and apr_skiplist.
 *
 * The pollset copies nothing (APR_POLLSET_NOCOPY): each watch brings its memory
 * in a pool of its own, so that a server that runs for months does not grow.
 * One turn may report a watch that an earlier callback of the same turn has
 * ended: such watches stay allocated, marked dead, until the turn is over.
 */
#include "loop.h"

#include <apr_poll.h>
#include <apr_portable.h>
#include <apr_skiplist.h>

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#define EVENTS_PER_TURN 256

struct loop_watch {
    struct loop *loop;       /* borrowed */
    struct loop_watch *next; /* in loop->dead */
    apr_pool_t *pool;        /* owns this */
    apr_pollfd_t poll;       /* reqevents: as in the pollset; 0: not in it */
    int fd;                  /* borrowed */
    unsigned events;         /* 0 once dead */
    loop_ready_fn *ready;
    void *baton;
};

struct loop_timer {
    struct loop *loop; /* borrowed */
    apr_time_t due;
    uint64_t number; /* makes the order of equal times that of adding */
    loop_timer_fn *fire;
    void *baton;
};

struct loop {
    apr_pool_t *pool;
    apr_pollset_t *pollset;
    apr_skiplist *timers;    /* struct loop_timer, the next one first */
    struct loop_watch *dead; /* freed at the end of the turn */
    apr_time_t now;
    uint64_t next_number;
    bool stopped;
};

static apr_time_t clock_now(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);

    assert(rc == 0);
    (void)rc;
    return (apr_time_t)ts.tv_sec * APR_USEC_PER_SEC + ts.tv_nsec / 1000;
}

static int timer_compare(void *a, void *b)
{
    const struct loop_timer *one = a;
    const struct loop_timer *other = b;

    if (one->due != other->due) {
        return one->due < other->due ? -1 : 1;
    }
    if (one->number != other->number) {
        return one->number < other->number ? -1 : 1;
    }
    return 0;
}

static apr_status_t loop_cleanup(void *data)
{
    struct loop *loop = data;
    struct loop_timer *timer = apr_skiplist_pop(loop->timers, NULL);

    while (timer != NULL) {
        free(timer);
        timer = apr_skiplist_pop(loop->timers, NULL);
    }
    return APR_SUCCESS;
}

struct loop *loop_new(apr_pool_t *p)
{
    struct loop *loop = apr_pcalloc(p, sizeof(*loop));
    apr_status_t rv;

    rv = apr_pool_create(&loop->pool, p);
    if (rv == APR_SUCCESS) {
        rv = apr_pollset_create_ex(&loop->pollset, EVENTS_PER_TURN, loop->pool,
                                   APR_POLLSET_NOCOPY, APR_POLLSET_EPOLL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_skiplist_init(&loop->timers, loop->pool);
    }
    if (rv != APR_SUCCESS) {
        errno = rv;
        return NULL;
    }
    apr_skiplist_set_compare(loop->timers, timer_compare, timer_compare);
    apr_pool_cleanup_register(loop->pool, loop, loop_cleanup,
                              apr_pool_cleanup_null);
    loop->now = clock_now();
    return loop;
}

apr_time_t loop_now(const struct loop *loop)
{
    return loop->now;
}

/* Descriptors ---------------------------------------------------------------*/

/* Bring what the pollset asks for in line with watch->events. */
static apr_status_t watch_update(struct loop_watch *watch)
{
    apr_pollset_t *pollset = watch->loop->pollset;
    apr_int16_t wanted = 0;

    if (watch->events & LOOP_READ) {
        wanted |= APR_POLLIN;
    }
    if (watch->events & LOOP_WRITE) {
        wanted |= APR_POLLOUT;
    }
    if (wanted == watch->poll.reqevents) {
        return APR_SUCCESS;
    }
    if (watch->poll.reqevents != 0) {
        apr_pollset_remove(pollset, &watch->poll);
    }
    watch->poll.reqevents = wanted;
    return wanted == 0 ? APR_SUCCESS : apr_pollset_add(pollset, &watch->poll);
}

struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              loop_ready_fn *ready, void *baton)
{
    struct loop_watch *watch;
    apr_pool_t *pool;
    apr_os_file_t os_file = fd;
    apr_status_t rv;

    rv = apr_pool_create(&pool, loop->pool);
    if (rv != APR_SUCCESS) {
        errno = rv;
        return NULL;
    }
    watch = apr_pcalloc(pool, sizeof(*watch));
    watch->loop = loop;
    watch->pool = pool;
    watch->fd = fd;
    watch->events = events;
    watch->ready = ready;
    watch->baton = baton;
    watch->poll.p = pool;
    watch->poll.desc_type = APR_POLL_FILE;
    watch->poll.client_data = watch;
    rv = apr_os_file_put(&watch->poll.desc.f, &os_file, 0, pool);
    if (rv == APR_SUCCESS) {
        rv = watch_update(watch);
    }
    if (rv != APR_SUCCESS) {
        apr_pool_destroy(pool);
        errno = rv;
        return NULL;
    }
    return watch;
}

void loop_watch_set(struct loop_watch *watch, unsigned events)
{
    apr_status_t rv;

    watch->events = events;
    rv = watch_update(watch);
    /* It was in the pollset before: only a closed descriptor is refused. */
    assert(rv == APR_SUCCESS);
    (void)rv;
}

void loop_unwatch(struct loop_watch **watch)
{
    struct loop_watch *ended = *watch;

    if (ended == NULL) {
        return;
    }
    *watch = NULL;
    loop_watch_set(ended, 0);
    ended->next = ended->loop->dead;
    ended->loop->dead = ended;
}

static void loop_bury(struct loop *loop)
{
    while (loop->dead != NULL) {
        struct loop_watch *watch = loop->dead;

        loop->dead = watch->next;
        apr_pool_destroy(watch->pool);
    }
}

/* A hang-up or error counts as everything the watch asks for. */
static unsigned happened(apr_int16_t revents)
{
    unsigned events = 0;

    if (revents & APR_POLLIN) {
        events |= LOOP_READ;
    }
    if (revents & APR_POLLOUT) {
        events |= LOOP_WRITE;
    }
    if (revents & ~(APR_POLLIN | APR_POLLOUT)) {
        events = LOOP_READ | LOOP_WRITE;
    }
    return events;
}

static void loop_tell(const apr_pollfd_t *ready, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_watch *watch = ready[i].client_data;
        unsigned events = happened(ready[i].rtnevents) & watch->events;

        if (events != 0) {
            watch->ready(watch->baton, watch->fd, events);
        }
    }
}

/* Timers --------------------------------------------------------------------*/

struct loop_timer *loop_timer_add(struct loop *loop, apr_interval_time_t delay,
                                  loop_timer_fn *due, void *baton)
{
    struct loop_timer *timer = malloc(sizeof(*timer));

    assert(delay >= 0);
    if (timer == NULL) {
        abort();
    }
    timer->loop = loop;
    timer->due = loop->now + delay;
    timer->number = loop->next_number++;
    timer->fire = due;
    timer->baton = baton;
    apr_skiplist_insert(loop->timers, timer);
    return timer;
}

void loop_timer_cancel(struct loop_timer **timer)
{
    if (*timer != NULL) {
        apr_skiplist_remove((*timer)->loop->timers, *timer, NULL);
        free(*timer);
        *timer = NULL;
    }
}

/* What a callback adds waits for the next turn, however short its delay. */
static void loop_fire(struct loop *loop)
{
    uint64_t end = loop->next_number;
    struct loop_timer *timer = apr_skiplist_peek(loop->timers);

    while (timer != NULL && timer->due <= loop->now && timer->number < end) {
        loop_timer_fn *fire = timer->fire;
        void *baton = timer->baton;

        apr_skiplist_pop(loop->timers, NULL);
        free(timer);
        fire(baton);
        timer = apr_skiplist_peek(loop->timers);
    }
}

/* epoll counts milliseconds and APR rounds down: round up, or a timer that is
 * due within the millisecond would make the loop spin. */
static apr_interval_time_t loop_patience(const struct loop *loop,
                                         apr_interval_time_t wait)
{
    const struct loop_timer *timer = apr_skiplist_peek(loop->timers);

    if (timer != NULL) {
        apr_interval_time_t left = timer->due - clock_now();

        left = left < 0 ? 0 : left;
        wait = wait < 0 || left < wait ? left : wait;
    }
    if (wait < 0) {
        return -1;
    }
    wait = (wait + 999) / 1000;
    return (wait > INT_MAX ? INT_MAX : wait) * 1000;
}

/* Turns ---------------------------------------------------------------------*/

static void loop_one_turn(struct loop *loop, apr_interval_time_t wait)
{
    const apr_pollfd_t *ready = NULL;
    apr_int32_t n = 0;
    apr_status_t rv;

    rv = apr_pollset_poll(loop->pollset, loop_patience(loop, wait), &n, &ready);
    assert(rv == APR_SUCCESS || APR_STATUS_IS_TIMEUP(rv) ||
           APR_STATUS_IS_EINTR(rv));
    loop->now = clock_now();
    if (rv == APR_SUCCESS) {
        loop_tell(ready, n);
    }
    loop_fire(loop);
    loop_bury(loop);
}

void loop_turn(struct loop *loop, apr_interval_time_t wait)
{
    loop_one_turn(loop, wait < 0 ? 0 : wait);
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped) {
        loop_one_turn(loop, -1);
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}
