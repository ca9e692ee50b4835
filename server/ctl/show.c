/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.c - status and requests; see show.h.
 */
#include "show.h"

#include <string.h>
#include <unistd.h>

/* Status ------------------------------------------------------------------- */

static void show_error(FILE *out, const json_t *app)
{
    const json_t *facts = json_object_get(app, "last_error_facts");
    const char *text = show_string(app, "last_error");
    char age[32];

    if (*text == '\0') {
        return;
    }
    fprintf(out, "  last failed start, %s ago (error %s):\n",
            show_duration(age, sizeof age, show_number(facts, "age_s")),
            show_string(facts, "id"));
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[400];

        snprintf(line, sizeof line, "%.*s", (int)len, text);
        fputs("    ", out);
        show_clean(out, line, 0);
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
}

static void show_process(FILE *out, const json_t *process)
{
    const json_t *usage = json_object_get(process, "usage");
    double idle = show_number(process, "idle_s");
    char age[32], rest[32], pss[32];

    fprintf(out, "  %7.0f  %-12.12s  %-9.9s  %8.0f  %7s  %7s  %6s  %5.1f\n",
            show_number(process, "pid"), show_string(process, "user"),
            json_is_true(json_object_get(process, "preloader"))
                ? "preloader" : show_string(process, "state"),
            show_number(process, "requests"),
            show_duration(age, sizeof age, show_number(process, "age_s")),
            idle > 0 ? show_duration(rest, sizeof rest, idle) : "-",
            show_memory_size(pss, sizeof pss, show_number(usage, "pss_kib")),
            show_number(usage, "cpu_percent"));
}

static void show_waits(FILE *out, const json_t *app)
{
    char oldest[32];

    if (show_number(app, "waiting") > 0) {
        fprintf(out, "  %.0f waiting, the first for %s\n",
                show_number(app, "waiting"),
                show_duration(oldest, sizeof oldest,
                              show_number(app, "oldest_wait_s")));
    }
}

static void show_app(FILE *out, const json_t *app)
{
    const json_t *processes = json_object_get(app, "processes");
    const json_t *process;
    size_t i;

    fputc('\n', out);
    show_clean(out, show_string(app, "root"), 0);
    fprintf(out, "\n  %s, %s: %s, %.0f requests, %.0f refused\n",
            show_string(app, "type"), show_string(app, "environment"),
            show_string(app, "state"), show_number(app, "requests"),
            show_number(app, "refused"));
    show_waits(out, app);
    if (json_array_size(processes) > 0) {
        fprintf(out, "  %7s  %-12s  %-9s  %8s  %7s  %7s  %6s  %5s\n", "pid",
                "user", "state", "requests", "age", "idle", "pss", "cpu%");
    }
    json_array_foreach(processes, i, process) {
        show_process(out, process);
    }
    show_error(out, app);
}

void show_status(FILE *out, const json_t *status)
{
    const json_t *server = json_object_get(status, "server");
    const json_t *counts = json_object_get(status, "counts");
    const json_t *app;
    size_t i;

    fprintf(out, "Pool server %.0f (engine %.0f), configuration %.0f%s\n",
            show_number(server, "master"), show_number(server, "engine"),
            show_number(status, "generation"),
            json_is_true(json_object_get(server, "draining")) ? ", draining"
                                                              : "");
    fprintf(out, "%.0f of %.0f processes, %.0f with a request, %.0f starting,"
            " %.0f requests waiting\n", show_number(counts, "processes"),
            show_number(json_object_get(status, "limits"), "max"),
            show_number(counts, "active"), show_number(counts, "spawning"),
            show_number(counts, "waiting"));
    json_array_foreach(json_object_get(status, "applications"), i, app) {
        show_app(out, app);
    }
}

/* Requests ----------------------------------------------------------------- */

/* On a terminal a line is cut at its width; else it is whole, for grep. */
static void show_request(FILE *out, const json_t *process,
                         const json_t *request)
{
    char age[32];
    size_t room = isatty(fileno(out)) && show_columns(out) > 40
                      ? show_columns(out) - 36 : 0;

    fprintf(out, "  %7.0f  %7s  %-15.39s  ", show_number(process, "pid"),
            show_duration(age, sizeof age, show_number(request, "age_s")),
            show_string(request, "client"));
    show_clean(out, show_string(request, "line"), room);
    fputc('\n', out);
}

static unsigned show_requests_of(FILE *out, const json_t *app)
{
    const json_t *process, *request;
    unsigned n = 0;
    size_t i, k;

    json_array_foreach(json_object_get(app, "processes"), i, process) {
        json_array_foreach(json_object_get(process, "working_on"), k,
                           request) {
            if (n++ == 0) {
                show_clean(out, show_string(app, "root"), 0);
                fprintf(out, "\n  %7s  %7s  %-15s  %s\n", "pid", "age",
                        "client", "request");
            }
            show_request(out, process, request);
        }
    }
    return n;
}

void show_requests(FILE *out, const json_t *status)
{
    const json_t *app;
    unsigned n = 0;
    size_t i;

    json_array_foreach(json_object_get(status, "applications"), i, app) {
        n += show_requests_of(out, app);
    }
    fprintf(out, "%u requests, %.0f more are waiting\n", n,
            show_number(json_object_get(status, "counts"), "waiting"));
}
