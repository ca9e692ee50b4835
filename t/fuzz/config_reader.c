/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_reader.c - see config_reader.h.
 */
#include "config_reader.h"

#include <apr_strings.h>
#include <assert.h>
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_main.h>
#include <string.h>
#include <strings.h>

#include "app_type.h"
#include "config.h"
#include "config_limits.h"
#include "definition_key.h"
#include "definitions.h"
#include "directive.h"
#include "isolation.h"
#include "said.h"
#include "site.h"

/* The module as far as a configuration needs it. */
module AP_MODULE_DECLARE_DATA apppool_module = {
    STANDARD20_MODULE_STUFF, config_create_place, config_merge_place,
    config_create_server, config_merge_server, apppool_commands, NULL
#if defined(AP_MODULE_FLAG_NONE)
    , AP_MODULE_FLAG_NONE
#endif
};

static process_rec process;

struct reading {
    apr_pool_t *p;
    server_rec main, vhost;
    struct place_config *place, *section; /* section: after ">"; or NULL */
    cmd_parms parms;
};

void config_reader_begin(void)
{
    const char *error;

    apr_initialize();
    apr_pool_create(&process.pool, NULL);
    apr_pool_create(&process.pconf, process.pool);
    error = ap_setup_prelinked_modules(&process);
    assert(error == NULL);
    error = ap_add_module(&apppool_module, process.pconf, NULL);
    assert(error == NULL);
    (void)error;
    ap_server_root = "/usr";
}

/* Begin ------------------------------------------------------------------- */

static ap_conf_vector_t *vector_with(apr_pool_t *p, void *config)
{
    ap_conf_vector_t *vector = ap_create_per_dir_config(p);

    ap_set_module_config(vector, &apppool_module, config);
    return vector;
}

static void begin_server(struct reading *reading, server_rec *s)
{
    s->process = &process;
    s->module_config = vector_with(reading->p,
                                   config_create_server(reading->p, s));
    s->lookup_defaults = vector_with(reading->p, reading->place);
}

static void begin(struct reading *reading)
{
    apr_pool_create(&reading->p, NULL);
    process.pconf = reading->p; /* what is said is noted for this one only */
    reading->place = config_create_place(reading->p, NULL);
    begin_server(reading, &reading->main);
    reading->vhost.is_virtual = 1;
    begin_server(reading, &reading->vhost);
    reading->vhost.module_config = vector_with(
        reading->p, config_merge_server(
            reading->p, (void *)(uintptr_t)config_server(&reading->main),
            (void *)(uintptr_t)config_server(&reading->vhost)));
    reading->parms = (cmd_parms){
        .pool = reading->p, .temp_pool = reading->p, .limited = -1,
        .server = &reading->main, .override_opts = OPT_ALL,
        .override = RSRC_CONF | ACCESS_CONF | OR_ALL};
}

/* Lines ------------------------------------------------------------------- */

struct text {
    const char *at, *end;
};

static apr_status_t get_char(char *c, void *param)
{
    struct text *text = param;

    if (text->at == text->end) {
        return APR_EOF;
    }
    *c = *text->at++;
    return APR_SUCCESS;
}

/* As fgets(). */
static apr_status_t get_line(void *to, apr_size_t size, void *param)
{
    char *at = to;
    struct text *text = param;

    if (text->at == text->end) {
        return APR_EOF;
    }
    while (size > 1 && get_char(at, text) == APR_SUCCESS) {
        size--;
        if (*at++ == '\n') {
            break;
        }
    }
    *at = '\0';
    return APR_SUCCESS;
}

/* NULL, or why it is refused. */
static const char *read_line(struct reading *reading, struct text *line)
{
    cmd_parms *parms = &reading->parms;
    struct place_config *place = reading->section ? reading->section
                                                  : reading->place;
    ap_directive_t *tree = NULL;
    const char *error;

    parms->config_file = ap_pcfg_open_custom(reading->p, "input", line,
                                             get_char, get_line, NULL);
    error = ap_build_config(parms, reading->p, reading->p, &tree);
    if (error == NULL && tree != NULL) {
        parms->directive = tree;
        error = ap_walk_config(tree, parms, vector_with(reading->p, place));
    }
    return error;
}

static void check_refusal(const char *error)
{
    assert(error == NULL || (error[0] != '\0' && strlen(error) > 10));
}

/* The whole of a line that ends in a backslash is one with the next. */
static size_t length_of_line(const char *at, const char *end)
{
    const char *c = at;

    while (c < end && (*c != '\n' || (c > at && c[-1] == '\\'))) {
        c++;
    }
    return (size_t)(c - at) + (c < end);
}

static void take_line(struct reading *reading, const char *at, size_t len)
{
    struct text line = {at, at + len};

    switch (at[0]) {
    case '>':
        reading->section = config_create_place(reading->p, NULL);
        reading->parms.path = apr_pstrdup(reading->p, "/srv/shop");
        break;
    case '!':
        reading->parms.server = &reading->vhost;
        break;
    case '.':
        reading->parms.override = OR_OPTIONS;
        break;
    default:
        if (len > 4 && strncasecmp(at, "Pool", 4) == 0) {
            check_refusal(read_line(reading, &line));
        }
        break;
    }
}

/* What has come of it ----------------------------------------------------- */

static void check_number(const struct number_rule *rule, const void *config)
{
    int value = *(const int *)(const void *)((const char *)config +
                                             rule->offset);

    assert(value == UNSET ||
           (value >= rule->least && value <= rule->greatest));
}

static void check_numbers(const struct reading *reading,
                          const struct place_config *place)
{
    const command_rec *command;

    for (command = apppool_commands; command->name != NULL; command++) {
        if (command->AP_TAKE1 == set_number) {
            check_number(command->cmd_data, place);
        } else if (command->AP_TAKE1 == set_once_number) {
            check_number(command->cmd_data, config_once(&reading->main));
        }
    }
}

/* What is accepted here apppool-spawn accepts as well. */
static void check_isolation(const char *words)
{
    struct isolation isolation;
    char why[200];
    bool ok = words == NULL ||
              isolation_parse(words, &isolation, why, sizeof(why));

    assert(ok);
    (void)ok;
}

static void check_setenv(apr_pool_t *p, const struct place_config *place)
{
    apr_array_header_t *all = definitions_setenv(p, place);

    for (int i = 0; i < all->nelts; i++) {
        const char *variable = APR_ARRAY_IDX(all, i, const char *);

        assert(variable[0] != '=' && strchr(variable, '=') != NULL);
        assert(strncmp(variable, "USER=", 5) != 0);
    }
}

static void check_site(const struct reading *reading,
                       const struct place_config *place)
{
    const server_rec *s = reading->parms.server;
    struct site site;
    const char *key;

    if (!site_find(reading->p, place, s, "/srv/www/public/",
                   site_base_uri(s, "/shop/x"), &site)) {
        return;
    }
    assert(site.root[0] != '\0' && site.base_uri != NULL);
    assert(app_type(site.type)->name != NULL);
    if (site.command != NULL) {
        apr_array_header_t *words = site_command_words(reading->p,
                                                       site.command);

        assert(words->nelts > 0);
        assert(APR_ARRAY_IDX(words, 0, const char *)[0] != '\0');
    }
    key = definition_key(reading->p, place, &site, site.root);
    assert(strncmp(key, site.root, strlen(site.root)) == 0);
    (void)key;
}

static void check_place(struct reading *reading,
                        const struct place_config *place)
{
    check_numbers(reading, place);
    check_isolation(place->isolation);
    check_setenv(reading->p, place);
    check_site(reading, place);
    assert(said_find(place->said, "PoolNothing") == NULL);
}

void config_reader_try(const uint8_t *data, size_t size)
{
    struct reading reading = {.p = NULL};
    const char *at = (const char *)data, *end = at + size;

    begin(&reading);
    while (at < end) {
        size_t len = length_of_line(at, end);

        take_line(&reading, at, len);
        at += len;
    }
    check_place(&reading, reading.place);
    if (reading.section != NULL) {
        check_place(&reading, reading.section);
        check_place(&reading,
                    config_merge_place(reading.p, reading.place,
                                       reading.section));
    }
    apr_pool_destroy(reading.p);
}
