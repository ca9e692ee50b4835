/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - what the directives said, merged as httpd merges sections.
 *
 * Two kinds: settings of the whole server, said once (struct pool_settings, in
 * the main server's struct server_config), and settings of a place (struct
 * place_config, httpd's per-directory configuration). In a place UNSET and
 * NULL mean "not said here"; the config_* functions below know the defaults.
 */
#ifndef MOD_APPPOOL_CONFIG_H
#define MOD_APPPOOL_CONFIG_H

#include <apr_hash.h>
#include <apr_tables.h>
#include <httpd.h>
#include <http_config.h>
#include <stdbool.h>

extern module AP_MODULE_DECLARE_DATA apppool_module;
extern const command_rec apppool_commands[];

#define UNSET (-1)

/* Said once, for the whole server. Numbers UNSET, strings NULL: not said. */
struct pool_settings {
    const char *server_executable; /* NULL: as installed */
    const char *spawn_server;      /* NULL: as installed */
    const char *server_user;       /* NULL: the default user */
    const char *lowest_user;
    const char *buffer_dir;
    const char *control_socket;    /* NULL: none */
    apr_array_header_t *allow_roots; /* of const char *; NULL: none */
    int max;
    int max_idle_s;
    int max_spawning;
    int max_waiting;
    int user_switching;
    apr_array_header_t *said; /* of struct said; NULL: nothing */
    unsigned char token_key[16]; /* of the status page's forms */

    /* What was made of it when httpd starts; NULL before. */
    apr_hash_t *logs;              /* PoolLogFile to its apr_file_t */
    struct definitions *definitions;
    struct child *child;           /* in httpd's children only */
};

/* PoolBaseURI at the top of a vhost. */
struct base_uri {
    const char *uri;  /* no slash at the end, never "" */
    const char *root; /* NULL: DocumentRoot/uri is a link to root/public */
};

struct server_config {
    struct pool_settings *once;      /* of the main server; shared by all */
    apr_array_header_t *base_uris;   /* of struct base_uri; this vhost's own */
};

/*
 * A setting that names an application. Said at the top of a server it counts
 * there only, though httpd's merging hands it on to every vhost.
 */
struct naming {
    const char *value;        /* NULL: not said */
    const server_rec *server; /* at whose top; NULL: in a section */
    const char *location;     /* path of the plain Location it stands in */
    const char *directory;    /* path of the plain Directory it stands in */
};

/*
 * The fields of a place, by kind. "Defining" ones are part of what an
 * application's processes are made of.
 */
#define PLACE_NUMBERS(X)                                                     \
    X(enabled) X(friendly_errors) X(buffer_upload) X(buffer_response)        \
    X(forwarded_headers) X(error_override) X(server_timing)                  \
    X(buffer_memory_kib) X(buffer_file_mib) X(header_limit_kib)              \
    X(response_timeout_s) X(pre_start) X(rolling_restart) X(min_instances)   \
    X(max_per_app) X(max_requests) X(max_request_s) X(max_queue)             \
    X(queue_timeout_s) X(start_timeout_s) X(concurrency) X(memory_mib)       \
    X(threads) X(spawn_method) X(sticky_sessions)          \
    X(status_actions)
#define PLACE_TEXTS(X)                                                       \
    X(environment) X(ruby) X(python) X(node) X(perl) X(php) X(user)          \
    X(group) X(restart_dir) X(log_file) X(sticky_cookie) X(sticky_route)   \
    X(isolation)
#define PLACE_NAMINGS(X)                                                     \
    X(app_root) X(app_type) X(startup_file) X(app_command) X(app_protocol)   \
    X(base_uri)

struct place_config {
#define PLACE_NUMBER_FIELD(name) int name;
    PLACE_NUMBERS(PLACE_NUMBER_FIELD)
#undef PLACE_NUMBER_FIELD
#define PLACE_TEXT_FIELD(name) const char *name;
    PLACE_TEXTS(PLACE_TEXT_FIELD)
#undef PLACE_TEXT_FIELD
#define PLACE_NAMING_FIELD(name) struct naming name;
    PLACE_NAMINGS(PLACE_NAMING_FIELD)
#undef PLACE_NAMING_FIELD
    apr_hash_t *setenv; /* PoolSetEnv: name to value; NULL: none */
    apr_array_header_t *said; /* of struct said: all of this; NULL: nothing */
};

void *config_create_server(apr_pool_t *p, server_rec *s);
void *config_merge_server(apr_pool_t *p, void *base, void *add);
void *config_create_place(apr_pool_t *p, char *path);
void *config_merge_place(apr_pool_t *p, void *base, void *add);

struct pool_settings *config_once(const server_rec *s);
const struct server_config *config_server(const server_rec *s);

/* The place of a request; of a section or a server's top: give its vector. */
const struct place_config *config_place(const ap_conf_vector_t *vector);

/* Does the place say anything that defines an application's processes? */
bool config_defines(const struct place_config *place);
/* Does it say anything at all that the pool has to be told? */
bool config_limits(const struct place_config *place);

/* The value of a naming setting as it counts in server s, or NULL. */
const char *config_naming(const struct naming *naming, const server_rec *s);

/* PoolStatusActions is on in some place. Vhosts are read before they know the
 * main server's settings, so it is noted beside the configuration. */
void config_note_actions(server_rec *s);
bool config_has_actions(const server_rec *s);

/* Settings with their defaults. */
bool config_enabled(const struct place_config *place);
bool config_friendly_errors(const struct place_config *place);
const char *config_environment(const struct place_config *place);
const char *config_lowest_user(const struct pool_settings *once);
int config_number(int value, int otherwise);
int config_max(const struct pool_settings *once);

/* config_check.c: what only the whole configuration shows (configtest, too). */
int config_check(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                 server_rec *s);

#endif
