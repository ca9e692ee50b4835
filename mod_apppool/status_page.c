/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_page.c - the pool's state as a page that reads without scripts; the
 * script only fetches the page again and puts the new <main> in its place.
 *
 * Everything that did not come from this file is escaped: roots, request lines
 * and errors are other people's words.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "status.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<title>Application pool</title>\n"
    "<link rel=\"stylesheet\" href=\"?part=style\">\n"
    "<script src=\"?part=script\" defer></script>\n"
    "</head><body>\n<main id=\"pool\">\n";
static const char foot[] =
    "</main>\n<footer><a href=\"?format=json\">JSON</a> "
    "<a href=\"?format=prometheus\">Prometheus</a> "
    "<a href=\"?auto\">text</a> <span id=\"live\"></span></footer>\n"
    "</body></html>\n";

/* Words -------------------------------------------------------------------- */

/* "0.4 ms", "12 s", "3 min 4 s", "2 h 5 min", "8 d 3 h". */
static const char *duration(request_rec *r, double seconds)
{
    long s = (long)seconds;

    if (seconds < 1) {
        return apr_psprintf(r->pool, seconds < 0.01 ? "%.1f ms" : "%.0f ms",
                            seconds * 1000);
    }
    if (seconds < 10) {
        return apr_psprintf(r->pool, "%.1f s", seconds);
    }
    if (s < 60) {
        return apr_psprintf(r->pool, "%ld s", s);
    }
    if (s < 3600) {
        return apr_psprintf(r->pool, "%ld min %ld s", s / 60, s % 60);
    }
    if (s < 86400) {
        return apr_psprintf(r->pool, "%ld h %ld min", s / 3600, s / 60 % 60);
    }
    return apr_psprintf(r->pool, "%ld d %ld h", s / 86400, s / 3600 % 24);
}

static const char *memory(request_rec *r, const json_t *usage,
                          const char *member)
{
    double kib = status_number(usage, member);

    return kib > 0 ? apr_psprintf(r->pool, "%.1f MiB", kib / 1024) : "&ndash;";
}

/* 0 of a limit means that there is none. */
static const char *limit(request_rec *r, const json_t *limits,
                         const char *member, const char *unit)
{
    double value = status_number(limits, member);

    return value > 0 ? apr_psprintf(r->pool, "%.0f%s", value, unit) : "none";
}

static void put_fact(request_rec *r, const char *name, const char *value)
{
    ap_rvputs(r, "<div><dt>", name, "</dt><dd>", value, "</dd></div>\n", NULL);
}

static void put_count(request_rec *r, const char *name, const json_t *object,
                      const char *member)
{
    put_fact(r, name, apr_psprintf(r->pool, "%.0f",
                                   status_number(object, member)));
}

static void put_badge(request_rec *r, const char *state)
{
    ap_rvputs(r, "<span class=\"badge ", state, "\">", state, "</span>", NULL);
}

/* Times -------------------------------------------------------------------- */

/* The bound that `share` of the requests do not exceed; NULL: over the last. */
static const json_t *quantile(const json_t *times, const json_t *bounds,
                              double share)
{
    const json_t *counts = json_object_get(times, "counts");
    double rank = share * status_number(times, "n");
    double n = 0;
    size_t i;

    for (i = 0; i < json_array_size(bounds); i++) {
        n += json_number_value(json_array_get(counts, i));
        if (n >= rank) {
            return json_array_get(bounds, i);
        }
    }
    return NULL;
}

static void put_times(request_rec *r, const char *name, const json_t *times,
                      const json_t *bounds)
{
    double n = status_number(times, "n");
    const json_t *bound = quantile(times, bounds, 0.95);

    if (n == 0) {
        put_fact(r, name, "&ndash;");
        return;
    }
    put_fact(r, name, apr_pstrcat(
        r->pool, duration(r, status_number(times, "sum_s") / n),
        " <small>95 % ", bound ? "&le; " : "&gt; ",
        duration(r, bound ? json_number_value(bound)
                          : json_number_value(json_array_get(
                                bounds, json_array_size(bounds) - 1))),
        "</small>", NULL));
}

/* Processes ---------------------------------------------------------------- */

static void put_action(request_rec *r, const char *action, const char *name,
                       const char *value, const char *words)
{
    ap_rvputs(r, "<form method=\"post\"><input type=\"hidden\" name=\"token\" "
              "value=\"", status_token(r), "\"><input type=\"hidden\" name=\"",
              name, "\" value=\"", value, "\"><button name=\"action\" value=\"",
              action, "\">", words, "</button></form>", NULL);
}

static void put_cell(request_rec *r, const char *label, const char *value)
{
    ap_rvputs(r, "<td data-label=\"", label, "\">", value, "</td>", NULL);
}

static void put_requests(request_rec *r, const json_t *process)
{
    const json_t *request;
    size_t i;

    json_array_foreach(json_object_get(process, "working_on"), i, request) {
        ap_rvputs(r, "<tr class=\"request\"><td colspan=\"10\"><code>",
                  status_html(r, request, "line"), "</code> from ",
                  status_html(r, request, "client"), " for ",
                  duration(r, status_number(request, "age_s")),
                  "</td></tr>\n", NULL);
    }
}

static void put_process(request_rec *r, const json_t *process)
{
    const json_t *usage = json_object_get(process, "usage");
    bool is_preloader = json_is_true(json_object_get(process, "preloader"));
    const char *pid = apr_psprintf(r->pool, "%.0f",
                                   status_number(process, "pid"));
    double idle = status_number(process, "idle_s");

    ap_rputs("<tr>", r);
    put_cell(r, "PID", pid);
    ap_rputs("<td data-label=\"State\">", r);
    put_badge(r, is_preloader ? "preloader" : status_text(process, "state"));
    ap_rputs("</td>", r);
    put_cell(r, "User", status_html(r, process, "user"));
    put_cell(r, "Requests", apr_psprintf(
        r->pool, "%.0f", status_number(process, "requests")));
    put_cell(r, "Age", duration(r, status_number(process, "age_s")));
    put_cell(r, "Idle", idle > 0 ? duration(r, idle) : "&ndash;");
    put_cell(r, "PSS", memory(r, usage, "pss_kib"));
    put_cell(r, "Private", memory(r, usage, "private_kib"));
    put_cell(r, "CPU", apr_psprintf(
        r->pool, "%.1f %% <small>%s</small>",
        status_number(usage, "cpu_percent"),
        duration(r, status_number(usage, "cpu_s"))));
    ap_rputs("<td class=\"act\">", r);
    if (status_actions_allowed(r) && !is_preloader) {
        put_action(r, "detach", "pid", pid, "Detach");
    }
    ap_rputs("</td></tr>\n", r);
    put_requests(r, process);
}

static void put_processes(request_rec *r, const json_t *processes)
{
    const json_t *process;
    size_t i;

    if (json_array_size(processes) == 0) {
        ap_rputs("<p class=\"none\">No process.</p>\n", r);
        return;
    }
    ap_rputs("<table><thead><tr><th>PID</th><th>State</th><th>User</th>"
             "<th>Requests</th><th>Age</th><th>Idle</th><th>PSS</th>"
             "<th>Private</th><th>CPU</th><th></th></tr></thead><tbody>\n", r);
    json_array_foreach(processes, i, process) {
        put_process(r, process);
    }
    ap_rputs("</tbody></table>\n", r);
}

/* Applications ------------------------------------------------------------- */

static void put_queue(request_rec *r, const json_t *app)
{
    const json_t *waits = json_object_get(app, "waits_s");
    double waiting = status_number(app, "waiting");
    size_t n = json_array_size(waits), i;

    if (waiting == 0) {
        return;
    }
    ap_rprintf(r, "<p class=\"queue\">%.0f waiting, for", waiting);
    for (i = 0; i < n; i++) {
        ap_rvputs(r, i ? ", " : " ",
                  duration(r, json_number_value(json_array_get(waits, i))),
                  NULL);
    }
    ap_rputs(waiting > (double)n ? " &hellip;</p>\n" : "</p>\n", r);
}

static void put_limits(request_rec *r, const json_t *app)
{
    static const struct {
        const char *member, *name, *unit;
    } rows[] = {
        {"min_instances", "PoolMinInstances", ""},
        {"max_per_app", "PoolMaxPerApp", ""},
        {"concurrency", "PoolConcurrency", ""},
        {"max_requests", "PoolMaxRequests", ""},
        {"max_request_time", "PoolMaxRequestTime", " s"},
        {"max_queue_size", "PoolMaxQueueSize", ""},
        {"queue_timeout", "PoolQueueTimeout", " s"},
        {"start_timeout", "PoolStartTimeout", " s"},
        {"memory_limit_mib", "PoolMemoryLimit", " MiB"},
    };
    const json_t *limits = json_object_get(app, "limits");
    size_t i;

    ap_rprintf(r, "<details id=\"limits-%.0f\"><summary>Limits</summary>"
               "<dl class=\"facts\">\n", status_number(app, "number"));
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_fact(r, rows[i].name,
                 limit(r, limits, rows[i].member, rows[i].unit));
    }
    put_fact(r, "PoolSpawnMethod", status_html(r, limits, "spawn_method"));
    ap_rputs("</dl></details>\n", r);
}

static void put_error(request_rec *r, const json_t *app)
{
    const json_t *facts = json_object_get(app, "last_error_facts");
    bool is_failed = strcmp(status_text(app, "state"), "failed") == 0;

    if (status_text(app, "last_error")[0] == '\0') {
        return;
    }
    ap_rprintf(r, "<details class=\"error\" id=\"error-%.0f\"%s>"
               "<summary>Last failed start, %s ago, id %s",
               status_number(app, "number"), is_failed ? " open" : "",
               duration(r, status_number(facts, "age_s")),
               status_html(r, facts, "id"));
    if (is_failed && status_number(app, "retry_in_s") > 0) {
        ap_rvputs(r, ", next try in ",
                  duration(r, status_number(app, "retry_in_s")), NULL);
    }
    ap_rvputs(r, "</summary><pre>", status_html(r, app, "last_error"),
              "</pre></details>\n", NULL);
}

static void put_app_facts(request_rec *r, const json_t *app,
                          const json_t *bounds)
{
    const json_t *times = json_object_get(app, "times");

    ap_rputs("<dl class=\"facts\">\n", r);
    put_fact(r, "Type", status_html(r, app, "type"));
    put_fact(r, "Environment", status_html(r, app, "environment"));
    put_count(r, "Requests", app, "requests");
    put_count(r, "Refused", app, "refused");
    put_count(r, "Starts", app, "spawned");
    put_count(r, "Failed starts", app, "failed_spawns");
    put_count(r, "Died", app, "died");
    put_times(r, "Waiting", json_object_get(times, "queue"), bounds);
    put_times(r, "Working", json_object_get(times, "application"), bounds);
    put_times(r, "Starting", json_object_get(times, "spawn"), bounds);
    ap_rputs("</dl>\n", r);
}

static void put_application(request_rec *r, const json_t *app,
                            const json_t *bounds)
{
    ap_rvputs(r, "<section><h2><code>", status_html(r, app, "root"),
              "</code> ", NULL);
    put_badge(r, status_text(app, "state"));
    ap_rputs("</h2>\n", r);
    if (status_actions_allowed(r)) {
        put_action(r, "restart", "root", status_html(r, app, "root"),
                   "Restart");
    }
    put_app_facts(r, app, bounds);
    put_queue(r, app);
    put_error(r, app);
    put_processes(r, json_object_get(app, "processes"));
    put_limits(r, app);
    ap_rputs("</section>\n", r);
}

/* The pool ----------------------------------------------------------------- */

static void put_pool(request_rec *r, const json_t *status)
{
    const json_t *server = json_object_get(status, "server");
    const json_t *counts = json_object_get(status, "counts");
    const json_t *limits = json_object_get(status, "limits");

    ap_rputs("<h1>Application pool ", r);
    if (json_is_true(json_object_get(server, "draining"))) {
        put_badge(r, "draining");
    }
    ap_rputs("</h1>\n<dl class=\"facts pool\">\n", r);
    put_fact(r, "Processes", apr_psprintf(
        r->pool, "%.0f <small>of %.0f</small>",
        status_number(counts, "processes"), status_number(limits, "max")));
    put_count(r, "With a request", counts, "active");
    put_count(r, "Starting", counts, "spawning");
    put_count(r, "Waiting", counts, "waiting");
    put_fact(r, "Server", apr_psprintf(
        r->pool, "%s <small>pid %.0f, engine %.0f</small>",
        status_html(r, server, "version"), status_number(server, "master"),
        status_number(server, "engine")));
    put_count(r, "Configuration", status, "generation");
    ap_rputs("</dl>\n", r);
}

void status_page(request_rec *r, const json_t *status)
{
    const json_t *apps = json_object_get(status, "applications");
    const json_t *bounds = json_object_get(status, "times_bounds_s");
    const json_t *app;
    size_t i;

    ap_rputs(head, r);
    put_pool(r, status);
    json_array_foreach(apps, i, app) {
        put_application(r, app, bounds);
    }
    if (json_array_size(apps) == 0) {
        ap_rputs("<p class=\"none\">No application.</p>\n", r);
    }
    ap_rputs(foot, r);
}
