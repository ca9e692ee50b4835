/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definitions.c - walks the combinations of sections that a request can meet.
 *
 * httpd merges, for each request, the server's top with the Directory and then
 * the Location sections that match it. From a known starting point (a
 * DocumentRoot, a base URI, a section that names a root) every section either
 * applies to all requests there, to some, or to none; those that apply to some
 * are tried both ways. Plain sections that match one request stand one inside
 * the other, so of them only chains are tried.
 */
#include "definitions.h"

#include <apr_fnmatch.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "definition_key.h"

/* Regular expressions and wildcards double the number of combinations each. */
#define COMBINATIONS_MAX 4096

struct section {
    const struct place_config *place; /* NULL: it has none of our directives */
    struct rlimits rlimits;
    const char *path;    /* as written; with a regex not used */
    ap_regex_t *regex;   /* NULL: none */
    bool wild;           /* path has wildcards */
    bool is_location;
};

enum relevance { APPLIES_NEVER, APPLIES_SOMETIMES, APPLIES_ALWAYS };

struct walk {
    apr_pool_t *pool;
    struct definitions *out;
    server_rec *server;
    const struct base_uri *base;
    const char *folder;  /* requests map into this folder; NULL: anywhere */
    const char *uri;     /* requests are at or below it; NULL: anything */
    apr_array_header_t *sections; /* of struct section */
    unsigned n_leaves;
};

static void note(struct definitions *out, const char *text)
{
    int i;

    for (i = 0; i < out->notes->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(out->notes, i, const char *), text) == 0) {
            return;
        }
    }
    APR_ARRAY_PUSH(out->notes, const char *) = text;
}

static bool same_limits(const struct place_config *a,
                        const struct place_config *b)
{
    return a->min_instances == b->min_instances &&
           a->max_per_app == b->max_per_app &&
           a->max_requests == b->max_requests &&
           a->max_request_s == b->max_request_s &&
           a->max_queue == b->max_queue &&
           a->queue_timeout_s == b->queue_timeout_s &&
           a->start_timeout_s == b->start_timeout_s &&
           a->concurrency == b->concurrency &&
           a->memory_mib == b->memory_mib &&
           a->pre_start == b->pre_start &&
           a->rolling_restart == b->rolling_restart;
}

static bool is_same_rlimit(const struct rlimit *a, const struct rlimit *b)
{
    return a == b || (a != NULL && b != NULL && a->rlim_cur == b->rlim_cur &&
                      a->rlim_max == b->rlim_max);
}

static bool same_rlimits(const struct rlimits *a, const struct rlimits *b)
{
    return is_same_rlimit(a->cpu, b->cpu) && is_same_rlimit(a->mem, b->mem) &&
           is_same_rlimit(a->nproc, b->nproc);
}

/* The limits of found count, not those of another place. */
static void note_limits(struct walk *walk, const struct definition *found)
{
    const server_rec *s = found->server;
    const char *where = s->defn_name == NULL
                            ? "the main server"
                            : apr_psprintf(walk->pool, "%s:%u", s->defn_name,
                                           s->defn_line_number);

    note(walk->out, apr_psprintf(
        walk->pool, "application %s%s: two places give it different limits; "
        "those of %s count", found->site.root,
        found->dynamic ? " (any that PoolAllowRoots admits)" : "", where));
}

static void add(struct walk *walk, const struct place_config *place,
                const struct rlimits *rlimits, const struct site *site,
                const char *root)
{
    struct definitions *out = walk->out;
    const char *key = definition_key(walk->pool, place, site, root);
    struct definition *found = apr_hash_get(out->by_key, key,
                                            APR_HASH_KEY_STRING);

    if (found != NULL) {
        if (!same_limits(found->place, place) ||
            !same_rlimits(&found->rlimits, rlimits)) {
            note_limits(walk, found);
        }
        return;
    }
    found = apr_palloc(walk->pool, sizeof(*found));
    *found = (struct definition){.key = key, .site = *site, .place = place,
                                 .rlimits = *rlimits, .server = walk->server,
                                 .spoken = apr_pcalloc(walk->pool,
                                                       sizeof(apr_uint32_t)),
                                 .dynamic = strcmp(root, DYNAMIC_ROOT) == 0};
    found->site.root = root;
    apr_hash_set(out->by_key, key, APR_HASH_KEY_STRING, found);
    APR_ARRAY_PUSH(out->all, struct definition *) = found;
}

/* One combination: the place it merges to, and the application there. */
static void on_leaf(struct walk *walk, const struct place_config *place,
                    const struct rlimits *rlimits)
{
    const core_server_config *core =
        ap_get_core_module_config(walk->server->module_config);
    const apr_array_header_t *allowed = config_once(walk->server)->allow_roots;
    struct site site;

    walk->n_leaves++;
    if (site_find(walk->pool, place, walk->server, core->ap_document_root,
                  walk->base, &site)) {
        add(walk, place, rlimits, &site, site.root);
    }
    if (allowed != NULL && config_enabled(place) && walk->base == NULL &&
        config_naming(&place->app_root, walk->server) == NULL) {
        site.root = DYNAMIC_ROOT;
        add(walk, place, rlimits, &site, DYNAMIC_ROOT);
    }
}

static enum relevance pattern_relevance(const struct section *section,
                                        const char *from)
{
    bool matches = section->regex
                       ? ap_regexec(section->regex, from, 0, NULL, 0) == 0
                       : apr_fnmatch(section->path, from, APR_FNM_PATHNAME) ==
                             APR_SUCCESS;

    return matches ? APPLIES_ALWAYS : APPLIES_SOMETIMES;
}

static enum relevance relevance(const struct walk *walk,
                                const struct section *section)
{
    const char *from = section->is_location ? walk->uri : walk->folder;

    if (from == NULL) {
        return APPLIES_SOMETIMES;
    }
    if (section->regex != NULL || section->wild) {
        return pattern_relevance(section, from);
    }
    if (site_is_below(from, section->path)) {
        return APPLIES_ALWAYS;
    }
    return site_is_below(section->path, from) ? APPLIES_SOMETIMES
                                              : APPLIES_NEVER;
}

/* Can one request be in both? Only nested plain sections exclude nothing. */
static bool may_meet(const struct section *outer, const struct section *inner)
{
    if (outer == NULL || outer->is_location != inner->is_location ||
        outer->regex || inner->regex || outer->wild || inner->wild) {
        return true;
    }
    return site_is_below(inner->path, outer->path) ||
           site_is_below(outer->path, inner->path);
}

static bool defines(const struct section *section)
{
    return section->place != NULL && config_defines(section->place);
}

static const struct place_config *merge(struct walk *walk,
                                        const struct place_config *place,
                                        const struct section *section)
{
    void *base, *inner;

    if (section->place == NULL) {
        return place;
    }
    base = apr_pmemdup(walk->pool, place, sizeof(*place));
    inner = apr_pmemdup(walk->pool, section->place, sizeof(*section->place));
    return config_merge_place(walk->pool, base, inner);
}

/* As httpd's core merges them. */
static struct rlimits merge_rlimits(const struct rlimits *outer,
                                    const struct rlimits *inner)
{
    return (struct rlimits){
        .cpu = inner->cpu ? inner->cpu : outer->cpu,
        .mem = inner->mem ? inner->mem : outer->mem,
        .nproc = inner->nproc ? inner->nproc : outer->nproc};
}

/* last: the plain section included last; NULL: none. */
static void descend(struct walk *walk, int i, const struct place_config *place,
                    const struct rlimits *rlimits, const struct section *last)
{
    const struct section *section;
    struct rlimits inner;
    enum relevance when;

    if (walk->n_leaves >= COMBINATIONS_MAX) {
        return;
    }
    if (i == walk->sections->nelts) {
        on_leaf(walk, place, rlimits);
        return;
    }
    section = &APR_ARRAY_IDX(walk->sections, i, struct section);
    when = may_meet(last, section) ? relevance(walk, section) : APPLIES_NEVER;
    if (when == APPLIES_SOMETIMES && !defines(section)) {
        when = APPLIES_NEVER; /* it may differ in the request's limits only */
    }
    if (when != APPLIES_ALWAYS) {
        descend(walk, i + 1, place, rlimits, last);
    }
    if (when != APPLIES_NEVER) {
        bool plain = section->regex == NULL && !section->wild;

        inner = merge_rlimits(rlimits, &section->rlimits);
        descend(walk, i + 1, merge(walk, place, section), &inner,
                plain ? section : last);
    }
}

static struct rlimits rlimits_of(const core_dir_config *core)
{
    return (struct rlimits){.cpu = core->limit_cpu, .mem = core->limit_mem,
                            .nproc = core->limit_nproc};
}

static void add_sections(apr_array_header_t *sections,
                         const apr_array_header_t *vectors, bool is_location)
{
    int i;

    for (i = 0; vectors != NULL && i < vectors->nelts; i++) {
        const ap_conf_vector_t *vector =
            APR_ARRAY_IDX(vectors, i, ap_conf_vector_t *);
        const core_dir_config *core = ap_get_core_module_config(vector);
        const struct place_config *place = config_place(vector);
        struct rlimits rlimits = rlimits_of(core);
        bool is_ours = place != NULL && config_limits(place);

        if ((is_ours || rlimits.cpu || rlimits.mem || rlimits.nproc) &&
            core->d != NULL) {
            APR_ARRAY_PUSH(sections, struct section) = (struct section){
                .place = place, .rlimits = rlimits, .path = core->d,
                .regex = core->r,
                .wild = core->d_is_fnmatch != 0,
                .is_location = is_location};
        }
    }
}

static void start_walk(struct walk *walk, const char *folder, const char *uri,
                       const struct base_uri *base)
{
    struct rlimits top = rlimits_of(
        ap_get_core_module_config(walk->server->lookup_defaults));

    walk->folder = folder;
    walk->uri = uri;
    walk->base = base;
    walk->n_leaves = 0;
    descend(walk, 0, config_place(walk->server->lookup_defaults), &top, NULL);
    if (walk->n_leaves >= COMBINATIONS_MAX) {
        note(walk->out, apr_psprintf(
            walk->pool, "%s: more than %d combinations of sections define "
            "applications; write fewer wildcards and regular expressions",
            walk->server->server_hostname ? walk->server->server_hostname
                                          : "a server",
            COMBINATIONS_MAX));
    }
}

/* Sections that name a root may lie anywhere: each is a start of its own. */
static void walk_naming_sections(struct walk *walk)
{
    int i;

    for (i = 0; i < walk->sections->nelts; i++) {
        const struct section *section =
            &APR_ARRAY_IDX(walk->sections, i, struct section);
        bool plain = section->regex == NULL && !section->wild;

        if (section->place != NULL &&
            (section->place->app_root.value != NULL ||
             section->place->app_type.value != NULL)) {
            start_walk(walk, plain && !section->is_location ? section->path
                                                            : NULL,
                       plain && section->is_location ? section->path : NULL,
                       NULL);
        }
    }
}

static void walk_base_uris(struct walk *walk, const char *docroot)
{
    const apr_array_header_t *all = config_server(walk->server)->base_uris;
    int i;

    for (i = 0; i < all->nelts; i++) {
        const struct base_uri *base = &APR_ARRAY_IDX(all, i, struct base_uri);
        const char *folder = apr_pstrcat(
            walk->pool, base->root ? site_clean_folder(walk->pool, base->root)
                                   : docroot,
            base->root ? "/public" : base->uri, NULL);

        start_walk(walk, folder, base->uri, base);
    }
}

static void walk_server(struct walk *walk)
{
    const core_server_config *core =
        ap_get_core_module_config(walk->server->module_config);
    const char *docroot = site_clean_folder(walk->pool,
                                            core->ap_document_root);

    walk->sections = apr_array_make(walk->pool, 16, sizeof(struct section));
    add_sections(walk->sections, core->sec_dir, false);
    add_sections(walk->sections, core->sec_url, true);
    start_walk(walk, docroot, "/", NULL);
    walk_base_uris(walk, docroot);
    walk_naming_sections(walk);
    if (config_once(walk->server)->allow_roots != NULL) {
        start_walk(walk, NULL, "/", NULL);
    }
}

struct definitions *definitions_collect(apr_pool_t *p, server_rec *s)
{
    struct definitions *out = apr_palloc(p, sizeof(*out));
    struct walk walk = {.pool = p, .out = out};

    out->by_key = apr_hash_make(p);
    out->all = apr_array_make(p, 16, sizeof(struct definition *));
    out->notes = apr_array_make(p, 4, sizeof(const char *));
    for (; s != NULL; s = s->next) {
        walk.server = s;
        walk_server(&walk);
    }
    return out;
}

const struct definition *definitions_find(const struct definitions *all,
                                          apr_pool_t *p,
                                          const struct place_config *place,
                                          const struct site *site)
{
    const char *key = definition_key(p, place, site, site->root);
    const struct definition *found = apr_hash_get(all->by_key, key,
                                                  APR_HASH_KEY_STRING);

    if (found == NULL) {
        key = definition_key(p, place, site, DYNAMIC_ROOT);
        found = apr_hash_get(all->by_key, key, APR_HASH_KEY_STRING);
    }
    return found;
}
