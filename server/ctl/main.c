/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - apppoolctl: look at a running pool server and tell it what to do.
 * This file reads the command line; commands.h has the exit status.
 */
#include <apr_general.h>
#include <apr_getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "installed.h"

static const char usage[] =
    "Usage: apppoolctl [OPTIONS] COMMAND\n"
    "\n"
    "  status [--json]           applications, processes, queues\n"
    "  requests                  which request is in which process\n"
    "  top                       processes, busiest first, every 2 s\n"
    "  memory                    processes, largest first\n"
    "  config [--json]           what is in force, and where it was said\n"
    "  restart PATH | --all      start new code of an application's root; waits\n"
    "                            until it serves\n"
    "  backtrace PID             where the threads of a process are just now\n"
    "  detach PID                end a process as soon as it is free\n"
    "  drain, undrain            health answers 503, or 200 again; requests are\n"
    "                            served all the time\n"
    "  ping                      does the pool server answer?\n"
    "  version                   of this tool and of the pool server\n"
    "\n"
    "Which pool server, where this host has several:\n"
    "  --pid PID         of the pool server or of its httpd\n"
    "  --pid-file FILE   httpd's PidFile\n"
    "  --conf FILE       httpd's configuration file\n"
    "  --socket PATH     its PoolControlSocket\n"
    "  --url URL         an apppool-status page (status, requests, top,\n"
    "                    memory; needs curl)\n"
    "\n"
    "  --interval SEC    of top\n"
    "  --count N         top ends after N looks\n"
    "\n"
    "Exit status: 0 done; 1 the pool said no; 2 wrong words on the command\n"
    "line; 3 no pool server, or it cannot be reached.\n";

enum { OPTION_PID = 256, OPTION_PID_FILE, OPTION_CONF, OPTION_SOCKET,
       OPTION_URL, OPTION_JSON, OPTION_ALL, OPTION_INTERVAL, OPTION_COUNT,
       OPTION_HELP, OPTION_VERSION };

static const apr_getopt_option_t option_list[] = {
    { "pid", OPTION_PID, 1, "of the pool server or of its httpd" },
    { "pid-file", OPTION_PID_FILE, 1, "httpd's PidFile" },
    { "conf", OPTION_CONF, 1, "httpd's configuration file" },
    { "socket", OPTION_SOCKET, 1, "PoolControlSocket" },
    { "url", OPTION_URL, 1, "an apppool-status page" },
    { "json", OPTION_JSON, 0, "as JSON" },
    { "all", OPTION_ALL, 0, "every application" },
    { "interval", OPTION_INTERVAL, 1, "seconds" },
    { "count", OPTION_COUNT, 1, "looks" },
    { "help", OPTION_HELP, 0, "this text" },
    { "version", OPTION_VERSION, 0, "the version" },
    { NULL, 0, 0, NULL }
};

struct words {
    struct source_options source;
    struct order order;
};

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

/* A whole number from 1 on; 0: it is none. */
static unsigned number_of(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    return *end == '\0' && *text != '-' && value <= 1000000 ? (unsigned)value
                                                            : 0;
}

static int take_number(const char *value, unsigned *number_r)
{
    *number_r = number_of(value);
    if (*number_r == 0) {
        fprintf(stderr, "apppoolctl: '%s' is no number from 1 on\n", value);
    }
    return *number_r != 0 ? -1 : EXIT_USAGE;
}

static int take_pid(const char *value, pid_t *pid_r)
{
    unsigned number;
    int status = take_number(value, &number);

    *pid_r = (pid_t)number;
    return status;
}

static int print_version(void)
{
    puts("apppoolctl " APPPOOL_VERSION);
    return 0;
}

/* -1: go on; else the exit status. */
static int take_option(int option, const char *value, struct words *words)
{
    switch (option) {
    case OPTION_PID:
        return take_pid(value, &words->source.pid);
    case OPTION_PID_FILE:
        if (read_pid_file(value, &words->source.pid) < 0) {
            fprintf(stderr, "apppoolctl: %s: no pid in it (does this httpd"
                    " run?)\n", value);
            return EXIT_NO_SERVER;
        }
        return -1;
    case OPTION_CONF:
        words->source.conf = value;
        return -1;
    case OPTION_SOCKET:
        words->source.socket = value;
        return -1;
    case OPTION_URL:
        words->source.url = value;
        return -1;
    case OPTION_JSON:
        words->order.json = 1;
        return -1;
    case OPTION_ALL:
        words->order.all = 1;
        return -1;
    case OPTION_INTERVAL:
        return take_number(value, &words->order.interval_s);
    case OPTION_COUNT:
        return take_number(value, &words->order.count);
    case OPTION_VERSION:
        return print_version();
    default:
        fputs(usage, stdout);
        return 0;
    }
}

static const char *check(const struct command *command,
                         const struct words *words)
{
    if (command->needs_server && words->source.url != NULL) {
        return "a status page does not do for this command; leave --url out";
    }
    return command->check(&words->order);
}

/* The tool has a version though no pool server was found. */
static int is_without_server(const struct command *command,
                             const struct words *words)
{
    const struct source_options *which = &words->source;

    return strcmp(command->name, "version") == 0 && which->pid == 0 &&
           which->conf == NULL && which->socket == NULL;
}

static int run(const struct command *command, struct words *words)
{
    const char *why = check(command, words);

    if (why != NULL) {
        complain(why);
        return EXIT_USAGE;
    }
    words->order.source = source_open(&words->source, &why, words->order.p);
    if (words->order.source == NULL && !is_without_server(command, words)) {
        complain(why);
        return EXIT_NO_SERVER;
    }
    return command->run(&words->order);
}

static int run_words(int n, const char *const *list, struct words *words)
{
    const struct command *command = command_list;

    while (n > 0 && command->name != NULL &&
           strcmp(command->name, list[0]) != 0) {
        command++;
    }
    if (n < 1 || n > 2 || command->name == NULL) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    words->order.argument = n > 1 ? list[1] : NULL;
    return run(command, words);
}

static int run_arguments(int argc, const char *const *argv, apr_pool_t *p)
{
    struct words words = { .order = { .p = p, .interval_s = 2 } };
    apr_getopt_t *getopt_state;
    const char *value;
    apr_status_t rv;
    int option;

    apr_getopt_init(&getopt_state, p, argc, argv);
    getopt_state->interleave = 1;
    while ((rv = apr_getopt_long(getopt_state, option_list, &option,
                                 &value)) == APR_SUCCESS) {
        int status = take_option(option, value, &words);

        if (status >= 0) {
            return status;
        }
    }
    if (rv != APR_EOF) {
        return EXIT_USAGE; /* apr_getopt has said what was wrong */
    }
    return run_words(argc - getopt_state->ind,
                     getopt_state->argv + getopt_state->ind, &words);
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
