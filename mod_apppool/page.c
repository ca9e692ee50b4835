/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.c - the error page of an application that does not start.
 */
#include "page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_core.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<title>The application could not be started</title>\n<style>"
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;"
    "max-width:40rem;margin:3rem auto;padding:0 1rem}h1{font-size:1.4rem}"
    "</style></head>\n"
    "<body><h1>The application could not be started</h1>\n";
static const char hint[] =
    "<p>Please try again later. The administrator of this site finds the "
    "reason in its error log";
static const char tail[] = "</body></html>\n";

/* Nothing of the application, only what finds the details. */
static const char *plain(request_rec *r, const struct apppool_failure *failure)
{
    return apr_pstrcat(r->pool, head, hint,
                       failure->id ? ", by the number <code>" : "",
                       failure->id ? ap_escape_html(r->pool, failure->id) : "",
                       failure->id ? "</code>" : "", ".</p>\n", tail, NULL);
}

static const char *details(request_rec *r,
                           const struct apppool_failure *failure)
{
    if (failure->page != NULL) {
        return failure->page;
    }
    return apr_pstrcat(r->pool, head, "<pre>",
                       ap_escape_html(r->pool, failure->message),
                       "</pre>\n", tail, NULL);
}

static int answer(request_rec *r, const char *page)
{
    apr_size_t len = strlen(page);

    r->status = HTTP_INTERNAL_SERVER_ERROR;
    r->status_line = NULL;
    r->content_encoding = NULL;
    r->content_languages = NULL;
    ap_set_content_type_ex(r, "text/html; charset=utf-8", 1);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_set_content_length(r, (apr_off_t)len);
    if (!r->header_only) {
        ap_rwrite(page, (int)len, r);
    }
    return OK;
}

int page_spawn_error(request_rec *r, const struct place_config *place,
                     const struct apppool_failure *failure)
{
    int index = ap_index_of_response(HTTP_INTERNAL_SERVER_ERROR);

    if (failure->id != NULL) { /* an ErrorDocument may show it */
        apr_table_setn(r->subprocess_env, "APPPOOL_ERROR_ID", failure->id);
    }
    if (config_friendly_errors(place)) {
        return answer(r, details(r, failure));
    }
    if (ap_response_code_string(r, index) != NULL || r->prev != NULL) {
        return HTTP_INTERNAL_SERVER_ERROR; /* ErrorDocument applies */
    }
    return answer(r, plain(r, failure));
}
