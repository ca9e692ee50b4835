/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment.c - the variables an application finds (DIRECTIVES, "What it
 * finds at start"): these and no others.
 */
#include "spawn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_VALUE \
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const environment_names[] = { "RAILS_ENV", "RACK_ENV",
                                                 "WSGI_ENV", "NODE_ENV",
                                                 "PLACK_ENV", "APP_ENV" };

#define N_ENVIRONMENT_NAMES \
    (sizeof(environment_names) / sizeof(*environment_names))

struct variables {
    char **list; /* NULL at the end */
    size_t n;
};

static bool has_name(const char *variable, const char *name, size_t name_len)
{
    return strncmp(variable, name, name_len) == 0 && variable[name_len] == '=';
}

/* Add NAME=VALUE (taken over), in the place of one of that name. */
static void set(struct variables *v, char *variable)
{
    size_t name_len = strcspn(variable, "=");

    for (size_t i = 0; i < v->n; i++) {
        if (has_name(v->list[i], variable, name_len)) {
            free(v->list[i]);
            v->list[i] = variable;
            return;
        }
    }
    v->list = realloc(v->list, (v->n + 2) * sizeof(*v->list));
    if (v->list == NULL) {
        abort();
    }
    v->list[v->n++] = variable;
    v->list[v->n] = NULL;
}

static void set_value(struct variables *v, const char *name, const char *value)
{
    char *variable;

    if (asprintf(&variable, "%s=%s", name, value) < 0) {
        abort();
    }
    set(v, variable);
}

static bool is_fixed(const char *variable)
{
    return has_name(variable, "USER", 4) || has_name(variable, "LOGNAME", 7);
}

static void set_list(struct variables *v, const struct wire_message *m,
                     enum wire_field field)
{
    const char *at = NULL;

    while ((at = wire_list_next(m, field, at)) != NULL) {
        if (strchr(at, '=') != NULL && !is_fixed(at)) {
            char *variable = strdup(at);

            if (variable == NULL) {
                abort();
            }
            set(v, variable);
        }
    }
}

static void set_own(struct variables *v, const char *name)
{
    const char *value = getenv(name);

    if (value != NULL) {
        set_value(v, name, value);
    }
}

static void set_environment_names(struct variables *v,
                                  const struct spawn *spawn)
{
    const char *value = wire_get_text(&spawn->define, FIELD_ENVIRONMENT, NULL);

    if (value == NULL) {
        value = wire_get_text(&spawn->rules, FIELD_ENVIRONMENT, NULL);
    }
    for (size_t i = 0; i < N_ENVIRONMENT_NAMES; i++) {
        if (spawn->options.keep_environment) {
            set_own(v, environment_names[i]);
        } else {
            set_value(v, environment_names[i],
                      value != NULL ? value : "production");
        }
    }
}

static void set_number(struct variables *v, const char *name, long number)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", number);
    set_value(v, name, text);
}

static const char *get(const struct variables *v, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < v->n; i++) {
        if (strncmp(v->list[i], name, len) == 0 && v->list[i][len] == '=') {
            return v->list[i] + len + 1;
        }
    }
    return NULL;
}

/* For the preloader's library (server/loaders/php_fork.c), which takes both
 * away again. */
static void set_php_fork(struct variables *v, const struct spawn *spawn)
{
    const char *own = get(v, "LD_PRELOAD");
    char *list, *said;

    if (strpbrk(spawn->options.loaders, ": ") != NULL) {
        spawn_fail(spawn, "PoolSpawnMethod smart needs an installation whose "
                   "path has neither a colon nor a blank; this is %s.",
                   spawn->options.loaders);
    }
    if (asprintf(&list, "%s/php_fork.so%s%s", spawn->options.loaders,
                 own != NULL ? ":" : "", own != NULL ? own : "") < 0 ||
        asprintf(&said, "%d %u %d", SPAWN_FIRST_LISTENER,
                 spawn->options.listeners, spawn->report) < 0) {
        abort();
    }
    set_value(v, "LD_PRELOAD", list);
    set_value(v, "APPPOOL_PHP_FORK", said);
    free(list);
    free(said);
}

/* One request at a time and no end of its own, whatever PoolSetEnv says:
 * PoolMaxRequests counts, and no request meets a php-cgi that is leaving. */
static void set_php(struct variables *v, const struct spawn *spawn)
{
    set_number(v, "PHP_FCGI_CHILDREN", 0);
    set_number(v, "PHP_FCGI_MAX_REQUESTS", 0);
    if (spawn->options.preload) {
        set_php_fork(v, spawn);
    }
}

char **environment_make(const struct spawn *spawn)
{
    struct variables v = { .list = NULL };

    set_value(&v, "PATH", PATH_VALUE);
    set_value(&v, "HOME", spawn->home);
    set_value(&v, "USER", spawn->user);
    set_value(&v, "LOGNAME", spawn->user);
    set_value(&v, "SHELL", spawn->shell);
    set_value(&v, "LANG", "C.UTF-8");
    if (wire_get_u32(&spawn->rules, FIELD_GENERATION, 0) == 0) {
        set_own(&v, "TZ");
        set_own(&v, "TMPDIR");
    }
    set_list(&v, &spawn->rules, FIELD_INHERITED_ENV);
    set_environment_names(&v, spawn);
    set_list(&v, &spawn->define, FIELD_SETENV);
    if (spawn->type == TYPE_COMMAND && spawn->options.port != 0) {
        set_number(&v, "PORT", (long)spawn->options.port);
    } else if (spawn->type == TYPE_COMMAND) {
        set_number(&v, "LISTEN_FDS", 1);
        set_number(&v, "LISTEN_PID", (long)getpid());
    } else if (spawn->type == TYPE_PHP) {
        set_php(&v, spawn);
    }
    return v.list;
}
