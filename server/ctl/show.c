/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show.c - see show.h. Control characters in what applications say are shown
 * as "?", so that no error text can write to somebody's terminal.
 */
#include "show.h"

#include <jansson.h>
#include <string.h>

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

static long number_of(const json_t *object, const char *key)
{
    return (long)json_number_value(json_object_get(object, key));
}

/* Seconds as "12s", "3m 4s", "2h 5m", "8d 3h". */
static const char *duration(char *text, size_t size, long seconds)
{
    if (seconds < 60) {
        snprintf(text, size, "%lds", seconds);
    } else if (seconds < 3600) {
        snprintf(text, size, "%ldm %lds", seconds / 60, seconds % 60);
    } else if (seconds < 86400) {
        snprintf(text, size, "%ldh %ldm", seconds / 3600, seconds / 60 % 60);
    } else {
        snprintf(text, size, "%ldd %ldh", seconds / 86400,
                 seconds / 3600 % 24);
    }
    return text;
}

static void print_clean(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
}

static void show_error(FILE *out, const char *text)
{
    fputs("  last error:\n", out);
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        char line[160];

        snprintf(line, sizeof line, "%.*s", (int)len, text);
        fputs("    ", out);
        print_clean(out, line);
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
}

static void show_process(FILE *out, const json_t *process)
{
    char age[32], idle[32];

    fprintf(out, "  %8ld  %-12.12s %-9.9s %8ld %9ld  %8s  %8s%s\n",
            number_of(process, "pid"), string_of(process, "user"),
            string_of(process, "state"), number_of(process, "sessions"),
            number_of(process, "requests"),
            duration(age, sizeof age, number_of(process, "age_s")),
            duration(idle, sizeof idle, number_of(process, "idle_s")),
            json_is_true(json_object_get(process, "preloader"))
                ? "  preloader" : "");
}

static void show_app(FILE *out, const json_t *app)
{
    const json_t *processes = json_object_get(app, "processes");
    const json_t *process;
    size_t i;

    fputc('\n', out);
    print_clean(out, string_of(app, "root"));
    fprintf(out, "  (%s, %s): %s, %ld waiting, %ld requests\n",
            string_of(app, "type"), string_of(app, "environment"),
            string_of(app, "state"), number_of(app, "waiting"),
            number_of(app, "requests"));
    if (json_array_size(processes) > 0) {
        fprintf(out, "  %8s  %-12s %-9s %8s %9s  %8s  %8s\n", "pid", "user",
                "state", "sessions", "requests", "age", "idle");
    }
    json_array_foreach(processes, i, process) {
        show_process(out, process);
    }
    if (*string_of(app, "last_error") != '\0') {
        show_error(out, string_of(app, "last_error"));
    }
}

int show_status(FILE *out, const char *json, size_t len)
{
    json_t *status = json_loadb(json, len, 0, NULL);
    const json_t *server = json_object_get(status, "server");
    const json_t *counts = json_object_get(status, "counts");
    const json_t *app;
    size_t i;

    if (!json_is_object(server) || !json_is_object(counts)) {
        json_decref(status);
        return -1;
    }
    fprintf(out, "Pool server %ld (engine %ld), configuration %ld\n",
            number_of(server, "master"), number_of(server, "engine"),
            number_of(status, "generation"));
    fprintf(out, "%ld of %ld processes, %ld with a request, %ld starting,"
            " %ld requests waiting\n", number_of(counts, "processes"),
            number_of(json_object_get(status, "limits"), "max"),
            number_of(counts, "active"), number_of(counts, "spawning"),
            number_of(counts, "waiting"));
    json_array_foreach(json_object_get(status, "applications"), i, app) {
        show_app(out, app);
    }
    json_decref(status);
    return 0;
}
