/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn_world.h - lets a child become an application, as apppool-spawn does.
 *
 * The application is a shell script that prints what it finds, or /bin/echo in
 * the place of an interpreter. A test says what is defined, runs it, and looks
 * at what was printed and reported.
 */
#ifndef APPPOOL_TEST_SPAWN_WORLD_H
#define APPPOOL_TEST_SPAWN_WORLD_H

#include <sys/types.h>

#include "message.h"
#include "spawn.h"

extern const char *root;            /* of the application; an empty folder */
extern struct wire_message rules;   /* the configuration */
extern struct wire_message define;  /* the application's definition */
extern struct spawn_options options;
extern uid_t run_as;                /* who starts it; 0: the test itself */

/* Fixture. */
void spawn_world_begin(void);
void spawn_world_end(void);

/* A name in the root; valid until the next one. */
const char *path_of(const char *name);
void make_file(const char *name);   /* an empty one there */

/* To the definition: a shell script; the interpreter of Python; an application
 * of Python's, with echo for its interpreter. */
void set_command(const char *script);
void put_interpreter(const char *program);
void set_wsgi(void);

/* Start it and wait for its end. */
void run(void);

/* Of the last run: */
extern pid_t last_pid;
extern int status;                  /* as waitpid(2) tells it */
extern char output[65536];          /* what it printed */
extern char story[65536];           /* the steps of its start, a line each */
extern char reports[8][8192];       /* what it reported besides */
extern unsigned n_reports;
const char *last_report(void);      /* "" if there was none */
void assert_error(const char *part); /* it failed to start and said this */
void assert_printed(const char *part);

#endif
