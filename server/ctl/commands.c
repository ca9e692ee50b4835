/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands.c - see commands.h.
 */
#include "commands.h"

#include <apr_strings.h>
#include <apr_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apppool/error.h"
#include "apppool/pool.h"
#include "installed.h"
#include "root.h"
#include "show.h"

/* A measurement that is older is asked for again. */
#define FRESH_S 1.5
#define MEASURING apr_time_from_msec(300)

int complain(const char *sentence)
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

/* What only looks ---------------------------------------------------------- */

static json_t *parse(const char *json, apr_size_t len)
{
    json_t *value = json_loadb(json, len, 0, NULL);

    if (!json_is_object(value)) {
        json_decref(value);
        complain("the answer is not one that this version knows");
        return NULL;
    }
    return value;
}

/* NULL: it was complained about, and there is an exit status. */
static json_t *load_status(const struct order *order, apr_pool_t *p,
                           int *exit_r)
{
    const char *json, *why = NULL;
    apr_size_t len;
    enum source_end end = source_status(order->source, &json, &len, &why, p);

    *exit_r = end == SOURCE_UNREACHABLE ? EXIT_NO_SERVER : EXIT_REFUSED;
    if (end != SOURCE_TOLD) {
        complain(why);
        return NULL;
    }
    return parse(json, len);
}

static int print_json(const char *json, apr_size_t len)
{
    printf("%.*s\n", (int)len, json);
    return 0;
}

static int do_status(const struct order *order)
{
    int failed;
    json_t *status = load_status(order, order->p, &failed);

    if (status == NULL) {
        return failed;
    }
    if (order->json) {
        json_dumpf(status, stdout, JSON_COMPACT);
        putchar('\n');
    } else {
        show_status(stdout, status);
    }
    json_decref(status);
    return 0;
}

static int do_requests(const struct order *order)
{
    int failed;
    json_t *status = load_status(order, order->p, &failed);

    if (status == NULL) {
        return failed;
    }
    show_requests(stdout, status);
    json_decref(status);
    return 0;
}

static int is_fresh(const json_t *status)
{
    const json_t *app, *process;
    size_t i, k;

    json_array_foreach(json_object_get(status, "applications"), i, app) {
        json_array_foreach(json_object_get(app, "processes"), k, process) {
            const json_t *usage = json_object_get(process, "usage");

            if (show_number(process, "pid") > 0 &&
                (!json_is_object(usage) ||
                 show_number(usage, "measured_s") > FRESH_S)) {
                return 0;
            }
        }
    }
    return 1;
}

/* A look has the processes measured; the next look shows it. */
static int do_memory(const struct order *order)
{
    int failed;
    json_t *status = load_status(order, order->p, &failed);

    if (status != NULL && !is_fresh(status)) {
        json_decref(status);
        apr_sleep(MEASURING);
        status = load_status(order, order->p, &failed);
    }
    if (status == NULL) {
        return failed;
    }
    show_memory(stdout, status);
    json_decref(status);
    return 0;
}

static int top_once(const struct order *order)
{
    int is_screen = isatty(STDOUT_FILENO);
    int failed;
    apr_pool_t *p;
    json_t *status;

    apr_pool_create(&p, order->p);
    status = load_status(order, p, &failed);
    if (status != NULL) {
        fputs(is_screen ? "\033[H\033[J" : "", stdout);
        show_top(stdout, status, is_screen ? 20 : 1000000);
        fflush(stdout);
    }
    json_decref(status);
    apr_pool_destroy(p);
    return status != NULL ? 0 : failed;
}

static int do_top(const struct order *order)
{
    int status = top_once(order);

    for (unsigned i = 1; status == 0 && (order->count == 0 ||
                                         i < order->count); i++) {
        apr_sleep(apr_time_from_sec(order->interval_s));
        status = top_once(order);
    }
    return status;
}

static int do_config(const struct order *order)
{
    const char *json;
    apr_size_t len;
    apr_status_t rv = apppool_config(order->source->client, &json, &len,
                                     order->p);
    json_t *config;

    if (rv != APR_SUCCESS) {
        return complain_about(rv, rv == APPPOOL_EFAILED
            ? "the pool server has no configuration of an httpd" : NULL);
    }
    if (order->json) {
        return print_json(json, len);
    }
    config = parse(json, len);
    if (config == NULL) {
        return EXIT_REFUSED;
    }
    show_config(stdout, config);
    json_decref(config);
    return 0;
}

/* The tool's own, and the pool server's where one is found. */
static int do_version(const struct order *order)
{
    int failed = 0;
    json_t *status = NULL;

    puts("apppoolctl " APPPOOL_VERSION);
    if (order->source != NULL) {
        status = load_status(order, order->p, &failed);
    }
    if (status != NULL) {
        printf("apppool-server %s\n",
               show_string(json_object_get(status, "server"), "version"));
        json_decref(status);
        failed = 0;
    }
    return failed;
}

static int do_ping(const struct order *order)
{
    apr_status_t rv = apppool_ping(order->source->client,
                                   apr_time_from_sec(5));

    return rv == APR_SUCCESS ? 0 : complain_about(rv, NULL);
}

/* What changes something --------------------------------------------------- */

static int do_restart(const struct order *order)
{
    const char *message = NULL, *root = order->argument;
    json_t *status = NULL;
    apr_status_t rv;
    int failed;

    if (root != NULL) {
        status = load_status(order, order->p, &failed);
        if (status == NULL) {
            return failed;
        }
        root = root_known(root, status, order->p);
        json_decref(status);
    }
    rv = apppool_restart(order->source->client, root, &message, order->p);
    return rv == APR_SUCCESS ? 0 : complain_about(rv, message);
}

static pid_t pid_of(const struct order *order)
{
    char *end = NULL;
    long pid = order->argument != NULL ? strtol(order->argument, &end, 10) : 0;

    return end != NULL && *end == '\0' && pid > 0 ? (pid_t)pid : 0;
}

static int do_detach(const struct order *order)
{
    apr_status_t rv = apppool_detach_process(order->source->client,
                                             pid_of(order));

    return rv == APR_SUCCESS ? 0
        : complain_about(rv, rv == APPPOOL_EFAILED
              ? "no process of the pool has this pid" : NULL);
}

static int do_backtrace(const struct order *order)
{
    const char *text = NULL;
    apr_status_t rv = apppool_backtrace(order->source->client, pid_of(order),
                                        &text, order->p);

    if (rv != APR_SUCCESS) {
        return complain_about(rv, text);
    }
    if (text == NULL || *text == '\0') {
        return complain("it has printed nothing; a process that hangs in"
                        " native code may do so later, in its log");
    }
    fputs(text, stdout);
    return 0;
}

static int drain(const struct order *order, int draining)
{
    apr_status_t rv = apppool_drain(order->source->client, draining);

    return rv == APR_SUCCESS ? 0 : complain_about(rv, NULL);
}

static int do_drain(const struct order *order)
{
    return drain(order, 1);
}

static int do_undrain(const struct order *order)
{
    return drain(order, 0);
}

static const char *no_word(const struct order *order)
{
    return order->argument != NULL ? "this command takes no further word"
                                   : NULL;
}

static const char *a_pid(const struct order *order)
{
    return pid_of(order) == 0 ? "this command takes the pid of a process"
                              : NULL;
}

static const char *a_root(const struct order *order)
{
    return (order->argument == NULL) == !order->all
               ? "restart takes the root of an application, or --all" : NULL;
}

const struct command command_list[] = {
    { "status", do_status, no_word, 0 },
    { "requests", do_requests, no_word, 0 },
    { "top", do_top, no_word, 0 },
    { "memory", do_memory, no_word, 0 },
    { "config", do_config, no_word, 1 },
    { "restart", do_restart, a_root, 1 },
    { "backtrace", do_backtrace, a_pid, 1 },
    { "detach", do_detach, a_pid, 1 },
    { "drain", do_drain, no_word, 1 },
    { "undrain", do_undrain, no_word, 1 },
    { "ping", do_ping, no_word, 1 },
    { "version", do_version, no_word, 0 },
    { NULL, NULL, NULL, 0 },
};
