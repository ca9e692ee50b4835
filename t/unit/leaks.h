/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leaks.h - a test ends with as many descriptors and children as it began.
 *
 * Use as a checked fixture: leaks_begin as set-up, leaks_end as tear-down.
 */
#ifndef APPPOOL_TEST_LEAKS_H
#define APPPOOL_TEST_LEAKS_H

void leaks_begin(void);
void leaks_end(void);

/* Descriptors open now. */
unsigned leaks_count_fds(void);

#endif
