/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.h - what the tool can do. Exit status: 0 done; 1 the pool said no;
 * 2 wrong words on the command line; 3 no pool server, or it cannot be reached.
 */
#ifndef APPPOOL_CTL_COMMANDS_H
#define APPPOOL_CTL_COMMANDS_H

#include "source.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 3 };

struct order {
    apr_pool_t *p;
    const struct source *source;
    int json;             /* --json */
    int all;              /* --all */
    unsigned count;       /* --count: of top; 0: until it is interrupted */
    unsigned interval_s;  /* --interval */
    const char *argument; /* the word after the command; NULL: none */
};

/* One line to standard error; returns EXIT_REFUSED. */
int complain(const char *sentence);

struct command {
    const char *name; /* NULL at the end of the list */
    int (*run)(const struct order *order); /* the exit status */
    /* What is wrong with the words given to it; NULL: nothing. */
    const char *(*check)(const struct order *order);
    int needs_server; /* a page does not do */
};

extern const struct command command_list[];

#endif
