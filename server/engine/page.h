/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - a failed start as an HTML page for a person.
 */
#ifndef APPPOOL_ENGINE_PAGE_H
#define APPPOOL_ENGINE_PAGE_H

#include "core.h"

/* Texts may be "", never NULL; lists are lines. */
struct page_facts {
    const char *id;          /* what finds it in the log */
    const char *root, *type, *user, *environment;
    const char *error;       /* what is wrong */
    const char *output;      /* what it printed */
    const char *steps;       /* "0.012 text" */
    const char *variables;   /* "NAME=value" */
    const struct core_app_limits *limits;
};

/*
 * A whole page (all of it escaped; long parts are cut so that it fits a
 * message). Freed by the caller.
 */
char *page_of_failure(const struct page_facts *facts);

/* hints.c: what to try next, by what was said; at most `n` sentences of HTML
 * (ours, nothing of the application's). Returns how many. */
unsigned hints_of_failure(const struct page_facts *facts,
                          const char *hints[], unsigned n);

#endif
