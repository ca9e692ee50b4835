/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - what the parts of probe.c share.
 */
#ifndef PROBE_H
#define PROBE_H

#include <fcgiapp.h>
#include <jansson.h>
#include <stdbool.h>

#define PIECE 65536

extern FCGX_Request request;
extern char piece[PIECE];

/* Answers; out() and say() at once. */
void out(const char *data, size_t len);
void say(const char *text);
void header(const char *type);
void plain(const char *data, size_t len);
void plain_text(const char *text);
void plain_number(long number);
void as_json(json_t *value);
json_t *json_of_pairs(char **pairs);
void xs(size_t left);   /* so many of them */

/* What came. */
const char *variable(const char *name);
size_t read_some(char *to, size_t most);
size_t read_all(void);  /* and forget it; how much it was */

void pause_for(const char *seconds);

/* For path segment `name`; arg: those after it, "" where there are none. */
struct action {
    const char *name;
    void (*run)(char **arg);
};

/* Ended by a name that is NULL. */
extern const struct action body_actions[], response_actions[],
    process_actions[];

#endif
