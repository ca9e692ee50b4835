/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve.c - gives an application what would fall to httpd's default handler
 * and matches no file.
 *
 * Everything is decided in fixups, when all sections and .htaccess files have
 * been merged and authorisation is over. A claimed request has APR_NOFILE as
 * its file type, so mod_dir and mod_autoindex keep their hands off.
 */
#include "resolve.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>
#include <sys/stat.h>

#include "child.h"

APLOG_USE_MODULE(apppool);

#define NAME_LONGEST 255  /* NAME_MAX of every file system in use */
#define PATH_LONGEST 4000 /* PATH_MAX less what is appended */

static struct resolved *state_of(request_rec *r)
{
    struct resolved *state = ap_get_module_config(r->request_config,
                                                  &apppool_module);

    if (state == NULL) {
        state = apr_pcalloc(r->pool, sizeof(*state));
        ap_set_module_config(r->request_config, &apppool_module, state);
    }
    return state;
}

const struct resolved *resolve_found(const request_rec *r)
{
    const struct resolved *state = ap_get_module_config(r->request_config,
                                                        &apppool_module);

    return state && state->is_application ? state : NULL;
}

int resolve_note_uri(request_rec *r)
{
    state_of(r)->read_uri = r->uri;
    return DECLINED;
}

bool resolve_was_rewritten(const request_rec *r)
{
    const struct resolved *state = ap_get_module_config(r->request_config,
                                                        &apppool_module);

    return state == NULL || state->read_uri == NULL ||
           (state->read_uri != r->uri && strcmp(state->read_uri, r->uri) != 0);
}

/* httpd's own mapping refuses what is longer than any path. */
static int map_too_long(request_rec *r)
{
    r->filename = apr_pstrdup(r->pool, ap_document_root(r));
    r->canonical_filename = r->filename;
    state_of(r)->too_long = true;
    return OK;
}

int resolve_translate(request_rec *r)
{
    const struct base_uri *base;
    const char *folder, *rest;

    if (r->proxyreq || r->uri == NULL || r->uri[0] != '/') {
        return DECLINED;
    }
    if (strlen(r->uri) + strlen(ap_document_root(r)) > PATH_LONGEST) {
        return map_too_long(r);
    }
    base = site_base_uri(r->server, r->uri);
    if (base == NULL || base->root == NULL) {
        return DECLINED;
    }
    folder = apr_pstrcat(r->pool, site_clean_folder(r->pool, base->root),
                         "/public", NULL);
    rest = r->uri + strlen(base->uri);
    while (*rest == '/') {
        rest++;
    }
    if (apr_filepath_merge(&r->filename, folder, rest,
                           APR_FILEPATH_TRUENAME | APR_FILEPATH_SECUREROOT,
                           r->pool) != APR_SUCCESS &&
        r->filename == NULL) {
        return HTTP_FORBIDDEN;
    }
    r->canonical_filename = r->filename;
    ap_set_context_info(r, base->uri, folder);
    return OK;
}

/* Where a component that is too long begins; NULL: none is. */
static const char *too_long_part(const char *path)
{
    const char *part = path, *c;

    for (c = path; *c != '\0'; c++) {
        if (*c == '/') {
            part = c + 1;
        }
        if (c - part >= NAME_LONGEST || c - path >= PATH_LONGEST) {
            return part;
        }
    }
    return NULL;
}

int resolve_map_to_storage(request_rec *r)
{
    const char *part;

    if (r->proxyreq || r->filename == NULL || r->filename[0] != '/') {
        return DECLINED;
    }
    part = too_long_part(r->filename);
    if (part != NULL) {
        r->filename = apr_pstrmemdup(r->pool, r->filename,
                                     (apr_size_t)(part - r->filename));
        state_of(r)->too_long = true;
    }
    return DECLINED; /* httpd's own walk goes on with what is left */
}

/*
 * The part of the uri that led to the folder whose section names the root:
 * what is left of it without what is below the folder.
 */
static const char *uri_of_folder(request_rec *r, const char *folder)
{
    const char *path = apr_pstrcat(r->pool, r->filename,
                                   r->path_info ? r->path_info : "", NULL);
    size_t uri_len = strlen(r->uri), below_len;
    const char *below;

    folder = site_clean_folder(r->pool, folder);
    if (!site_is_below(path, folder)) {
        return NULL;
    }
    below = path + strlen(folder);
    below_len = strlen(below);
    if (below_len > uri_len ||
        strcmp(r->uri + uri_len - below_len, below) != 0) {
        return NULL;
    }
    return apr_pstrmemdup(r->pool, r->uri, uri_len - below_len);
}

/* Where SCRIPT_NAME ends; NULL: the uri is not below the site's base. */
static const char *script_name(request_rec *r, const struct site *site,
                               const struct naming *root)
{
    const char *prefix = NULL;

    if (site->base_uri[0] != '\0') {
        return site_is_below(r->uri, site->base_uri) ? site->base_uri : NULL;
    }
    if (root->value != NULL && root->directory != NULL) {
        prefix = uri_of_folder(r, root->directory);
    }
    if (prefix == NULL) {
        prefix = site_clean_folder(r->pool, ap_context_prefix(r));
    }
    if (strcmp(prefix, "/") == 0 || !site_is_below(r->uri, prefix)) {
        prefix = "";
    }
    return prefix;
}

/* Settings of a whole vhost speak of what its DocumentRoot has, no Alias. */
static bool is_elsewhere(request_rec *r, const struct place_config *place,
                         const struct base_uri *base, const char *docroot)
{
    bool by_section = place->app_root.value && !place->app_root.server;

    return !by_section && base == NULL && !site_is_below(r->filename, docroot);
}

static bool detect(request_rec *r, const struct site *site)
{
    struct child *child = config_once(r->server)->child;

    return child == NULL || site->type != TYPE_AUTO || !site->detected ||
           startup_find(child_startup(child), site->root, site->link) !=
               STARTUP_NONE;
}

static bool look_for_application(request_rec *r)
{
    const struct place_config *place = config_place(r->per_dir_config);
    struct resolved *state;
    const struct base_uri *base;
    const char *docroot;

    if (r->proxyreq || r->filename == NULL || r->filename[0] != '/' ||
        r->uri == NULL || r->uri[0] != '/') {
        return false;
    }
    base = site_base_uri(r->server, r->uri);
    docroot = ap_document_root(r);
    state = state_of(r);
    if (!site_find(r->pool, place, r->server, docroot, base, &state->site) ||
        is_elsewhere(r, place, base, docroot)) {
        return false;
    }
    state->script_name = script_name(r, &state->site, &place->app_root);
    return state->script_name != NULL && detect(r, &state->site);
}

static bool is_php(request_rec *r)
{
    return state_of(r)->site.type == TYPE_PHP;
}

/* Does an application answer here, when no file does? Fills r's state. */
static bool find_application(request_rec *r)
{
    struct resolved *state = state_of(r);

    if (state->looked_for != r->uri) {
        state->looked_for = r->uri;
        state->belongs = look_for_application(r) &&
                         (!is_php(r) || state->site.startup_file != NULL);
    }
    return state->belongs;
}

/* As php modules of other kinds have it: their handler is no claim here. */
static bool is_php_handler(const char *handler)
{
    static const char type[] = "application/x-httpd-php";

    return strncmp(handler, type, sizeof(type) - 1) == 0;
}

/*
 * What the admin or another module gave the request to keeps it. A request that
 * became another one (mod_dir, mod_negotiation) has our handler from that one,
 * but has not been claimed itself.
 */
static bool is_unhandled(request_rec *r)
{
    return r->handler == NULL || strcmp(r->handler, DIR_MAGIC_TYPE) == 0 ||
           (strcmp(r->handler, APPLICATION_HANDLER) == 0 &&
            !state_of(r)->is_application) ||
           (script_is_there(r) && is_php_handler(r->handler));
}

static bool is_file(const request_rec *r)
{
    return r->finfo.filetype == APR_REG &&
           (r->path_info == NULL || r->path_info[0] == '\0');
}

static bool is_folder(const request_rec *r)
{
    return r->finfo.filetype == APR_DIR &&
           (r->path_info == NULL || r->path_info[0] == '\0');
}

static bool ends_in_slash(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && text[len - 1] == '/';
}

static void claim(request_rec *r)
{
    struct resolved *state = state_of(r);

    state->is_application = true;
    r->handler = APPLICATION_HANDLER;
    r->finfo.filetype = APR_NOFILE;
    if (is_php(r)) {
        state->script = script_of_front(r, &state->site, state->script_name);
    }
}

static bool rejects_path_info(const request_rec *r)
{
    return r->used_path_info == AP_REQ_REJECT_PATH_INFO &&
           r->path_info != NULL && r->path_info[0] != '\0';
}

/*
 * A .php file: the site's, wherever an Alias leads to it. Its source is never
 * sent, so one that must not run is refused here.
 */
static int run_script(request_rec *r)
{
    struct resolved *state = state_of(r);
    const struct place_config *place = config_place(r->per_dir_config);
    bool has_root = site_find(r->pool, place, r->server, ap_document_root(r),
                              site_base_uri(r->server, r->uri), &state->site);

    if (!is_php(r)) {
        return DECLINED;
    }
    if (!has_root) {
        return HTTP_FORBIDDEN; /* PoolEnabled off */
    }
    if (rejects_path_info(r)) {
        return HTTP_NOT_FOUND;
    }
    state->script_name = "";
    state->script = script_of_file(r);
    state->is_application = true;
    r->handler = APPLICATION_HANDLER;
    return OK;
}

static bool is_regular(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/*
 * Serve the file behind this uri in place of the request, if httpd would serve
 * it: its own sections and rights count.
 */
static bool serve_instead(request_rec *r, const char *uri)
{
    request_rec *other = ap_sub_req_lookup_uri(
        ap_escape_uri(r->pool, uri), r, r->output_filters);

    if (other->status == HTTP_OK && other->finfo.filetype == APR_REG) {
        ap_internal_fast_redirect(other, r);
        return true;
    }
    ap_destroy_sub_req(other);
    return false;
}

/* A page the application has left below public: /foo in foo.html. */
static bool serve_page_cache(request_rec *r)
{
    bool may_be = (r->finfo.filetype == APR_NOFILE ||
                   r->finfo.filetype == APR_DIR) &&
                  (r->path_info == NULL || r->path_info[0] == '\0') &&
                  r->method_number == M_GET && !ends_in_slash(r->uri) &&
                  !ends_in_slash(r->filename);

    return may_be &&
           is_regular(apr_pstrcat(r->pool, r->filename, ".html", NULL)) &&
           serve_instead(r, apr_pstrcat(r->pool, r->uri, ".html", NULL));
}

static const char *index_page(request_rec *r)
{
    return apr_pstrcat(r->pool, r->filename,
                       ends_in_slash(r->filename) ? "" : "/", "index.html",
                       NULL);
}

/* Would /foo/ show a file? Then /foo is left to mod_dir's redirect. */
static bool has_index(request_rec *r)
{
    request_rec *other = ap_sub_req_lookup_uri(
        ap_escape_uri(r->pool, apr_pstrcat(r->pool, r->uri, "/", NULL)), r,
        NULL);
    bool found = other->status == HTTP_OK && other->finfo.filetype == APR_REG;

    ap_destroy_sub_req(other);
    return found;
}

/* Is it left to mod_dir whether the folder has an index? */
static bool may_have_index(request_rec *r)
{
    struct child *child = config_once(r->server)->child;

    if (r->method_number != M_GET && !is_php(r)) {
        return false; /* php: it may run the index for any method */
    }
    if (!ends_in_slash(r->uri)) {
        return has_index(r);
    }
    return child == NULL ||
           !startup_lacks_index(child_startup(child), r->filename) ||
           is_regular(index_page(r));
}

/*
 * What no index can change. A sub-request may be mod_dir's own, which looks for
 * its FallbackResource: left to mod_dir it would look for it again, and again.
 */
static bool is_settled(request_rec *r)
{
    return is_folder(r) ? !may_have_index(r) : r->main != NULL;
}

int resolve_before_dir(request_rec *r)
{
    if (!is_unhandled(r)) {
        return DECLINED;
    }
    if (script_is_there(r)) {
        return run_script(r);
    }
    if (is_file(r)) {
        return DECLINED;
    }
    if (!find_application(r)) {
        return state_of(r)->too_long ? HTTP_FORBIDDEN : DECLINED;
    }
    if (state_of(r)->too_long) {
        claim(r);
        return OK;
    }
    if (serve_page_cache(r)) {
        return OK;
    }
    if (is_settled(r)) {
        claim(r);
    }
    return DECLINED;
}

int resolve_after_dir(request_rec *r)
{
    struct child *child = config_once(r->server)->child;

    if (!is_unhandled(r)) {
        return DECLINED;
    }
    if (script_is_there(r)) {
        return run_script(r);
    }
    if (is_file(r) || !find_application(r)) {
        return DECLINED;
    }
    if (is_folder(r) && r->method_number == M_GET && ends_in_slash(r->uri)) {
        if (is_regular(index_page(r)) &&
            serve_instead(r, apr_pstrcat(r->pool, r->uri, "index.html",
                                         NULL))) {
            return OK;
        }
        if (child != NULL) {
            startup_note_no_index(child_startup(child), r->filename);
        }
    }
    claim(r);
    return OK;
}
