/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timing.c - where a request's time went, for a browser's developer tools.
 */
#include "timing.h"

#include <apr_strings.h>

#include "clock.h"

static double ms(apr_interval_time_t us)
{
    return us > 0 ? (double)us / 1000 : 0;
}

const char *timing_header(apr_pool_t *p, const struct timing *timing)
{
    apr_interval_time_t waited = timing->handed_out - timing->asked;

    return apr_psprintf(p, "queue;dur=%.1f, spawn;dur=%.1f, app;dur=%.1f",
                        ms(waited - timing->spawn), ms(timing->spawn),
                        ms(clock_now() - timing->handed_out));
}
