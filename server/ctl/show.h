/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.h - what the tool prints: tables that fit 80 columns.
 *
 * Control characters in what applications and clients say are shown as "?", so
 * that nobody's words write to somebody's terminal.
 */
#ifndef APPPOOL_CTL_SHOW_H
#define APPPOOL_CTL_SHOW_H

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Each takes the parsed status (doc/status-json). */
void show_status(FILE *out, const json_t *status);
void show_requests(FILE *out, const json_t *status);
void show_memory(FILE *out, const json_t *status);
void show_top(FILE *out, const json_t *status, unsigned rows);

/* The configuration in words, as mod_apppool/describe.c writes it. */
void show_config(FILE *out, const json_t *config);

/* show_text.c: words and numbers. */
const char *show_string(const json_t *object, const char *key);
double show_number(const json_t *object, const char *key);
/* Seconds as "0.4s", "12s", "3m4s", "2h5m", "8d3h". */
const char *show_duration(char *text, size_t size, double seconds);
/* KiB as "12M"; "-" for none. */
const char *show_memory_size(char *text, size_t size, double kib);
/* Text without control characters, at most `max` columns (0: all of it). */
void show_clean(FILE *out, const char *text, size_t max);
/* Columns there are: of the terminal, 80 where it is none. */
unsigned show_columns(FILE *out);

#endif
