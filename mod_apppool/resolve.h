/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.h - which requests are an application's (DIRECTIVES).
 *
 * Hooks of httpd, in the order they run. What they find is kept with the
 * request for the handler. A php application gets the .php files that httpd
 * finds, and what matches no file only where it has a front controller.
 */
#ifndef MOD_APPPOOL_RESOLVE_H
#define MOD_APPPOOL_RESOLVE_H

#include "script.h"
#include "site.h"

#define APPLICATION_HANDLER "apppool-application"

struct resolved {
    struct site site;
    const char *script_name; /* "" or "/path": the request's uri begins so */
    const char *read_uri;    /* r->uri before any module changed it */
    bool too_long;           /* no file system has a name like this */
    bool belongs;            /* an application answers if no file does */
    const char *looked_for;  /* the uri that `belongs` was found for */
    bool is_application;     /* claimed: no file does */
    struct script script;    /* php: the file that it runs */
};

/* Before all who translate: what the client asked for. */
int resolve_note_uri(request_rec *r);

/* PoolBaseURI /URI PATH: files below PATH/public. */
int resolve_translate(request_rec *r);

/* Names no file system takes are no files. */
int resolve_map_to_storage(request_rec *r);

/* Before mod_dir: page caches, directories. */
int resolve_before_dir(request_rec *r);

/* After it: what is left. */
int resolve_after_dir(request_rec *r);

/* Has a module given the request another path (mod_rewrite, mod_dir)? */
bool resolve_was_rewritten(const request_rec *r);

/* What the hooks found; NULL: no application's. */
const struct resolved *resolve_found(const request_rec *r);

#endif
