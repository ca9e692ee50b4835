/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_memory.c - processes by what they take: memory and top; see show.h.
 */
#include "show.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const json_t *process;
    const json_t *app;
    double weight; /* by which they are sorted, largest first */
};

struct rows {
    struct row *list;
    size_t n;
};

static int compare(const void *a, const void *b)
{
    const struct row *one = a, *other = b;

    return (other->weight > one->weight) - (other->weight < one->weight);
}

static double usage(const json_t *process, const char *key)
{
    return show_number(json_object_get(process, "usage"), key);
}

static void add_rows(struct rows *rows, const json_t *app, const char *key)
{
    const json_t *process;
    size_t i;

    json_array_foreach(json_object_get(app, "processes"), i, process) {
        rows->list = realloc(rows->list, (rows->n + 1) * sizeof *rows->list);
        if (rows->list == NULL) {
            abort();
        }
        rows->list[rows->n++] = (struct row){ process, app,
                                              usage(process, key) };
    }
}

static struct rows sorted(const json_t *apps, const char *key)
{
    struct rows rows = { NULL, 0 };
    const json_t *app;
    size_t i;

    json_array_foreach(apps, i, app) {
        add_rows(&rows, app, key);
    }
    if (rows.n > 0) {
        qsort(rows.list, rows.n, sizeof *rows.list, compare);
    }
    return rows;
}

/* The end of a root tells more than its beginning. */
static void show_root(FILE *out, const json_t *app, size_t room)
{
    const char *root = show_string(app, "root");
    size_t len = strlen(root);

    if (len > room) {
        fputs("..", out);
        root += len - room + 2;
    }
    show_clean(out, root, 0);
    fputc('\n', out);
}

/* Memory ------------------------------------------------------------------- */

static void show_memory_row(FILE *out, const struct row *row)
{
    char pss[32], private[32];

    fprintf(out, "%7.0f  %-12.12s  %8s  %8s  ",
            show_number(row->process, "pid"),
            show_string(row->process, "user"),
            show_memory_size(pss, sizeof pss, usage(row->process, "pss_kib")),
            show_memory_size(private, sizeof private,
                             usage(row->process, "private_kib")));
    show_root(out, row->app, 37);
}

void show_memory(FILE *out, const json_t *status)
{
    struct rows rows = sorted(json_object_get(status, "applications"),
                              "pss_kib");
    double sum = 0;
    char total[32];

    fprintf(out, "%7s  %-12s  %8s  %8s  %s\n", "pid", "user", "pss",
            "private", "application");
    for (size_t i = 0; i < rows.n; i++) {
        show_memory_row(out, &rows.list[i]);
        sum += rows.list[i].weight;
    }
    fprintf(out, "%zu processes, %s in all\n", rows.n,
            show_memory_size(total, sizeof total, sum));
    free(rows.list);
}

/* Top ---------------------------------------------------------------------- */

static void show_top_row(FILE *out, const struct row *row)
{
    char pss[32], age[32];

    fprintf(out, "%7.0f  %-9.9s  %5.1f  %6s  %8.0f  %7s  ",
            show_number(row->process, "pid"),
            json_is_true(json_object_get(row->process, "preloader"))
                ? "preloader" : show_string(row->process, "state"),
            usage(row->process, "cpu_percent"),
            show_memory_size(pss, sizeof pss, usage(row->process, "pss_kib")),
            show_number(row->process, "requests"),
            show_duration(age, sizeof age, show_number(row->process,
                                                       "age_s")));
    show_root(out, row->app, 26);
}

void show_top(FILE *out, const json_t *status, unsigned limit)
{
    const json_t *counts = json_object_get(status, "counts");
    struct rows rows = sorted(json_object_get(status, "applications"),
                              "cpu_percent");

    fprintf(out, "%.0f of %.0f processes, %.0f with a request, %.0f starting,"
            " %.0f requests waiting\n", show_number(counts, "processes"),
            show_number(json_object_get(status, "limits"), "max"),
            show_number(counts, "active"), show_number(counts, "spawning"),
            show_number(counts, "waiting"));
    fprintf(out, "%7s  %-9s  %5s  %6s  %8s  %7s  %s\n", "pid", "state",
            "cpu%", "pss", "requests", "age", "application");
    for (size_t i = 0; i < rows.n && i < limit; i++) {
        show_top_row(out, &rows.list[i]);
    }
    free(rows.list);
}
