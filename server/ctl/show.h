/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h - the pool's status as a table that fits 80 columns.
 */
#ifndef APPPOOL_CTL_SHOW_H
#define APPPOOL_CTL_SHOW_H

#include <stddef.h>
#include <stdio.h>

/* Print the JSON status as a table. 0, or -1: it is not what was expected. */
int show_status(FILE *out, const char *json, size_t len);

#endif
