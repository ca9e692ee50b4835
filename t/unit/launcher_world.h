/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launcher_world.h - a server program that the library starts and stops.
 *
 * The program is the test's own: started with --spawn-server it is a fake
 * server, whose behaviour stands in the word after --ruby: "fake" or any other,
 * "exit" at once, "report" what it finds, "ignore-close", "ignore-all".
 */
#ifndef APPPOOL_TEST_LAUNCHER_WORLD_H
#define APPPOOL_TEST_LAUNCHER_WORLD_H

#include <stdbool.h>

#include "apppool/pool.h"
#include "apppool/server.h"

extern apr_pool_t *pool;
extern const char *folder;
extern char *log_file; /* in folder, unless a test names another */

/* What main() has to look at first. */
bool launched_is(int argc, char **argv);
int launched_main(char **argv);

/* Fixture. */
void launcher_world_begin(void);
void launcher_world_end(void);

/* Options that start it in this mode; a server that was started with them. */
struct apppool_server_options options_for(const char *mode);
struct apppool_server *started(const char *mode);

/* It does not start, and the message says this. */
void expect_failure(const struct apppool_server_options *options,
                    apr_status_t status, const char *words);

struct apppool_client *connected(struct apppool_server *server);
bool is_alive(pid_t pid);

/* The log as it is, and once it has these words. */
char *read_log(void);
char *wait_for_log(const char *words);

#endif
