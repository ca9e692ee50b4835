/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - SetHandler apppool-status.
 *
 * The engine tells its state as JSON; ?format=json passes that on as it is,
 * else it becomes tables. Who may read it is Require's business.
 */
#include "status.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <jansson.h>

#include "apppool/error.h"
#include "child.h"
#include "config.h"

APLOG_USE_MODULE(apppool);

#define STATUS_HANDLER "apppool-status"

static const char page_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<title>Application pool</title>\n<style>body{font-family:sans-serif}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;"
    "padding:.2em .6em;text-align:left}pre{white-space:pre-wrap}</style>"
    "</head>\n<body><h1>Application pool</h1>\n";
static const char page_tail[] = "</body></html>\n";

static const char *text_of(request_rec *r, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return ap_escape_html(r->pool, json_string_value(value));
    case JSON_INTEGER:
        return apr_psprintf(r->pool, "%" APR_INT64_T_FMT,
                            (apr_int64_t)json_integer_value(value));
    case JSON_REAL:
        return apr_psprintf(r->pool, "%.1f", json_real_value(value));
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    default:
        return "";
    }
}

/* Names and plain values of an object, a row each. */
static void put_object(request_rec *r, json_t *object)
{
    const char *name;
    json_t *value;

    ap_rputs("<table>\n", r);
    json_object_foreach(object, name, value) {
        if (!json_is_object(value) && !json_is_array(value)) {
            ap_rvputs(r, "<tr><th>", ap_escape_html(r->pool, name),
                      "</th><td>", text_of(r, value), "</td></tr>\n", NULL);
        }
    }
    ap_rputs("</table>\n", r);
}

/* Objects of one kind, a row each; the names of the first are the columns. */
static void put_list(request_rec *r, json_t *list)
{
    const char *name;
    json_t *row, *value;
    size_t i;

    if (json_array_size(list) == 0) {
        ap_rputs("<p>No processes.</p>\n", r);
        return;
    }
    ap_rputs("<table>\n<tr>", r);
    json_object_foreach(json_array_get(list, 0), name, value) {
        ap_rvputs(r, "<th>", ap_escape_html(r->pool, name), "</th>", NULL);
    }
    ap_rputs("</tr>\n", r);
    json_array_foreach(list, i, row) {
        ap_rputs("<tr>", r);
        json_object_foreach(row, name, value) {
            ap_rvputs(r, "<td>", text_of(r, value), "</td>", NULL);
        }
        ap_rputs("</tr>\n", r);
    }
    ap_rputs("</table>\n", r);
}

static void put_application(request_rec *r, json_t *app)
{
    const char *root = json_string_value(json_object_get(app, "root"));

    ap_rvputs(r, "<h2>", ap_escape_html(r->pool, root ? root : "?"),
              "</h2>\n", NULL);
    put_object(r, app);
    put_list(r, json_object_get(app, "processes"));
}

static void put_page(request_rec *r, json_t *status)
{
    static const char *const parts[] = {"server", "limits", "counts"};
    json_t *apps = json_object_get(status, "applications");
    json_t *app;
    size_t i;

    ap_rputs(page_head, r);
    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        json_t *part = json_object_get(status, parts[i]);

        if (part != NULL) {
            ap_rvputs(r, "<h2>", parts[i], "</h2>\n", NULL);
            put_object(r, part);
        }
    }
    json_array_foreach(apps, i, app) {
        put_application(r, app);
    }
    ap_rputs(page_tail, r);
}

static int answer_html(request_rec *r, const char *json, apr_size_t len)
{
    json_t *status = json_loadb(json, len, 0, NULL);

    if (status == NULL) {
        return HTTP_BAD_GATEWAY;
    }
    ap_set_content_type_ex(r, "text/html; charset=utf-8", 1);
    if (!r->header_only) {
        put_page(r, status);
    }
    json_decref(status);
    return OK;
}

static int answer_json(request_rec *r, const char *json, apr_size_t len)
{
    ap_set_content_type_ex(r, "application/json", 1);
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(json, (int)len, r);
    }
    return OK;
}

int status_handler(request_rec *r)
{
    struct child *child = config_once(r->server)->child;
    const char *json;
    apr_size_t len;
    apr_status_t rv;
    char text[200];

    if (r->handler == NULL || strcmp(r->handler, STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (r->method_number != M_GET) {
        return DECLINED;
    }
    rv = child_status(child, &json, &len, r->pool);
    if (rv != APR_SUCCESS) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "no status: %s",
                      apppool_strerror(rv, text, sizeof(text)));
        apr_table_setn(r->err_headers_out, "Retry-After", "1");
        return HTTP_SERVICE_UNAVAILABLE;
    }
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (r->args != NULL && strcmp(r->args, "format=json") == 0) {
        return answer_json(r, json, len);
    }
    return answer_html(r, json, len);
}
