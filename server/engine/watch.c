/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.c - see watch.h.
 */
#include "watch.h"

#include "lease.h"
#include "link.h"
#include "running.h"

static void set(struct engine *engine, struct definition *definition,
                enum watch_how how)
{
    definition->is_watched = how != WATCH_OFF;
    link_watch(engine, definition->number, how);
}

void watch_begin(struct engine *engine, struct definition *definition)
{
    if (!definition->is_watched) {
        set(engine, definition, WATCH_FRESH);
    }
}

void watch_end(struct engine *engine, struct definition *definition)
{
    struct core_app_view view;

    if (definition->app != NULL) {
        core_app_view(definition->app, &view);
        if (view.retry_at_us != 0) {
            return; /* a changed file ends its back-off */
        }
    }
    if (definition->is_watched) {
        set(engine, definition, WATCH_OFF);
    }
}

void watch_again(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *definition = apr_hash_this_val(i);

        if (definition->n_processes > 0) {
            set(engine, definition, WATCH_ON);
        }
    }
}

void watch_on_seen(struct engine *engine, struct wire_message *m)
{
    struct definition *definition =
        definition_find(engine, wire_get_u32(m, FIELD_APP, 0));
    uint32_t seen = wire_get_u32(m, FIELD_NUMBER, 0);

    if (definition == NULL || definition->app == NULL) {
        return;
    }
    definition->is_always = (seen & SEEN_ALWAYS) != 0;
    core_set_always_restart(definition->app, definition->is_always,
                            engine_now(engine));
    if (definition->is_always) {
        lease_recall_all_of(definition);
    }
    if (seen & SEEN_RESTART) {
        log_info("app %s: restart.txt has changed: restarting",
                 definition->root);
        core_restart(definition->app, engine_now(engine));
        lease_recall(engine);
    } else if (seen & SEEN_STARTUP) {
        core_app_retry(definition->app, engine_now(engine));
    }
}
