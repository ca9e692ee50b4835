/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - creates and merges the configuration, and knows its defaults.
 *
 * The directives themselves are in directives.c.
 */
#include "config.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <unistd.h>

#include "said.h"

#define DEFAULT_ENVIRONMENT "production"
#define DEFAULT_LOWEST_USER "nobody"

static struct pool_settings *settings_new(apr_pool_t *p)
{
    struct pool_settings *once = apr_pcalloc(p, sizeof(*once));

    once->max = UNSET;
    once->max_idle_s = UNSET;
    once->max_spawning = UNSET;
    once->max_waiting = UNSET;
    once->user_switching = UNSET;
    apr_generate_random_bytes(once->token_key, sizeof(once->token_key));
    return once;
}

void *config_create_server(apr_pool_t *p, server_rec *s)
{
    struct server_config *config = apr_pcalloc(p, sizeof(*config));

    config->base_uris = apr_array_make(p, 2, sizeof(struct base_uri));
    if (!s->is_virtual) {
        config->once = settings_new(p);
    }
    return config;
}

/* A vhost keeps its own base URIs: what names an application does not pass. */
void *config_merge_server(apr_pool_t *p, void *basev, void *addv)
{
    const struct server_config *base = basev;
    const struct server_config *add = addv;
    struct server_config *merged = apr_pmemdup(p, add, sizeof(*add));

    merged->once = base->once;
    return merged;
}

void *config_create_place(apr_pool_t *p, char *path)
{
    struct place_config *place = apr_pcalloc(p, sizeof(*place));

    (void)path;
#define PLACE_NUMBER_UNSET(name) place->name = UNSET;
    PLACE_NUMBERS(PLACE_NUMBER_UNSET)
#undef PLACE_NUMBER_UNSET
    return place;
}

/* Names are case-sensitive, so this is no apr_table_t. */
static apr_hash_t *merge_setenv(apr_pool_t *p, apr_hash_t *base,
                                apr_hash_t *add)
{
    if (base == NULL || add == NULL) {
        return add ? add : base;
    }
    return apr_hash_overlay(p, add, base);
}

void *config_merge_place(apr_pool_t *p, void *basev, void *addv)
{
    const struct place_config *base = basev;
    const struct place_config *add = addv;
    struct place_config *merged = apr_pmemdup(p, base, sizeof(*base));

#define PLACE_NUMBER_MERGE(name)                                             \
    if (add->name != UNSET) {                                                \
        merged->name = add->name;                                            \
    }
    PLACE_NUMBERS(PLACE_NUMBER_MERGE)
#undef PLACE_NUMBER_MERGE
#define PLACE_TEXT_MERGE(name)                                               \
    if (add->name != NULL) {                                                 \
        merged->name = add->name;                                            \
    }
    PLACE_TEXTS(PLACE_TEXT_MERGE)
#undef PLACE_TEXT_MERGE
#define PLACE_NAMING_MERGE(name)                                             \
    if (add->name.value != NULL) {                                           \
        merged->name = add->name;                                            \
    }
    PLACE_NAMINGS(PLACE_NAMING_MERGE)
#undef PLACE_NAMING_MERGE
    merged->setenv = merge_setenv(p, base->setenv, add->setenv);
    merged->said = said_merge(p, base->said, add->said);
    return merged;
}

const struct server_config *config_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &apppool_module);
}

struct pool_settings *config_once(const server_rec *s)
{
    return config_server(s)->once;
}

const struct place_config *config_place(const ap_conf_vector_t *vector)
{
    return ap_get_module_config(vector, &apppool_module);
}

bool config_defines(const struct place_config *place)
{
    return place->environment || place->ruby || place->python ||
           place->node || place->perl || place->php ||
           place->user || place->group || place->setenv || place->isolation ||
           place->app_root.value || place->app_type.value ||
           place->startup_file.value || place->app_command.value ||
           place->app_protocol.value || place->base_uri.value ||
           place->threads != UNSET || place->spawn_method != UNSET;
}

bool config_limits(const struct place_config *place)
{
    return config_defines(place) || place->restart_dir || place->log_file ||
           place->pre_start != UNSET || place->rolling_restart != UNSET ||
           place->min_instances != UNSET || place->max_per_app != UNSET ||
           place->max_requests != UNSET || place->max_request_s != UNSET ||
           place->max_queue != UNSET || place->queue_timeout_s != UNSET ||
           place->start_timeout_s != UNSET || place->concurrency != UNSET ||
           place->memory_mib != UNSET ||
           place->friendly_errors != UNSET || place->enabled != UNSET;
}

const char *config_naming(const struct naming *naming, const server_rec *s)
{
    if (naming->server != NULL && naming->server != s) {
        return NULL;
    }
    return naming->value;
}

#define ACTIONS_KEY "apppool-status-actions"

void config_note_actions(server_rec *s)
{
    apr_pool_userdata_setn("on", ACTIONS_KEY, NULL, s->process->pconf);
}

bool config_has_actions(const server_rec *s)
{
    void *noted = NULL;

    apr_pool_userdata_get(&noted, ACTIONS_KEY, s->process->pconf);
    return noted != NULL;
}

bool config_enabled(const struct place_config *place)
{
    return place->enabled != 0;
}

const char *config_environment(const struct place_config *place)
{
    return place->environment ? place->environment : DEFAULT_ENVIRONMENT;
}

bool config_friendly_errors(const struct place_config *place)
{
    if (place->friendly_errors == UNSET) {
        return strcmp(config_environment(place), "development") == 0;
    }
    return place->friendly_errors != 0;
}

const char *config_lowest_user(const struct pool_settings *once)
{
    return once->lowest_user ? once->lowest_user : DEFAULT_LOWEST_USER;
}

/* Twice the CPUs, at least 6. */
int config_max(const struct pool_settings *once)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    return config_number(once->max, cpus > 3 ? (int)cpus * 2 : 6);
}

int config_number(int value, int otherwise)
{
    return value == UNSET ? otherwise : value;
}
