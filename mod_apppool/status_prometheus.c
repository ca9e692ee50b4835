/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_prometheus.c - the pool's state in Prometheus' text format.
 *
 * Each metric stands once, with its help, then its samples: an application is
 * told apart by `app` (its root) and `id` (two definitions may share a root).
 * Names and meanings are in doc/status-json; a test compares them.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "status.h"

/* The bytes that a label's value may not have as they are. */
static const char *label(request_rec *r, const char *text)
{
    char *escaped = apr_palloc(r->pool, 2 * strlen(text) + 1);
    char *to = escaped;

    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"' || *text == '\n') {
            *to++ = '\\';
        }
        *to++ = *text == '\n' ? 'n' : *text;
    }
    *to = '\0';
    return escaped;
}

static const char *labels_of(request_rec *r, const json_t *app)
{
    return apr_psprintf(r->pool, "app=\"%s\",id=\"%.0f\"",
                        label(r, status_text(app, "root")),
                        status_number(app, "number"));
}

static void put_head(request_rec *r, const char *name, const char *kind,
                     const char *help)
{
    ap_rvputs(r, "# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind,
              "\n", NULL);
}

static void put_sample(request_rec *r, const char *name, const char *labels,
                       double value)
{
    ap_rprintf(r, "%s{%s} %.15g\n", name, labels, value);
}

/* Of the pool -------------------------------------------------------------- */

static const struct pool_metric {
    const char *part, *member; /* of the status */
    const char *name, *help;
} pool_metrics[] = {
    {"counts", "processes", "apppool_processes",
     "Application processes, starting and retiring ones included."},
    {"counts", "active", "apppool_processes_active",
     "Application processes with a request."},
    {"counts", "spawning", "apppool_processes_starting",
     "Application processes that are being started."},
    {"counts", "preloaders", "apppool_preloaders",
     "Processes that hold an application loaded for others."},
    {"limits", "max", "apppool_processes_max", "PoolMax."},
    {"counts", "waiting", "apppool_requests_waiting",
     "Requests that wait for a process."},
    {"limits", "max_waiting", "apppool_requests_waiting_max",
     "PoolMaxWaiting; 0 is no limit."},
    {"counts", "clients", "apppool_clients",
     "Processes of httpd and others that are connected to the pool."},
};

static void put_pool(request_rec *r, const json_t *status)
{
    const json_t *server = json_object_get(status, "server");
    size_t i;

    put_head(r, "apppool_info", "gauge", "Always 1; the version is a label.");
    ap_rvputs(r, "apppool_info{version=\"",
              label(r, status_text(server, "version")), "\"} 1\n", NULL);
    put_head(r, "apppool_draining", "gauge", "1 while apppoolctl drain is on.");
    ap_rprintf(r, "apppool_draining %d\n",
               json_is_true(json_object_get(server, "draining")));
    for (i = 0; i < sizeof(pool_metrics) / sizeof(pool_metrics[0]); i++) {
        const struct pool_metric *m = &pool_metrics[i];

        put_head(r, m->name, "gauge", m->help);
        ap_rprintf(r, "%s %.15g\n", m->name,
                   status_number(json_object_get(status, m->part),
                                 m->member));
    }
}

/* Of each application ------------------------------------------------------ */

static const struct app_metric {
    const char *member;
    const char *name, *kind, *help;
} app_metrics[] = {
    {"requests", "apppool_app_requests_total", "counter",
     "Requests that were handed to a process."},
    {"refused", "apppool_app_requests_refused_total", "counter",
     "Requests that got no process: queue full, waited too long, no start."},
    {"waiting", "apppool_app_requests_waiting", "gauge",
     "Requests that wait for a process."},
    {"oldest_wait_s", "apppool_app_oldest_wait_seconds", "gauge",
     "How long the first of them has waited."},
    {"spawned", "apppool_app_starts_total", "counter",
     "Processes that came up."},
    {"failed_spawns", "apppool_app_start_failures_total", "counter",
     "Processes that did not come up."},
    {"died", "apppool_app_deaths_total", "counter",
     "Processes that ended without having been asked to."},
};

static void put_app_metrics(request_rec *r, const json_t *apps)
{
    const json_t *app;
    size_t i, k;

    for (i = 0; i < sizeof(app_metrics) / sizeof(app_metrics[0]); i++) {
        const struct app_metric *m = &app_metrics[i];

        put_head(r, m->name, m->kind, m->help);
        json_array_foreach(apps, k, app) {
            put_sample(r, m->name, labels_of(r, app),
                       status_number(app, m->member));
        }
    }
}

static void put_failing(request_rec *r, const json_t *apps)
{
    const json_t *app;
    size_t i;

    put_head(r, "apppool_app_failing", "gauge",
             "1 while the application does not start.");
    json_array_foreach(apps, i, app) {
        put_sample(r, "apppool_app_failing", labels_of(r, app),
                   strcmp(status_text(app, "state"), "failed") == 0);
    }
}

static unsigned count_state(const json_t *app, const char *state)
{
    const json_t *process;
    unsigned n = 0;
    size_t i;

    json_array_foreach(json_object_get(app, "processes"), i, process) {
        n += !json_is_true(json_object_get(process, "preloader")) &&
             strcmp(status_text(process, "state"), state) == 0;
    }
    return n;
}

static void put_processes(request_rec *r, const json_t *apps)
{
    static const char *const states[] = {"starting", "idle", "busy",
                                         "retiring"};
    const json_t *app;
    size_t i, k;

    put_head(r, "apppool_app_processes", "gauge",
             "Processes of the application by state, without preloaders.");
    json_array_foreach(apps, i, app) {
        for (k = 0; k < sizeof(states) / sizeof(states[0]); k++) {
            put_sample(r, "apppool_app_processes",
                       apr_pstrcat(r->pool, labels_of(r, app), ",state=\"",
                                   states[k], "\"", NULL),
                       count_state(app, states[k]));
        }
    }
}

/* Sums over an application's processes, as they were measured last. */
static double sum_usage(const json_t *app, const char *member)
{
    const json_t *process;
    double sum = 0;
    size_t i;

    json_array_foreach(json_object_get(app, "processes"), i, process) {
        sum += status_number(json_object_get(process, "usage"), member);
    }
    return sum;
}

static void put_usage(request_rec *r, const json_t *apps, const char *member,
                      double unit, const char *name, const char *help)
{
    const json_t *app;
    size_t i;

    put_head(r, name, "gauge", help);
    json_array_foreach(apps, i, app) {
        put_sample(r, name, labels_of(r, app),
                   sum_usage(app, member) * unit);
    }
}

/* Histograms --------------------------------------------------------------- */

static void put_buckets(request_rec *r, const char *name, const char *labels,
                        const json_t *times, const json_t *bounds)
{
    const json_t *counts = json_object_get(times, "counts");
    double n = 0;
    size_t i;

    for (i = 0; i < json_array_size(counts); i++) {
        const json_t *bound = json_array_get(bounds, i);

        n += json_number_value(json_array_get(counts, i));
        ap_rprintf(r, "%s_bucket{%s,le=\"%s\"} %.15g\n", name, labels,
                   bound ? apr_psprintf(r->pool, "%g",
                                        json_number_value(bound)) : "+Inf", n);
    }
    ap_rprintf(r, "%s_sum{%s} %.15g\n", name, labels,
               status_number(times, "sum_s"));
    ap_rprintf(r, "%s_count{%s} %.15g\n", name, labels, n);
}

static void put_histogram(request_rec *r, const json_t *status,
                          const char *member, const char *name,
                          const char *help)
{
    const json_t *apps = json_object_get(status, "applications");
    const json_t *app;
    size_t i;

    put_head(r, name, "histogram", help);
    json_array_foreach(apps, i, app) {
        put_buckets(r, name, labels_of(r, app),
                    json_object_get(json_object_get(app, "times"), member),
                    json_object_get(status, "times_bounds_s"));
    }
}

void status_prometheus(request_rec *r, const json_t *status)
{
    const json_t *apps = json_object_get(status, "applications");

    put_pool(r, status);
    put_processes(r, apps);
    put_app_metrics(r, apps);
    put_failing(r, apps);
    put_usage(r, apps, "pss_kib", 1024, "apppool_app_memory_bytes",
              "Proportional set size of the application's processes.");
    put_usage(r, apps, "private_kib", 1024, "apppool_app_memory_private_bytes",
              "Memory that is the application's processes' alone.");
    put_usage(r, apps, "cpu_percent", 0.01, "apppool_app_cpu_ratio",
              "Processors that the application's processes keep busy.");
    put_histogram(r, status, "queue", "apppool_app_queue_seconds",
                  "Time from a request's arrival to its process.");
    put_histogram(r, status, "spawn", "apppool_app_start_seconds",
                  "Time a process takes to start; preloaders included.");
    put_histogram(r, status, "application", "apppool_app_request_seconds",
                  "Time a request keeps its process.");
}
