/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_type.c - see app_type.h.
 */
#include "app_type.h"

#include <string.h>

#define N_TYPES (TYPE_COMMAND + 1)

static const struct app_type types[N_TYPES] = {
    [TYPE_AUTO] = { .name = "auto", .concurrency = 1, .has_threads = true,
                    .can_be_smart = true, .reports = true,
                    .takes_base_uri = true },
    [TYPE_RACK] = { .name = "rack", .protocol = PROTOCOL_SCGI,
                    .directive = "PoolRuby", .interpreter = "ruby",
                    .has_threads = true, .can_be_smart = true, .reports = true,
                    .takes_base_uri = true },
    [TYPE_WSGI] = { .name = "wsgi", .protocol = PROTOCOL_SCGI,
                    .directive = "PoolPython", .interpreter = "python3",
                    .has_threads = true, .can_be_smart = true,
                    .reports = true },
    [TYPE_ASGI] = { .name = "asgi", .protocol = PROTOCOL_HTTP,
                    .directive = "PoolPython", .interpreter = "python3",
                    .reports = true, .takes_base_uri = true },
    [TYPE_NODE] = { .name = "node", .protocol = PROTOCOL_HTTP,
                    .directive = "PoolNode", .interpreter = "node",
                    .reports = true },
    [TYPE_PSGI] = { .name = "psgi", .protocol = PROTOCOL_SCGI,
                    .directive = "PoolPerl", .interpreter = "perl",
                    .concurrency = 1, .can_be_smart = true, .reports = true },
    [TYPE_PHP] = { .name = "php", .protocol = PROTOCOL_FASTCGI,
                   .directive = "PoolPhp", .interpreter = "php-cgi",
                   .concurrency = 1, .can_be_smart = true,
                   .is_usually_direct = true },
    [TYPE_COMMAND] = { .name = "command", .protocol = PROTOCOL_HTTP },
};

const struct app_startup_file app_startup_files[APP_N_STARTUP_FILES] = {
    { "config.ru",         TYPE_RACK },
    { "passenger_wsgi.py", TYPE_WSGI },
    { "wsgi.py",           TYPE_WSGI },
    { "asgi.py",           TYPE_ASGI },
    { "app.js",            TYPE_NODE },
    { "app.psgi",          TYPE_PSGI },
};

bool app_startup_file_suits(size_t i, enum apppool_type type)
{
    return type == TYPE_AUTO || type == app_startup_files[i].type;
}

static const struct app_startup_file extensions[] = {
    { ".ru",   TYPE_RACK },
    { ".py",   TYPE_WSGI },
    { ".js",   TYPE_NODE },
    { ".cjs",  TYPE_NODE },
    { ".mjs",  TYPE_NODE },
    { ".psgi", TYPE_PSGI },
    { ".php",  TYPE_PHP },
};

const struct app_type *app_type(enum apppool_type type)
{
    return &types[(unsigned)type < N_TYPES ? type : TYPE_AUTO];
}

int app_type_of_name(const char *name)
{
    for (int i = TYPE_AUTO + 1; i < N_TYPES; i++) {
        if (strcmp(name, types[i].name) == 0) {
            return i;
        }
    }
    return -1;
}

unsigned app_type_concurrency(enum apppool_type type,
                              enum apppool_protocol protocol, unsigned threads)
{
    const struct app_type *t = app_type(type);

    if (protocol == PROTOCOL_FASTCGI) {
        return 1;
    }
    return t->has_threads ? threads : t->concurrency;
}

enum apppool_type app_type_of_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; i < APP_N_STARTUP_FILES; i++) {
        if (strcmp(name, app_startup_files[i].name) == 0) {
            return app_startup_files[i].type;
        }
    }
    for (size_t i = 0; i < sizeof(extensions) / sizeof(*extensions); i++) {
        if (dot != NULL && strcmp(dot, extensions[i].name) == 0) {
            return extensions[i].type;
        }
    }
    return TYPE_AUTO;
}
