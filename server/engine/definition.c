/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.c - see definition.h.
 */
#include "definition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "app_type.h"
#include "client.h"
#include "lease.h"
#include "link.h"
#include "request.h"
#include "socket.h"
#include "stand_in.h"

#define SECONDS INT64_C(1000000)

/* How many adopted ones go when there is no room for another. */
#define FORGOTTEN_AT_ONCE 256

/* What a library user's applications have; DIRECTIVES' defaults otherwise. */
enum {
    DEFAULT_MIN_INSTANCES = 1,
    DEFAULT_MAX_QUEUE = 100,
    DEFAULT_QUEUE_TIMEOUT_S = 60,
    DEFAULT_START_TIMEOUT_S = 90
};

static char *copy_text(const struct wire_message *m, enum wire_field field,
                       const char *otherwise)
{
    const char *text = wire_get_text(m, field, NULL);
    char *copy = strdup(text != NULL ? text : otherwise);

    if (copy == NULL) {
        abort();
    }
    return copy;
}

struct definition *definition_find(struct engine *engine, uint32_t number)
{
    return apr_hash_get(engine->definitions, &number, sizeof number);
}

void definition_on_configure(struct engine *engine, struct wire_message *m)
{
    struct core_limits limits = {
        .max = wire_get_u32(m, FIELD_MAX, 6),
        .max_spawning = wire_get_u32(m, FIELD_MAX_SPAWNING, 2),
        .max_waiting = wire_get_u32(m, FIELD_MAX_WAITING, 0),
        .max_idle_us = wire_get_u32(m, FIELD_MAX_IDLE_S, 300) * SECONDS,
    };
    int fd = wire_take_fd(m, 0);

    engine->coming = wire_get_u32(m, FIELD_GENERATION, 1);
    engine->child_uid = wire_get_u32(m, FIELD_CHILD_UID, UINT32_MAX);
    engine->limits = limits;
    engine->actions = wire_get_u32(m, FIELD_ACTIONS, 0) != 0;
    log_set_level(log_level_of_httpd(wire_get_u32(m, FIELD_LOG_LEVEL, 0)));
    core_set_limits(engine->core, &limits, engine_now(engine));
    if (fd >= 0) {
        log_to(fd);
        fd_close(&engine->log_fd);
        engine->log_fd = fd;
    }
}

static struct core_app_limits read_limits(const struct engine *engine,
                                          const struct wire_message *m)
{
    bool is_configured = engine->generation != 0 || engine->coming != 0;
    uint32_t flags = wire_get_u32(m, FIELD_FLAGS, 0);
    struct core_app_limits limits = {
        .min_instances = wire_get_u32(
            m, FIELD_MIN_INSTANCES, is_configured ? DEFAULT_MIN_INSTANCES : 0),
        .max_per_app = wire_get_u32(m, FIELD_MAX_PER_APP, 0),
        .max_requests = wire_get_u32(m, FIELD_MAX_REQUESTS, 0),
        .max_queue = wire_get_u32(m, FIELD_MAX_QUEUE, DEFAULT_MAX_QUEUE),
        .concurrency = wire_get_u32(m, FIELD_CONCURRENCY, 1),
        .memory_mib = wire_get_u32(m, FIELD_MEMORY_MIB, 0),
        .max_request_us = wire_get_u32(m, FIELD_MAX_REQUEST_S, 0) * SECONDS,
        .queue_timeout_us = wire_get_u32(m, FIELD_QUEUE_TIMEOUT_S,
                                         DEFAULT_QUEUE_TIMEOUT_S) * SECONDS,
        .start_timeout_us = wire_get_u32(m, FIELD_START_TIMEOUT_S,
                                         DEFAULT_START_TIMEOUT_S) * SECONDS,
        .pre_start = (flags & DEFINE_PRE_START) != 0,
        .not_rolling = (flags & DEFINE_NOT_ROLLING) != 0,
    };

    return limits;
}

static struct definition *definition_new(struct engine *engine,
                                         struct wire_message *m)
{
    struct definition *d = calloc(1, sizeof *d);

    if (d == NULL) {
        abort();
    }
    d->number = wire_get_u32(m, FIELD_APP, 0);
    d->root = copy_text(m, FIELD_ROOT, "");
    d->environment = copy_text(m, FIELD_ENVIRONMENT, "");
    d->user = copy_text(m, FIELD_USER, "");
    d->type = wire_get_u32(m, FIELD_TYPE, TYPE_AUTO);
    d->is_auto = d->type == TYPE_AUTO;
    d->protocol = wire_get_u32(m, FIELD_PROTOCOL, 0);
    d->log_fd = -1;
    d->is_fresh = true;
    d->engine = engine;
    STAILQ_INIT(&d->restart_waits);
    LIST_INIT(&d->leases);
    apr_hash_set(engine->definitions, &d->number, sizeof d->number, d);
    engine->n_adopted += d->number >= FIRST_ADOPTED;
    return d;
}

/* What the type decides where nobody said it. */
static void apply_type(struct definition *d)
{
    const struct app_type *type = app_type(d->type);

    if (!d->says_concurrency) {
        d->limits.concurrency = app_type_concurrency(
            d->type, (enum apppool_protocol)d->protocol, d->threads);
    }
    d->limits.exclusive = d->protocol == PROTOCOL_FASTCGI ||
                          (d->protocol == 0 &&
                           type->protocol == PROTOCOL_FASTCGI);
    d->limits.smart = type->can_be_smart && d->method != SPAWN_DIRECT &&
                      (d->method == SPAWN_SMART || !type->is_usually_direct);
}

/* What is to run already may run: only START, told last, begins anything. */
static void tell_core(struct definition *d)
{
    struct engine *engine = d->engine;
    struct core_app_limits limits = d->limits;

    limits.pre_start = limits.pre_start && engine->started;
    if (d->app == NULL) {
        d->app = core_app_add(engine->core, &limits, d, engine_now(engine));
    } else {
        core_app_set_limits(d->app, &limits, engine_now(engine));
    }
}

void definition_start_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL; i = apr_hash_next(i)) {
        struct definition *d = apr_hash_this_val(i);

        if (d->app != NULL && d->limits.pre_start) {
            tell_core(d);
        }
    }
}

void definition_set_type(struct definition *d, enum apppool_type type)
{
    if (!d->is_auto || d->type == type) {
        return;
    }
    d->type = type;
    apply_type(d);
    if (d->app != NULL) {
        tell_core(d);
    }
}

static void read_definition(struct definition *d, const struct wire_message *m)
{
    d->generation = wire_get_u32(m, FIELD_GENERATION, d->engine->coming);
    d->flags = wire_get_u32(m, FIELD_FLAGS, 0);
    d->limits = read_limits(d->engine, m);
    d->says_concurrency = wire_has(m, FIELD_CONCURRENCY);
    d->method = wire_get_u32(m, FIELD_SPAWN_METHOD, SPAWN_DEFAULT);
    d->threads = wire_get_u32(m, FIELD_THREADS, 1);
    d->counts_requests = d->limits.max_requests != 0 ||
                         d->limits.max_request_us != 0;
    apply_type(d);
}

void definition_on_define(struct engine *engine, struct wire_message *m)
{
    struct definition *d = definition_find(engine,
                                           wire_get_u32(m, FIELD_APP, 0));

    /* A template only lends its fields to what is adopted from it. */
    if ((wire_get_u32(m, FIELD_FLAGS, 0) & DEFINE_DYNAMIC) &&
        wire_get_u32(m, FIELD_APP, 0) < FIRST_ADOPTED) {
        return;
    }
    if (d == NULL) {
        d = definition_new(engine, m);
    }
    read_definition(d, m);
    fd_close(&d->log_fd);
    d->log_fd = wire_take_fd(m, 0);
    tell_core(d);
}

static void definition_free(struct engine *engine, struct definition *d)
{
    apr_hash_set(engine->definitions, &d->number, sizeof d->number, NULL);
    engine->n_adopted -= d->number >= FIRST_ADOPTED;
    admin_refuse_restarts(d);
    lease_definition_gone(d);
    fd_close(&d->log_fd);
    free(d->root);
    free(d->environment);
    free(d->user);
    free(d->restart_error);
    free(d->error_page);
    free(d);
}

void definition_sweep(struct engine *engine)
{
    uint32_t oldest = client_oldest_generation(engine);
    apr_hash_index_t *i;

    if (engine->coming != 0 || engine->ending || !engine->started) {
        return; /* it is half told who uses what, or all goes anyway */
    }
    for (i = apr_hash_first(NULL, engine->definitions); i != NULL;
         i = apr_hash_next(i)) {
        struct definition *d = apr_hash_this_val(i);

        if (d->generation != 0 && d->generation < oldest && d->app != NULL &&
            d->stands_in_for == 0) {
            log_info("app %s: no longer configured", d->root);
            stand_in_dismiss(d);
            core_app_remove(&d->app, engine_now(engine));
        }
        if (d->app == NULL && d->n_processes == 0) {
            link_forget(engine, d->number);
            definition_free(engine, d);
        }
    }
}

void definition_on_commit(struct engine *engine, struct wire_message *m)
{
    engine->generation = wire_get_u32(m, FIELD_GENERATION, 1);
    engine->coming = 0;
    stand_in_appoint_all(engine);
    definition_sweep(engine);
    if (wire_get_u32(m, FIELD_STATUS, 0) != 0) {
        admin_restart_all(engine);
    }
}

static char *adoption_key(const struct wire_message *get)
{
    const char *root = wire_get_text(get, FIELD_ROOT, NULL);
    const char *lowest = wire_get_text(get, FIELD_LOWEST_USER, NULL);
    char *key;

    if (asprintf(&key, "%u %u %s %s", wire_get_u32(get, FIELD_APP, 0),
                 wire_get_u32(get, FIELD_LOWER, 1),
                 lowest != NULL ? lowest : "", root) < 0) {
        abort();
    }
    return key;
}

static void adoption_free(struct engine *engine, struct adoption *adoption)
{
    apr_hash_set(engine->adoptions, adoption->key, APR_HASH_KEY_STRING, NULL);
    free(adoption->key);
    free(adoption);
}

/* No process, and nobody who waits for one. */
static bool is_unused(const struct definition *d)
{
    struct core_app_view view = { .waiting = 0 };

    if (d->app != NULL) {
        core_app_view(d->app, &view);
    }
    return d->n_processes == 0 && view.waiting == 0 &&
           STAILQ_EMPTY(&d->restart_waits);
}

static void forget_unused(struct engine *engine)
{
    unsigned left = FORGOTTEN_AT_ONCE;

    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->definitions);
         i != NULL && left > 0; i = apr_hash_next(i)) {
        struct definition *d = apr_hash_this_val(i);

        if (d->number >= FIRST_ADOPTED && is_unused(d)) {
            core_app_remove(&d->app, engine_now(engine));
            link_forget(engine, d->number);
            definition_free(engine, d);
            left--;
        }
    }
}

/* A client may invent roots, and ways to name one, without end: those that are
 * in use stay, and what is known of others is asked for again. */
static void make_room(struct engine *engine)
{
    if (apr_hash_count(engine->adoptions) < MAX_ADOPTED &&
        engine->n_adopted < MAX_ADOPTED) {
        return;
    }
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->adoptions);
         i != NULL; i = apr_hash_next(i)) {
        struct adoption *adoption = apr_hash_this_val(i);

        if (adoption->definition != NULL) {
            adoption_free(engine, adoption);
        }
    }
    if (engine->n_adopted >= MAX_ADOPTED) {
        forget_unused(engine);
    }
}

struct adoption *definition_adopt(struct engine *engine,
                                  const struct wire_message *get)
{
    struct adoption *adoption;
    char *key;

    if (*wire_get_text(get, FIELD_ROOT, NULL) == '\0') {
        return NULL;
    }
    key = adoption_key(get);
    adoption = apr_hash_get(engine->adoptions, key, APR_HASH_KEY_STRING);
    if (adoption != NULL) {
        free(key);
        return adoption;
    }
    make_room(engine);
    adoption = calloc(1, sizeof *adoption);
    if (adoption == NULL) {
        abort();
    }
    adoption->key = key;
    adoption->request_id = ++engine->adoption_id;
    TAILQ_INIT(&adoption->waiting);
    apr_hash_set(engine->adoptions, key, APR_HASH_KEY_STRING, adoption);
    link_adopt(engine, adoption->request_id, get);
    return adoption;
}

static struct adoption *adoption_by_id(struct engine *engine, uint32_t id)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->adoptions);
         i != NULL; i = apr_hash_next(i)) {
        struct adoption *adoption = apr_hash_this_val(i);

        if (adoption->request_id == id) {
            return adoption;
        }
    }
    return NULL;
}

void definition_on_adopted(struct engine *engine, struct wire_message *m)
{
    struct adoption *adoption = adoption_by_id(engine, wire_request_id(m));

    if (adoption == NULL) {
        return;
    }
    adoption->definition = definition_find(engine,
                                           wire_get_u32(m, FIELD_NUMBER, 0));
    request_adopted(engine, adoption);
    if (adoption->definition == NULL) {
        adoption_free(engine, adoption); /* refused: it may be asked again */
    }
}

void definition_free_all(struct engine *engine)
{
    apr_hash_index_t *i;

    for (i = apr_hash_first(NULL, engine->adoptions); i != NULL;
         i = apr_hash_next(i)) {
        adoption_free(engine, apr_hash_this_val(i));
    }
    for (i = apr_hash_first(NULL, engine->definitions); i != NULL;
         i = apr_hash_next(i)) {
        definition_free(engine, apr_hash_this_val(i));
    }
}
