/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - apppoolctl: look at a running pool server and tell it what to do.
 *
 * Exit status: 0 done; 1 the pool said no; 2 wrong words on the command line;
 * 3 no pool server, or it cannot be reached.
 */
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/server.h"
#include "find.h"
#include "installed.h"
#include "show.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NO_SERVER = 3 };

struct order {
    apr_pool_t *p;
    pid_t pid;            /* --pid, --pid-file; 0: the only one */
    int json;             /* --json */
    int all;              /* --all */
    const char *argument; /* the word after the command; NULL: none */
};

static const char usage[] =
    "Usage: apppoolctl [--pid PID | --pid-file FILE] COMMAND\n"
    "\n"
    "  status [--json]           applications, processes, queues\n"
    "  restart PATH | --all      start new code of an application's root; waits\n"
    "                            until it serves\n"
    "  detach PID                end a process as soon as it is free\n"
    "  ping                      does the pool server answer?\n"
    "  version\n"
    "\n"
    "  --pid PID         of the pool server or of its httpd\n"
    "  --pid-file FILE   httpd's PidFile\n";

static int complain(const char *sentence)
{
    fprintf(stderr, "apppoolctl: %s\n", sentence);
    return EXIT_REFUSED;
}

static int complain_about(apr_status_t rv, const char *message)
{
    char text[256];

    return complain(message != NULL ? message
                                    : apppool_strerror(rv, text, sizeof text));
}

/* Commands --------------------------------------------------------------------- */

static int do_status(struct apppool_client *client, const struct order *order)
{
    const char *json;
    apr_size_t len;
    apr_status_t rv = apppool_status(client, &json, &len, order->p);

    if (rv != APR_SUCCESS) {
        return complain_about(rv, NULL);
    }
    if (order->json) {
        printf("%.*s\n", (int)len, json);
        return 0;
    }
    return show_status(stdout, json, len) == 0 ? 0
        : complain("the status is not one that this version knows");
}

static int do_restart(struct apppool_client *client, const struct order *order)
{
    const char *message = NULL;
    apr_status_t rv;

    if ((order->argument == NULL) == !order->all) {
        fputs("apppoolctl: restart takes the root of an application, or"
              " --all\n", stderr);
        return EXIT_USAGE;
    }
    rv = apppool_restart(client, order->argument, &message, order->p);
    return rv == APR_SUCCESS ? 0 : complain_about(rv, message);
}

static int do_detach(struct apppool_client *client, const struct order *order)
{
    pid_t pid = order->argument != NULL ? (pid_t)atol(order->argument) : 0;
    apr_status_t rv;

    if (pid <= 0) {
        fputs("apppoolctl: detach takes the pid of a process\n", stderr);
        return EXIT_USAGE;
    }
    rv = apppool_detach_process(client, pid);
    return rv == APR_SUCCESS ? 0
        : complain("no process of the pool has this pid");
}

static int do_ping(struct apppool_client *client, const struct order *order)
{
    apr_status_t rv = apppool_ping(client, apr_time_from_sec(5));

    (void)order;
    return rv == APR_SUCCESS ? 0 : complain_about(rv, NULL);
}

static const struct command {
    const char *name;
    int (*run)(struct apppool_client *client, const struct order *order);
} commands[] = {
    { "status", do_status },
    { "restart", do_restart },
    { "detach", do_detach },
    { "ping", do_ping },
};

/* The way in ------------------------------------------------------------------- */

static int run(const struct command *command, const struct order *order)
{
    const char *why = NULL;
    const struct found_server *server = find_server(order->pid, &why,
                                                    order->p);
    struct apppool_client *client;
    apr_status_t rv;
    int status;
    int fd;

    if (server == NULL || find_admin(server->pid, &fd, &why, order->p) < 0) {
        complain(why);
        return EXIT_NO_SERVER;
    }
    rv = apppool_client_from_admin(fd, &client, order->p);
    if (rv != APR_SUCCESS) {
        close(fd);
        complain_about(rv, NULL);
        return EXIT_NO_SERVER;
    }
    status = command->run(client, order);
    apppool_client_close(client);
    close(fd);
    return status;
}

static int read_pid_file(const char *path, pid_t *pid_r)
{
    FILE *file = fopen(path, "re");
    long pid = 0;

    if (file == NULL) {
        return -1;
    }
    if (fscanf(file, "%ld", &pid) != 1) {
        pid = 0;
    }
    fclose(file);
    *pid_r = (pid_t)pid;
    return pid > 0 ? 0 : -1;
}

enum { OPTION_PID = 256, OPTION_PID_FILE, OPTION_JSON, OPTION_ALL,
       OPTION_HELP, OPTION_VERSION };

static const apr_getopt_option_t options[] = {
    { "pid", OPTION_PID, 1, "of the pool server or of its httpd" },
    { "pid-file", OPTION_PID_FILE, 1, "httpd's PidFile" },
    { "json", OPTION_JSON, 0, "as JSON" },
    { "all", OPTION_ALL, 0, "every application" },
    { "help", OPTION_HELP, 0, "this text" },
    { "version", OPTION_VERSION, 0, "the version" },
    { NULL, 0, 0, NULL }
};

/* -1: go on; else the exit status. */
static int take_option(int option, const char *value, struct order *order)
{
    switch (option) {
    case OPTION_PID:
        order->pid = (pid_t)atol(value);
        return order->pid > 0 ? -1 : EXIT_USAGE;
    case OPTION_PID_FILE:
        if (read_pid_file(value, &order->pid) < 0) {
            fprintf(stderr, "apppoolctl: %s: no pid in it\n", value);
            return EXIT_NO_SERVER;
        }
        return -1;
    case OPTION_JSON:
        order->json = 1;
        return -1;
    case OPTION_ALL:
        order->all = 1;
        return -1;
    case OPTION_VERSION:
        puts("apppoolctl " APPPOOL_VERSION);
        return 0;
    default:
        fputs(usage, stdout);
        return 0;
    }
}

static int run_words(int n, const char *const *words, struct order *order)
{
    if (n >= 1 && strcmp(words[0], "version") == 0) {
        return take_option(OPTION_VERSION, NULL, order);
    }
    order->argument = n > 1 ? words[1] : NULL;
    for (size_t i = 0; n >= 1 && n <= 2 && i < sizeof commands /
         sizeof *commands; i++) {
        if (strcmp(words[0], commands[i].name) == 0) {
            return run(&commands[i], order);
        }
    }
    fputs(usage, stderr);
    return EXIT_USAGE;
}

static int run_arguments(int argc, const char *const *argv, apr_pool_t *p)
{
    struct order order = { .p = p };
    apr_getopt_t *getopt_state;
    const char *value;
    apr_status_t rv;
    int option;

    apr_getopt_init(&getopt_state, p, argc, argv);
    getopt_state->interleave = 1;
    while ((rv = apr_getopt_long(getopt_state, options, &option, &value)) ==
           APR_SUCCESS) {
        int status = take_option(option, value, &order);

        if (status >= 0) {
            return status;
        }
    }
    if (rv != APR_EOF) {
        return EXIT_USAGE; /* apr_getopt has said what was wrong */
    }
    return run_words(argc - getopt_state->ind,
                     getopt_state->argv + getopt_state->ind, &order);
}

int main(int argc, const char *const *argv)
{
    apr_pool_t *p;
    int status;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS ||
        apr_pool_create(&p, NULL) != APR_SUCCESS) {
        return EXIT_NO_SERVER;
    }
    status = run_arguments(argc, argv, p);
    apr_pool_destroy(p);
    apr_terminate();
    return status;
}
