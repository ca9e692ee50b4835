/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.c - SetHandler apppool-health: may a balancer send requests here?
 *
 * 200 and "ok"; 503 and the reason while the pool server is not there, drains
 * (apppoolctl drain), or an application cannot start. ?root=/srv/shop asks
 * about one application only.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_protocol.h>
#include <util_script.h>

#include "status.h"

#define HEALTH_HANDLER "apppool-health"

static const char *reason_of_apps(request_rec *r, const json_t *apps,
                                  const char *root)
{
    const char *why = root ? "no such application" : NULL;
    const json_t *app;
    size_t i;

    json_array_foreach(apps, i, app) {
        if (root != NULL && strcmp(root, status_text(app, "root")) != 0) {
            continue;
        }
        if (strcmp(status_text(app, "state"), "failed") == 0) {
            return apr_pstrcat(r->pool, "application ",
                               status_text(app, "root"), " cannot start",
                               NULL);
        }
        why = NULL;
    }
    return why;
}

/* NULL: all is well. */
static const char *reason(request_rec *r, const char *root)
{
    const char *why = NULL;
    json_t *status = status_load(r, &why);

    if (status == NULL) {
        return why;
    }
    if (json_is_true(json_object_get(json_object_get(status, "server"),
                                     "draining"))) {
        why = "draining";
    } else {
        why = reason_of_apps(r, json_object_get(status, "applications"),
                             root);
    }
    json_decref(status);
    return why;
}

int health_handler(request_rec *r)
{
    apr_table_t *args;
    const char *why;

    if (r->handler == NULL || strcmp(r->handler, HEALTH_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET | AP_METHOD_BIT << M_OPTIONS;
    if (r->method_number != M_GET && r->method_number != M_OPTIONS) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    ap_args_to_table(r, &args);
    why = reason(r, apr_table_get(args, "root"));
    r->status = why ? HTTP_SERVICE_UNAVAILABLE : HTTP_OK;
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_set_content_type_ex(r, "text/plain; charset=utf-8", 1);
    if (!r->header_only) {
        ap_rvputs(r, why ? why : "ok", "\n", NULL);
    }
    return OK;
}
