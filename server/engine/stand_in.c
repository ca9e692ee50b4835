/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand_in.c - see stand_in.h.
 */
#include "stand_in.h"

#include <string.h>

static bool serves(const struct definition *d)
{
    struct core_app_view view;

    if (d == NULL || d->app == NULL) {
        return false;
    }
    core_app_view(d->app, &view);
    return view.serving > 0;
}

/* One that did not start has left it to its own stand-in. */
static struct definition *who_serves(struct definition *d)
{
    return d->stand_in != 0 ? definition_find(d->engine, d->stand_in) : d;
}

static bool is_before(const struct definition *old, const struct definition *d)
{
    return old->app != NULL && old->generation != 0 &&
           old->generation < d->generation && strcmp(old->root, d->root) == 0;
}

/* The last one with this root; NULL: none, or who would serve is not clear. */
static struct definition *find_before(const struct definition *d)
{
    struct definition *found = NULL;
    bool is_clear = false;

    for (apr_hash_index_t *i = apr_hash_first(NULL, d->engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *old = apr_hash_this_val(i);

        if (!is_before(old, d)) {
            continue;
        }
        if (found == NULL || old->generation > found->generation) {
            found = old;
            is_clear = true;
        } else if (old->generation == found->generation) {
            is_clear = false;
        }
    }
    return is_clear ? found : NULL;
}

static void appoint(struct definition *d)
{
    struct definition *old = find_before(d);

    old = old != NULL ? who_serves(old) : NULL;
    if (d->limits.not_rolling || !serves(old)) {
        return;
    }
    log_info("app %s: its definition has changed; a process of the new one is"
             " started", d->root);
    d->stand_in = old->number;
    old->stands_in_for++;
    core_prove(d->app, engine_now(d->engine));
}

/* What is done for one looks at all of them: this walk needs a place of its
 * own. */
void stand_in_appoint_all(struct engine *engine)
{
    apr_pool_t *p;

    apr_pool_create(&p, apr_hash_pool_get(engine->definitions));
    for (apr_hash_index_t *i = apr_hash_first(p, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *d = apr_hash_this_val(i);

        if (engine->started && d->is_fresh && d->app != NULL &&
            d->generation == engine->generation && d->n_processes == 0) {
            appoint(d);
        }
        d->is_fresh = false;
    }
    apr_pool_destroy(p);
}

struct definition *stand_in_of(struct definition *d)
{
    struct definition *old = who_serves(d);

    if (old != d && !serves(old)) {
        stand_in_dismiss(d);
        old = d;
    }
    return old;
}

void stand_in_relieve(struct definition *d)
{
    struct definition *old = who_serves(d);

    if (old != d && serves(old)) {
        core_give_way(old->app, engine_now(d->engine));
    }
}

void stand_in_dismiss(struct definition *d)
{
    struct definition *old = who_serves(d);

    if (old != NULL && old != d) {
        old->stands_in_for--;
    }
    d->stand_in = 0;
}
