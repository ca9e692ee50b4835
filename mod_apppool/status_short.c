/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_short.c - the pool in a few lines: ?auto in mod_status' manner, and a
 * section of mod_status' own page.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "status.h"

static const struct line {
    const char *part, *member; /* of the status */
    const char *key, *words;
} lines[] = {
    {"counts", "processes", "PoolProcesses", "processes"},
    {"limits", "max", "PoolMax", "at most"},
    {"counts", "active", "PoolBusyProcesses", "with a request"},
    {"counts", "spawning", "PoolStartingProcesses", "starting"},
    {"counts", "preloaders", "PoolPreloaders", "preloaders"},
    {"counts", "waiting", "PoolWaitingRequests", "requests waiting"},
};

static const char *one_line(request_rec *r, const json_t *app)
{
    char *root = apr_pstrdup(r->pool, status_text(app, "root"));
    char *c;

    for (c = root; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    return root;
}

/* One line an application: state, numbers, and its root to the end. */
static void put_app_line(request_rec *r, const json_t *app)
{
    ap_rprintf(r, "PoolApp: state=%s processes=%u waiting=%.0f "
               "requests=%.0f refused=%.0f root=%s\n",
               status_text(app, "state"),
               (unsigned)json_array_size(json_object_get(app, "processes")),
               status_number(app, "waiting"), status_number(app, "requests"),
               status_number(app, "refused"), one_line(r, app));
}

void status_short(request_rec *r, const json_t *status)
{
    const json_t *apps = json_object_get(status, "applications");
    const json_t *app;
    size_t i;

    ap_rprintf(r, "PoolVersion: %s\n",
               status_text(json_object_get(status, "server"), "version"));
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "%s: %.0f\n", lines[i].key,
                   status_number(json_object_get(status, lines[i].part),
                                 lines[i].member));
    }
    json_array_foreach(apps, i, app) {
        put_app_line(r, app);
    }
}

static void put_section(request_rec *r, const json_t *status)
{
    const json_t *apps = json_object_get(status, "applications");
    const json_t *app;
    size_t i;

    ap_rputs("<hr />\n<h2>Application pool</h2>\n<dl>", r);
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "%s%.0f %s", i == 0 ? "<dt>" : ", ",
                   status_number(json_object_get(status, lines[i].part),
                                 lines[i].member), lines[i].words);
    }
    ap_rputs("</dt></dl>\n<table border=\"0\"><tr><th>Application</th>"
             "<th>Type</th><th>State</th><th>Processes</th><th>Waiting</th>"
             "<th>Requests</th><th>Refused</th></tr>\n", r);
    json_array_foreach(apps, i, app) {
        ap_rprintf(r, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%u</td>"
                   "<td>%.0f</td><td>%.0f</td><td>%.0f</td></tr>\n",
                   status_html(r, app, "root"), status_html(r, app, "type"),
                   status_html(r, app, "state"),
                   (unsigned)json_array_size(json_object_get(app,
                                                             "processes")),
                   status_number(app, "waiting"),
                   status_number(app, "requests"),
                   status_number(app, "refused"));
    }
    ap_rputs("</table>\n", r);
}

int status_extend(request_rec *r, int flags)
{
    const char *why;
    json_t *status = status_load(r, &why);

    if (status == NULL) {
        if (!(flags & AP_STATUS_SHORT)) {
            ap_rvputs(r, "<hr />\n<h2>Application pool</h2>\n<p>",
                      ap_escape_html(r->pool, why), "</p>\n", NULL);
        }
        return OK;
    }
    if (flags & AP_STATUS_SHORT) {
        status_short(r, status);
    } else {
        put_section(r, status);
    }
    json_decref(status);
    return OK;
}
