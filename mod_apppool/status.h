/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - what the pool shows of itself over HTTP.
 *
 *   status.c             SetHandler apppool-status: which form, and who asks
 *   status_page.c        as a page for people
 *   status_assets.c      its style sheet and script
 *   status_prometheus.c  as metrics
 *   status_short.c       as lines (?auto), and a section of mod_status' page
 *   status_actions.c     restart and detach, by POST with a token
 *   health.c             SetHandler apppool-health
 *
 * All of them read the engine's JSON (doc/status-json). Who may read them is
 * Require's business. What comes from applications is escaped.
 */
#ifndef MOD_APPPOOL_STATUS_H
#define MOD_APPPOOL_STATUS_H

#include <httpd.h>
#include <jansson.h>
#include <stdbool.h>

int status_handler(request_rec *r);
int health_handler(request_rec *r);

/* For mod_status' hook; flags as in mod_status.h. */
int status_extend(request_rec *r, int flags);

/*
 * The pool's state, owned by the caller (json_decref). NULL: the pool server
 * does not answer; it was logged and *why_r is a sentence.
 */
json_t *status_load(request_rec *r, const char **why_r);

/* Members of an object; 0, "" where there is none or of another kind. */
double status_number(const json_t *object, const char *name);
const char *status_text(const json_t *object, const char *name);
/* Escaped for HTML. */
const char *status_html(request_rec *r, const json_t *object,
                        const char *name);

/* The forms; each writes the whole body. */
void status_page(request_rec *r, const json_t *status);
void status_prometheus(request_rec *r, const json_t *status);
void status_short(request_rec *r, const json_t *status);

extern const char status_style[];
extern const char status_script[];

/* Actions. */
bool status_actions_allowed(const request_rec *r);
/* For a form of the page that is being made; valid for two hours at most. */
const char *status_token(request_rec *r);
/* A POST: do what the form says and answer. Returns what a handler returns. */
int status_act(request_rec *r);

#endif
