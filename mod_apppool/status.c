/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - SetHandler apppool-status: reads the engine's state and gives it
 * out in the form that was asked for.
 */
#include "config.h"

#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <util_script.h>

#include "apppool/error.h"
#include "child.h"
#include "status.h"

APLOG_USE_MODULE(apppool);

#define STATUS_HANDLER "apppool-status"

/* The page needs nothing from elsewhere, and nothing may frame it. */
#define PAGE_POLICY \
    "default-src 'none'; style-src 'self'; script-src 'self'; " \
    "connect-src 'self'; form-action 'self'; base-uri 'none'; " \
    "frame-ancestors 'none'"

/* Reading the state -------------------------------------------------------- */

double status_number(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

const char *status_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

const char *status_html(request_rec *r, const json_t *object,
                        const char *name)
{
    return ap_escape_html2(r->pool, status_text(object, name), 0);
}

static apr_status_t read_text(request_rec *r, const char **json_r,
                              apr_size_t *len_r, const char **why_r)
{
    struct child *child = config_once(r->server)->child;
    apr_status_t rv = child ? child_status(child, json_r, len_r, r->pool)
                            : APPPOOL_EIO;

    if (rv != APR_SUCCESS) {
        char text[200];

        *why_r = apr_pstrcat(r->pool, "the pool server does not answer: ",
                             apppool_strerror(rv, text, sizeof(text)), NULL);
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "status: %s", *why_r);
    }
    return rv;
}

json_t *status_load(request_rec *r, const char **why_r)
{
    const char *json;
    apr_size_t len;
    json_t *status;

    if (read_text(r, &json, &len, why_r) != APR_SUCCESS) {
        return NULL;
    }
    status = json_loadb(json, len, 0, NULL);
    if (status == NULL) {
        *why_r = "the pool server's state cannot be read";
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, "status: %s", *why_r);
    }
    return status;
}

/* Forms -------------------------------------------------------------------- */

static void set_page_headers(request_rec *r, apr_table_t *args)
{
    const char *every = apr_table_get(args, "refresh");
    int seconds = every ? atoi(every) : 0;

    apr_table_setn(r->headers_out, "Content-Security-Policy", PAGE_POLICY);
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    if (seconds > 0) {
        apr_table_setn(r->headers_out, "Refresh",
                       apr_itoa(r->pool, seconds));
    }
}

static const struct form {
    const char *name;      /* ?format=NAME */
    const char *media;
    void (*put)(request_rec *r, const json_t *status);
} forms[] = {
    {"html", "text/html; charset=utf-8", status_page},
    {"prometheus", "text/plain; version=0.0.4; charset=utf-8",
     status_prometheus},
    {"auto", "text/plain; charset=utf-8", status_short},
};

static const struct form *find_form(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(forms[i].name, name) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

static int unavailable(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "Retry-After", "1");
    return HTTP_SERVICE_UNAVAILABLE;
}

static int answer_form(request_rec *r, const struct form *form)
{
    const char *why;
    json_t *status = status_load(r, &why);

    if (status == NULL) {
        return unavailable(r);
    }
    ap_set_content_type_ex(r, form->media, 1);
    if (!r->header_only) {
        form->put(r, status);
    }
    json_decref(status);
    return OK;
}

/* As the engine wrote it, without a detour. */
static int answer_json(request_rec *r)
{
    const char *json, *why;
    apr_size_t len;

    if (read_text(r, &json, &len, &why) != APR_SUCCESS) {
        return unavailable(r);
    }
    ap_set_content_type_ex(r, "application/json", 1);
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(json, (int)len, r);
    }
    return OK;
}

/* The page's own files, below its own URI so that Require covers them, too. */
static int answer_part(request_rec *r, const char *part)
{
    bool is_style = strcmp(part, "style") == 0;
    const char *text = is_style ? status_style : status_script;

    if (!is_style && strcmp(part, "script") != 0) {
        return HTTP_NOT_FOUND;
    }
    ap_set_content_type_ex(r, is_style ? "text/css; charset=utf-8"
                                       : "text/javascript; charset=utf-8", 1);
    apr_table_setn(r->headers_out, "Cache-Control", "max-age=3600");
    ap_set_content_length(r, (apr_off_t)strlen(text));
    if (!r->header_only) {
        ap_rputs(text, r);
    }
    return OK;
}

static int answer(request_rec *r, apr_table_t *args)
{
    const char *name = apr_table_get(args, "format");
    const struct form *form;

    if (name == NULL) {
        name = apr_table_get(args, "auto") ? "auto" : "html";
    }
    if (strcmp(name, "json") == 0) {
        return answer_json(r);
    }
    form = find_form(name);
    if (form == NULL) {
        return HTTP_NOT_FOUND;
    }
    if (form->put == status_page) {
        set_page_headers(r, args);
    }
    return answer_form(r, form);
}

int status_handler(request_rec *r)
{
    apr_table_t *args;

    if (r->handler == NULL || strcmp(r->handler, STATUS_HANDLER) != 0) {
        return DECLINED;
    }
    r->allowed |= AP_METHOD_BIT << M_GET;
    if (status_actions_allowed(r)) {
        r->allowed |= AP_METHOD_BIT << M_POST;
        if (r->method_number == M_POST) {
            return status_act(r);
        }
    }
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    ap_args_to_table(r, &args);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    if (apr_table_get(args, "part") != NULL) {
        return answer_part(r, apr_table_get(args, "part"));
    }
    return answer(r, args);
}
