/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_actions.c - restart and detach from the status page, where
 * PoolStatusActions is on.
 *
 * A form carries a token that only who has read the page can know: a keyed
 * hash, under a key that lives as long as this configuration of httpd, of the
 * hour, the user and the client's address. So a page elsewhere cannot make
 * somebody's browser restart anything.
 */
#include "config.h"

#include <apr_siphash.h>
#include <apr_strings.h>
#include <http_log.h>
#include <http_protocol.h>
#include <stdlib.h>
#include <util_script.h>

#include "apppool/error.h"
#include "child.h"
#include "status.h"

APLOG_USE_MODULE(apppool);

#define FORM_MAX 16384
#define TOKEN_LIFE apr_time_from_sec(3600)

bool status_actions_allowed(const request_rec *r)
{
    return config_place(r->per_dir_config)->status_actions == 1;
}

static const char *token_at(request_rec *r, apr_time_t hour)
{
    unsigned char mac[APR_SIPHASH_DSIZE];
    char *hex = apr_palloc(r->pool, 2 * sizeof(mac) + 1);
    const char *text = apr_psprintf(
        r->pool, "%" APR_TIME_T_FMT "\n%s\n%s", hour,
        r->user ? r->user : "", r->useragent_ip);

    apr_siphash24_auth(mac, text, strlen(text),
                       config_once(r->server)->token_key);
    ap_bin2hex(mac, sizeof(mac), hex);
    return hex;
}

const char *status_token(request_rec *r)
{
    return token_at(r, r->request_time / TOKEN_LIFE);
}

/* In a time that does not tell how much of it was right. */
static bool is_same(const char *a, const char *b)
{
    size_t len = strlen(a), i;
    unsigned char differs = 0;

    if (len != strlen(b)) {
        return false;
    }
    for (i = 0; i < len; i++) {
        differs |= (unsigned char)(a[i] ^ b[i]);
    }
    return differs == 0;
}

static bool is_valid(request_rec *r, const char *token)
{
    apr_time_t hour = r->request_time / TOKEN_LIFE;

    return is_same(token, token_at(r, hour)) ||
           is_same(token, token_at(r, hour - 1));
}

/* The fields of the form; NULL: it is none. */
static apr_table_t *read_form(request_rec *r)
{
    apr_array_header_t *pairs = NULL;
    apr_table_t *fields = apr_table_make(r->pool, 4);
    int i;

    if (ap_parse_form_data(r, NULL, &pairs, 8, FORM_MAX) != OK ||
        pairs == NULL) {
        return NULL;
    }
    for (i = 0; i < pairs->nelts; i++) {
        ap_form_pair_t *pair = &APR_ARRAY_IDX(pairs, i, ap_form_pair_t);
        apr_off_t len = 0;
        apr_size_t size;
        char *value;

        apr_brigade_length(pair->value, 1, &len);
        size = (apr_size_t)len;
        value = apr_pcalloc(r->pool, size + 1);
        apr_brigade_flatten(pair->value, value, &size);
        apr_table_set(fields, pair->name, value);
    }
    return fields;
}

static int answer(request_rec *r, int status, const char *sentence)
{
    r->status = status;
    ap_set_content_type_ex(r, "text/plain; charset=utf-8", 1);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_rvputs(r, sentence, "\n", NULL);
    return OK;
}

/* Back to the page, which shows what has become of it. */
static int answer_page(request_rec *r)
{
    apr_table_setn(r->headers_out, "Location",
                   ap_escape_uri(r->pool, r->uri));
    return HTTP_SEE_OTHER;
}

static int finish(request_rec *r, apr_status_t rv, const char *message)
{
    char text[200];

    if (rv == APR_SUCCESS) {
        return answer_page(r);
    }
    return answer(r, rv == APPPOOL_EUNKNOWN ? HTTP_NOT_FOUND
                                            : HTTP_INTERNAL_SERVER_ERROR,
                  message ? message
                          : apppool_strerror(rv, text, sizeof(text)));
}

static void log_action(request_rec *r, const char *what, const char *whom)
{
    ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r,
                  "%s %s: asked for by %s through the status page", what, whom,
                  r->user ? r->user : "an anonymous client");
}

static int restart(request_rec *r, const char *root)
{
    const char *message = NULL;
    apr_status_t rv;

    log_action(r, "restart", root);
    rv = child_restart(config_once(r->server)->child, root, &message, r->pool);
    return finish(r, rv, message);
}

static int detach(request_rec *r, const char *pid)
{
    log_action(r, "detach", pid);
    return finish(r, child_detach(config_once(r->server)->child,
                                  (pid_t)atol(pid)), NULL);
}

int status_act(request_rec *r)
{
    apr_table_t *form = read_form(r);
    const char *token = form ? apr_table_get(form, "token") : NULL;
    const char *action = form ? apr_table_get(form, "action") : NULL;
    const char *root = form ? apr_table_get(form, "root") : NULL;
    const char *pid = form ? apr_table_get(form, "pid") : NULL;

    if (token == NULL || !is_valid(r, token)) {
        return answer(r, HTTP_FORBIDDEN, "This form is not valid any more: "
                      "load the status page again.");
    }
    if (action && root && strcmp(action, "restart") == 0) {
        return restart(r, root);
    }
    if (action && pid && strcmp(action, "detach") == 0) {
        return detach(r, pid);
    }
    return answer(r, HTTP_BAD_REQUEST, "Neither a restart of a root nor a "
                  "detach of a pid.");
}
