/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.h - the time for everything that is waited for or measured. The wall
 * clock (apr_time_now()) may be set at any moment, for what is shown to people
 * and nothing else.
 */
#ifndef MOD_APPPOOL_CLOCK_H
#define MOD_APPPOOL_CLOCK_H

#include <apr_time.h>
#include <time.h>

/* Microseconds since some moment before httpd was started. */
static inline apr_time_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

#endif
