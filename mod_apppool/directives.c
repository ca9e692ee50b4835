/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directives.c - the table of directives, and the check of each argument.
 *
 * What is said is stored as it is said; defaults are config.c's, what only the
 * whole configuration shows is config_check.c's. Every refusal says what would
 * be right.
 */
#include "config.h"

#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <http_core.h>

#include "apppool/protocol.h"
#include "app_type.h"
#include "isolation.h"
#include "said.h"
#include "site.h"
#include "sticky.h"

/* httpd allows it in more places than "anywhere" means (If, Files, Proxy). */
#define NOT_A_PLACE (NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_PROXY)
#define PLACE (RSRC_CONF | ACCESS_CONF)
#define SOCKET_PATH_MAX 107 /* of sun_path, unix(7) */
#define PLACE_OR_HTACCESS (RSRC_CONF | ACCESS_CONF | OR_OPTIONS)

static const char *refuse_place(cmd_parms *cmd)
{
    struct place_config *place = ap_get_module_config(cmd->context,
                                                      &apppool_module);

    said_note(cmd, &place->said);
    return ap_check_cmd_context(cmd, NOT_A_PLACE);
}

/* What is said once, for the whole server. */
static const char *refuse_vhost(cmd_parms *cmd)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error == NULL) {
        said_note(cmd, &config_once(cmd->server)->said);
    }
    return error;
}

/* Numbers */

struct number_rule {
    size_t offset;
    int least, greatest;
};

#define SECONDS_MAX 31536000 /* a year, so that microseconds never overflow */

static const char *parse_number(cmd_parms *cmd, const char *arg,
                                const struct number_rule *rule, int *value_r)
{
    char *end;
    apr_int64_t value = apr_strtoi64(arg, &end, 10);

    if (!apr_isdigit(arg[0]) || *end != '\0' || value < rule->least ||
        value > rule->greatest) {
        return apr_psprintf(cmd->pool,
                            "%s takes a whole number from %d to %d, not '%s'",
                            cmd->cmd->name, rule->least, rule->greatest, arg);
    }
    *value_r = (int)value;
    return NULL;
}

static const char *set_once_number(cmd_parms *cmd, void *unused,
                                   const char *arg)
{
    const struct number_rule *rule = cmd->info;
    const char *error = refuse_vhost(cmd);

    (void)unused;
    if (error != NULL) {
        return error;
    }
    return parse_number(cmd, arg, rule,
                        (int *)((char *)config_once(cmd->server) +
                                rule->offset));
}

static const char *set_number(cmd_parms *cmd, void *place, const char *arg)
{
    const struct number_rule *rule = cmd->info;
    const char *error = refuse_place(cmd);

    if (error != NULL) {
        return error;
    }
    return parse_number(cmd, arg, rule,
                        (int *)((char *)place + rule->offset));
}

static const char *set_flag(cmd_parms *cmd, void *place, int on)
{
    const struct number_rule *rule = cmd->info;

    *(int *)((char *)place + rule->offset) = on ? 1 : 0;
    return NULL;
}

static const char *set_htaccess_flag(cmd_parms *cmd, void *place, int on)
{
    said_note(cmd, &((struct place_config *)place)->said);
    return set_flag(cmd, place, on);
}

static const char *set_place_flag(cmd_parms *cmd, void *place, int on)
{
    const char *error = refuse_place(cmd);

    return error ? error : set_flag(cmd, place, on);
}

static const char *set_once_flag(cmd_parms *cmd, void *unused, int on)
{
    const char *error = refuse_vhost(cmd);

    (void)unused;
    return error ? error : set_flag(cmd, config_once(cmd->server), on);
}

/* Paths and names */

/* An executable that root may start: nobody else could have put it there. */
static const char *check_executable(cmd_parms *cmd, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return apr_psprintf(cmd->pool, "%s: %s: %s", cmd->cmd->name, path,
                            strerror(errno));
    }
    if (!S_ISREG(info.st_mode) || (info.st_mode & 0111) == 0) {
        return apr_psprintf(cmd->pool, "%s: %s is not an executable file",
                            cmd->cmd->name, path);
    }
    if (info.st_uid != 0 && info.st_uid != geteuid()) {
        return apr_psprintf(cmd->pool, "%s: %s must belong to root or to who "
                            "starts httpd", cmd->cmd->name, path);
    }
    if ((info.st_mode & 022) != 0) {
        return apr_psprintf(cmd->pool, "%s: %s can be written by others; chmod "
                            "go-w", cmd->cmd->name, path);
    }
    return NULL;
}

static const char *check_folder(cmd_parms *cmd, const char *path)
{
    struct stat info;

    if (stat(path, &info) != 0) {
        return apr_psprintf(cmd->pool, "%s: %s: %s", cmd->cmd->name, path,
                            strerror(errno));
    }
    return S_ISDIR(info.st_mode)
               ? NULL
               : apr_psprintf(cmd->pool, "%s: %s is not a folder",
                              cmd->cmd->name, path);
}

/* Root makes a socket there: nobody else may have a hand in the folder. */
static const char *check_socket(cmd_parms *cmd, const char *path)
{
    const char *folder = ap_make_dirstr_parent(cmd->pool, path);
    const char *error = check_folder(cmd, folder);
    struct stat info;

    if (error == NULL && strlen(path) > SOCKET_PATH_MAX) {
        error = apr_psprintf(cmd->pool, "%s takes a path of at most %d bytes",
                             cmd->cmd->name, SOCKET_PATH_MAX);
    }
    if (error != NULL || stat(folder, &info) != 0) {
        return error;
    }
    return (info.st_uid == 0 || info.st_uid == geteuid()) &&
                   (info.st_mode & 022) == 0
               ? NULL
               : apr_psprintf(cmd->pool, "%s: the folder %s must belong to root "
                              "or to who starts httpd, and nobody else may "
                              "write it", cmd->cmd->name, folder);
}

static const char *check_user(cmd_parms *cmd, const char *name)
{
    return getpwnam(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s: there is no user named '%s'",
                              cmd->cmd->name, name);
}

static const char *check_group(cmd_parms *cmd, const char *name)
{
    return getgrnam(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s: there is no group named '%s'",
                              cmd->cmd->name, name);
}

/* Somebody an application may run as. */
static const char *check_app_user(cmd_parms *cmd, const char *name)
{
    const struct passwd *user = getpwnam(name);

    if (user == NULL) {
        return check_user(cmd, name);
    }
    return user->pw_uid != 0
               ? NULL
               : apr_psprintf(cmd->pool, "%s: no application runs as root; "
                              "'%s' is that user", cmd->cmd->name, name);
}

static const char *check_absolute(cmd_parms *cmd, const char *path)
{
    return path[0] == '/'
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes an absolute path, not '%s'",
                              cmd->cmd->name, path);
}

/* An interpreter is a path, or a name that PATH finds. */
static const char *check_interpreter(cmd_parms *cmd, const char *path)
{
    struct stat st;

    if (strchr(path, '/') == NULL) {
        return path[0] ? NULL : "an interpreter needs a name";
    }
    if (check_absolute(cmd, path) != NULL) {
        return check_absolute(cmd, path);
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return apr_psprintf(cmd->pool, "%s: %s is a folder; name the program, "
                            "of a virtual environment its bin/python3",
                            cmd->cmd->name, path);
    }
    return access(path, X_OK) == 0
               ? NULL
               : apr_psprintf(cmd->pool, "%s: %s: %s", cmd->cmd->name, path,
                              strerror(errno));
}

static const char *check_environment(cmd_parms *cmd, const char *name)
{
    const char *c;

    for (c = name; apr_isalnum(*c) || *c == '_' || *c == '-' || *c == '.';) {
        c++;
    }
    return *c == '\0' && c != name && c - name <= 256
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes a name of letters, digits, "
                              "'-', '_' and '.', not '%s'", cmd->cmd->name,
                              name);
}

static const char *check_below_root(cmd_parms *cmd, const char *path)
{
    return path[0] != '\0' && strlen(path) < WIRE_MAX_ROOT
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes the path of a file, "
                              "absolute or below the application's root",
                              cmd->cmd->name);
}

static const char *check_cookie_name(cmd_parms *cmd, const char *name)
{
    return sticky_is_name(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes the name of a cookie "
                              "(letters, digits, '-', '_' and '.'), not '%s'",
                              cmd->cmd->name, name);
}

static const char *check_route(cmd_parms *cmd, const char *name)
{
    return sticky_is_name(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes a name of letters, digits, "
                              "'-', '_' and '.', not '%s'", cmd->cmd->name,
                              name);
}

typedef const char *check_fn(cmd_parms *cmd, const char *arg);

struct text_rule {
    size_t offset;
    check_fn *check;    /* NULL: anything */
    int from_root;      /* 1: relative paths are relative to ServerRoot */
};

static const char *store_text(cmd_parms *cmd, void *to, const char *arg)
{
    const struct text_rule *rule = cmd->info;
    const char *error;

    if (rule->from_root && arg[0] != '|') {
        arg = ap_server_root_relative(cmd->pool, arg);
        if (arg == NULL) {
            return apr_pstrcat(cmd->pool, cmd->cmd->name,
                               " takes a path; this is none", NULL);
        }
    }
    error = rule->check ? rule->check(cmd, arg) : NULL;
    if (error == NULL) {
        *(const char **)((char *)to + rule->offset) = arg;
    }
    return error;
}

static const char *set_once_text(cmd_parms *cmd, void *unused,
                                 const char *arg)
{
    const char *error = refuse_vhost(cmd);

    (void)unused;
    return error ? error : store_text(cmd, config_once(cmd->server), arg);
}

static const char *set_text(cmd_parms *cmd, void *place, const char *arg)
{
    const char *error = refuse_place(cmd);

    return error ? error : store_text(cmd, place, arg);
}

static const char *add_allow_root(cmd_parms *cmd, void *unused,
                                  const char *arg)
{
    struct pool_settings *once = config_once(cmd->server);
    const char *error = refuse_vhost(cmd);

    (void)unused;
    if (error == NULL) {
        error = check_absolute(cmd, arg);
    }
    if (error != NULL) {
        return error;
    }
    if (once->allow_roots == NULL) {
        once->allow_roots = apr_array_make(cmd->pool, 4, sizeof(char *));
    }
    APR_ARRAY_PUSH(once->allow_roots, const char *) = arg;
    return NULL;
}

static const char *add_setenv(cmd_parms *cmd, void *placev, const char *name,
                              const char *value)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error != NULL) {
        return error;
    }
    if (name[0] == '\0' || strchr(name, '=') || apr_isdigit(name[0])) {
        return apr_psprintf(cmd->pool, "PoolSetEnv takes a name and a value; "
                            "'%s' is no name of a variable", name);
    }
    if (!strcmp(name, "USER") || !strcmp(name, "LOGNAME")) {
        return apr_psprintf(cmd->pool, "PoolSetEnv cannot set %s: it names the "
                            "user the application runs as (PoolUser)", name);
    }
    if (place->setenv == NULL) {
        place->setenv = apr_hash_make(cmd->pool);
    }
    apr_hash_set(place->setenv, name, APR_HASH_KEY_STRING, value);
    return NULL;
}

/* What names an application */

/* The innermost section the directive stands in, if it is a plain one. */
static void note_section(cmd_parms *cmd, struct naming *naming)
{
    const ap_directive_t *section = cmd->directive->parent;

    naming->server = cmd->path == NULL ? cmd->server : NULL;
    if (cmd->path == NULL || section == NULL || section->args[0] == '~' ||
        ap_is_matchexp(cmd->path)) {
        return;
    }
    if (ap_cstr_casecmp(section->directive, "<Location") == 0) {
        naming->location = cmd->path;
    } else if (ap_cstr_casecmp(section->directive, "<Directory") == 0) {
        naming->directory = cmd->path;
    }
}

static const char *set_naming(cmd_parms *cmd, struct naming *naming,
                              const char *value)
{
    naming->value = value;
    note_section(cmd, naming);
    return NULL;
}

static const char *set_app_root(cmd_parms *cmd, void *placev, const char *arg)
{
    struct place_config *place = placev;
    const char *root = ap_server_root_relative(cmd->pool, arg);
    const char *error = refuse_place(cmd);
    size_t len;

    if (error == NULL && root != NULL) {
        error = check_folder(cmd, root);
    }
    if (error != NULL || root == NULL) {
        return error ? error : "PoolAppRoot takes the folder of an application";
    }
    len = strlen(root);
    if (len > 1 && root[len - 1] == '/') {
        root = apr_pstrmemdup(cmd->pool, root, len - 1);
    }
    return set_naming(cmd, &place->app_root, root);
}

static const char *set_app_type(cmd_parms *cmd, void *placev, const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && app_type_of_name(arg) < 0) {
        error = apr_psprintf(cmd->pool, "PoolAppType: '%s' is none of rack, "
                             "wsgi, asgi, node, psgi, php and command", arg);
    }
    return error ? error : set_naming(cmd, &place->app_type, arg);
}

static const char *set_app_protocol(cmd_parms *cmd, void *placev,
                                    const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && site_protocol_of_name(arg) == 0) {
        error = apr_psprintf(cmd->pool, "PoolAppProtocol: '%s' is none of "
                             "scgi, http and fastcgi", arg);
    }
    return error ? error : set_naming(cmd, &place->app_protocol, arg);
}

static const char *set_app_command(cmd_parms *cmd, void *placev,
                                   const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && site_command_words(cmd->temp_pool, arg)->nelts == 0) {
        error = "PoolAppCommand takes a program and its arguments, in quotes";
    }
    return error ? error : set_naming(cmd, &place->app_command, arg);
}

static const char *set_startup_file(cmd_parms *cmd, void *placev,
                                    const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL) {
        error = check_below_root(cmd, arg);
    }
    return error ? error : set_naming(cmd, &place->startup_file, arg);
}

/* "/URI" without a slash at its end; NULL: not one. */
static const char *clean_uri(cmd_parms *cmd, const char *uri)
{
    size_t len = strlen(uri);

    while (len > 1 && uri[len - 1] == '/') {
        len--;
    }
    if (uri[0] != '/' || len < 2 || len >= WIRE_MAX_ROOT ||
        strstr(uri, "//") != NULL || strpbrk(uri, "?#") != NULL) {
        return NULL;
    }
    return apr_pstrmemdup(cmd->pool, uri, len);
}

static const char *add_base_uri(cmd_parms *cmd, const char *uri,
                                const char *root)
{
    struct server_config *config = ap_get_module_config(
        cmd->server->module_config, &apppool_module);
    struct base_uri *added = apr_array_push(config->base_uris);

    added->uri = uri;
    added->root = root;
    return root ? check_folder(cmd, root) : NULL;
}

static const char *set_base_uri(cmd_parms *cmd, void *placev,
                                const char *arg, const char *path)
{
    struct place_config *place = placev;
    const char *uri = clean_uri(cmd, arg);
    const char *error = refuse_place(cmd);

    if (error != NULL) {
        return error;
    }
    if (uri == NULL) {
        return apr_psprintf(cmd->pool, "PoolBaseURI takes a path below / like "
                            "/shop, not '%s'", arg);
    }
    if (cmd->path == NULL) {
        path = path ? ap_server_root_relative(cmd->pool, path) : NULL;
        return add_base_uri(cmd, uri, path);
    }
    if (path != NULL) {
        return "PoolBaseURI with a folder stands in a vhost; in a section "
               "PoolAppRoot names the folder";
    }
    return set_naming(cmd, &place->base_uri, uri);
}

static const char *set_spawn_method(cmd_parms *cmd, void *placev,
                                    const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error != NULL) {
        return error;
    }
    if (!strcmp(arg, "smart")) {
        place->spawn_method = SPAWN_SMART;
    } else if (!strcmp(arg, "direct")) {
        place->spawn_method = SPAWN_DIRECT;
    } else {
        return apr_psprintf(cmd->pool, "PoolSpawnMethod: '%s' is neither smart "
                            "nor direct", arg);
    }
    return NULL;
}

/* Kept as words with a blank between two; "": off, whatever was said around. */
static const char *set_isolation(cmd_parms *cmd, void *placev, int argc,
                                 char *const argv[])
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);
    const char *words = "";
    struct isolation ignored;
    char why[200];
    int i;

    if (error != NULL) {
        return error;
    }
    if (argc == 0) {
        return "PoolIsolation takes off, or what keeps an application apart";
    }
    if (argc > 1 || ap_cstr_casecmp(argv[0], "off") != 0) {
        for (i = 0; i < argc; i++) {
            words = apr_pstrcat(cmd->pool, words, i > 0 ? " " : "", argv[i],
                                NULL);
        }
    }
    if (!isolation_parse(words, &ignored, why, sizeof(why))) {
        return apr_psprintf(cmd->pool, "PoolIsolation: %s", why);
    }
    place->isolation = words;
    return NULL;
}

static const char *set_forwarded(cmd_parms *cmd, void *placev,
                                 const char *arg)
{
    static const char *const words[] = {"off", "on", "rfc7239"};
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);
    int i;

    for (i = 0; i < 3 && error == NULL; i++) {
        if (ap_cstr_casecmp(arg, words[i]) == 0) {
            place->forwarded_headers = i; /* enum forwarded */
            return NULL;
        }
    }
    return error ? error
                 : apr_psprintf(cmd->pool, "PoolForwardedHeaders: '%s' is none "
                                "of on, off and rfc7239", arg);
}

/* The engine takes such orders of a child only where they can be given. */
static const char *set_status_actions(cmd_parms *cmd, void *placev, int on)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL) {
        place->status_actions = on;
        if (on) {
            config_note_actions(cmd->server);
        }
    }
    return error;
}

/* The table */

#define ONCE_OFFSET(f) APR_OFFSETOF(struct pool_settings, f)
#define PLACE_OFFSET(f) APR_OFFSETOF(struct place_config, f)

/* One rule a row, named after its field; the rows below point at them (httpd's
 * table has no room for a pointer to const). */
#define ONCE_NUMBER_RULE(f, least, greatest)                                 \
    static struct number_rule once_##f = {ONCE_OFFSET(f), least,       \
                                                greatest};
#define NUMBER_RULE(f, least, greatest)                                      \
    static struct number_rule place_##f = {PLACE_OFFSET(f), least,     \
                                                 greatest};
#define ONCE_TEXT_RULE(f, check, from_root)                                  \
    static struct text_rule once_##f = {ONCE_OFFSET(f), check,         \
                                              from_root};
#define TEXT_RULE(f, check, from_root)                                       \
    static struct text_rule place_##f = {PLACE_OFFSET(f), check,       \
                                               from_root};

ONCE_TEXT_RULE(server_executable, check_executable, 1)
ONCE_TEXT_RULE(spawn_server, check_executable, 1)
ONCE_TEXT_RULE(server_user, check_user, 0)
ONCE_TEXT_RULE(lowest_user, check_app_user, 0)
ONCE_TEXT_RULE(buffer_dir, check_folder, 1)
ONCE_TEXT_RULE(control_socket, check_socket, 1)
ONCE_NUMBER_RULE(max, 1, 65535)
ONCE_NUMBER_RULE(max_idle_s, 0, SECONDS_MAX)
ONCE_NUMBER_RULE(max_spawning, 1, 1024)
ONCE_NUMBER_RULE(max_waiting, 0, 1000000)
ONCE_NUMBER_RULE(user_switching, 0, 1)
TEXT_RULE(environment, check_environment, 0)
TEXT_RULE(ruby, check_interpreter, 0)
TEXT_RULE(python, check_interpreter, 0)
TEXT_RULE(node, check_interpreter, 0)
TEXT_RULE(perl, check_interpreter, 0)
TEXT_RULE(php, check_interpreter, 0)
TEXT_RULE(user, check_app_user, 0)
TEXT_RULE(group, check_group, 0)
TEXT_RULE(restart_dir, check_below_root, 0)
TEXT_RULE(log_file, NULL, 1)
TEXT_RULE(sticky_cookie, check_cookie_name, 0)
TEXT_RULE(sticky_route, check_route, 0)
NUMBER_RULE(enabled, 0, 1)
NUMBER_RULE(friendly_errors, 0, 1)
NUMBER_RULE(buffer_upload, 0, 1)
NUMBER_RULE(buffer_response, 0, 1)
NUMBER_RULE(error_override, 0, 1)
NUMBER_RULE(server_timing, 0, 1)
NUMBER_RULE(pre_start, 0, 1)
NUMBER_RULE(rolling_restart, 0, 1)
NUMBER_RULE(buffer_memory_kib, 1, 1048576)
NUMBER_RULE(buffer_file_mib, 0, 1073741824)
NUMBER_RULE(header_limit_kib, 1, 65536)
NUMBER_RULE(response_timeout_s, 0, SECONDS_MAX)
NUMBER_RULE(min_instances, 0, 65535)
NUMBER_RULE(max_per_app, 0, 65535)
NUMBER_RULE(max_requests, 0, 1000000000)
NUMBER_RULE(max_request_s, 0, SECONDS_MAX)
NUMBER_RULE(max_queue, 0, 1000000)
NUMBER_RULE(queue_timeout_s, 0, SECONDS_MAX)
NUMBER_RULE(start_timeout_s, 1, SECONDS_MAX)
NUMBER_RULE(concurrency, 0, 65535)
NUMBER_RULE(memory_mib, 0, 1048576)
NUMBER_RULE(threads, 1, 1024)
NUMBER_RULE(sticky_sessions, 0, 1)

#define ONCE_TEXT(name, field, help)                                         \
    AP_INIT_TAKE1(name, set_once_text, &once_##field, RSRC_CONF, help)
#define ONCE_NUMBER(name, field, help)                                       \
    AP_INIT_TAKE1(name, set_once_number, &once_##field, RSRC_CONF,   \
                  help)
#define TEXT(name, field, help)                                              \
    AP_INIT_TAKE1(name, set_text, &place_##field, PLACE, help)
#define NUMBER(name, field, help)                                            \
    AP_INIT_TAKE1(name, set_number, &place_##field, PLACE, help)
#define FLAG(name, field, help)                                              \
    AP_INIT_FLAG(name, set_place_flag, &place_##field, PLACE, help)
#define HTACCESS_FLAG(name, field, help)                                     \
    AP_INIT_FLAG(name, set_htaccess_flag, &place_##field,                    \
                 PLACE_OR_HTACCESS, help)

const command_rec apppool_commands[] = {
    ONCE_TEXT("PoolServerExecutable", server_executable,
              "path of the pool server; default: as installed"),
    ONCE_TEXT("PoolSpawnServer", spawn_server,
              "path of the program that starts applications; default: as "
              "installed"),
    ONCE_TEXT("PoolServerUser", server_user,
              "user the pool's engine runs as; default: apppool if that user "
              "exists, else a uid that nobody owns"),
    ONCE_NUMBER("PoolMax", max,
                "greatest number of application processes in all; default: "
                "twice the CPUs, at least 6"),
    ONCE_NUMBER("PoolMaxIdleTime", max_idle_s,
                "seconds after which an idle process ends, 0 = never; "
                "default: 300"),
    ONCE_NUMBER("PoolMaxSpawning", max_spawning,
                "greatest number of processes that start at once; default: "
                "the number of CPUs"),
    ONCE_NUMBER("PoolMaxWaiting", max_waiting,
                "greatest number of requests that wait for a process in all, "
                "0 = no limit; default: half of MaxRequestWorkers"),
    AP_INIT_FLAG("PoolUserSwitching", set_once_flag,
                 &once_user_switching, RSRC_CONF,
                 "off: every application runs as PoolLowestUser; default: on"),
    ONCE_TEXT("PoolLowestUser", lowest_user,
              "user of applications that root owns; default: nobody"),
    AP_INIT_ITERATE("PoolAllowRoots", add_allow_root, NULL, RSRC_CONF,
                    "patterns of application roots that the configuration "
                    "does not name; default: none"),
    ONCE_TEXT("PoolBufferDir", buffer_dir,
              "folder of temporary files; default: httpd's own"),
    ONCE_TEXT("PoolControlSocket", control_socket,
              "socket for apppoolctl where the kernel refuses it the pool "
              "server's descriptor; default: none"),
    HTACCESS_FLAG("PoolEnabled", enabled,
                  "off: no request here is an application's; default: on"),
    AP_INIT_TAKE1("PoolAppRoot", set_app_root, NULL, PLACE,
                  "folder of the application; default: the folder above a "
                  "DocumentRoot named public"),
    AP_INIT_TAKE1("PoolAppType", set_app_type, NULL, PLACE,
                  "rack, wsgi, asgi, node, psgi, php or command; default: by "
                  "the startup file"),
    AP_INIT_TAKE1("PoolStartupFile", set_startup_file, NULL, PLACE,
                  "file that is the application, absolute or below its root; "
                  "default: by PoolAppType"),
    AP_INIT_TAKE1("PoolAppCommand", set_app_command, NULL, PLACE,
                  "program that is the application and its arguments, in "
                  "quotes; $PORT stands for a free port; default: none"),
    AP_INIT_TAKE1("PoolAppProtocol", set_app_protocol, NULL, PLACE,
                  "what a command speaks: scgi, http or fastcgi; default: "
                  "http"),
    AP_INIT_TAKE12("PoolBaseURI", set_base_uri, NULL, PLACE,
                   "URI below which an application lives and, in a vhost, its "
                   "folder; default: none"),
    TEXT("PoolAppEnvironment", environment,
         "name in RAILS_ENV, RACK_ENV, WSGI_ENV and their kin; default: "
         "production"),
    AP_INIT_TAKE2("PoolSetEnv", add_setenv, NULL, PLACE,
                  "name and value of an environment variable of the "
                  "application's processes; default: none"),
    TEXT("PoolRuby", ruby, "ruby interpreter; default: ruby from PATH"),
    TEXT("PoolPython", python,
         "python interpreter; default: python3 from PATH"),
    TEXT("PoolNode", node, "node interpreter; default: node from PATH"),
    TEXT("PoolPerl", perl, "perl interpreter; default: perl from PATH"),
    TEXT("PoolPhp", php,
         "PHP's FastCGI program; default: php-cgi from PATH"),
    TEXT("PoolUser", user,
         "user the application runs as; default: the owner of its startup "
         "file"),
    TEXT("PoolGroup", group,
         "group the application runs as; default: its user's own"),
    NUMBER("PoolMinInstances", min_instances,
           "processes that idle cleaning leaves; default: 1"),
    NUMBER("PoolMaxPerApp", max_per_app,
           "greatest number of processes of the application, 0 = no limit of "
           "its own; default: 0"),
    NUMBER("PoolMaxRequests", max_requests,
           "requests after which a process is replaced, 0 = never; default: "
           "0"),
    NUMBER("PoolMaxRequestTime", max_request_s,
           "seconds a request may take, 0 = no limit; default: 0"),
    NUMBER("PoolResponseTimeout", response_timeout_s,
           "seconds an application may be silent before and within its "
           "response, 0 = no limit; default: 0"),
    NUMBER("PoolMaxQueueSize", max_queue,
           "requests that wait for a process of the application, 0 = no "
           "limit; default: 100"),
    NUMBER("PoolQueueTimeout", queue_timeout_s,
           "seconds a request waits for a process, 0 = no limit; default: "
           "60"),
    NUMBER("PoolStartTimeout", start_timeout_s,
           "seconds a process may take to start; default: 90"),
    NUMBER("PoolConcurrency", concurrency,
           "requests at once in one process, 0 = no limit; default: "
           "PoolThreads for rack and wsgi, 1 for psgi, php and FastCGI, else "
           "0"),
    NUMBER("PoolMemoryLimit", memory_mib,
           "MiB of memory (its share of what it shares included) above which a "
           "process is replaced, 0 = no limit; default: 0"),
    NUMBER("PoolThreads", threads,
           "threads of one process of rack or wsgi; default: 1"),
    AP_INIT_TAKE1("PoolSpawnMethod", set_spawn_method, NULL, PLACE,
                  "smart (load once, fork for each process) or direct; "
                  "default: smart for rack, wsgi and psgi, else direct"),
    FLAG("PoolPreStart", pre_start,
         "start PoolMinInstances processes with httpd; default: off"),
    FLAG("PoolRollingRestart", rolling_restart,
         "a restart lets old processes serve until a new one has come up; "
         "default: on"),
    TEXT("PoolRestartDir", restart_dir,
         "folder of restart.txt, absolute or below the application's root; "
         "default: tmp"),
    AP_INIT_TAKE_ARGV("PoolIsolation", set_isolation, NULL, PLACE,
                      "off, or any of tmp, ipc, files, signals and, with "
                      "cgroup=FOLDER, memory=MIB, cpu=PERCENT, pids=NUMBER: "
                      "what keeps an application's processes apart; default: "
                      "off"),
    TEXT("PoolLogFile", log_file,
         "file, or | and a program, that takes what the application prints; "
         "default: the vhost's error log"),
    FLAG("PoolStickySessions", sticky_sessions,
         "a cookie leads each client back to the process that served it; "
         "default: off"),
    TEXT("PoolStickyCookie", sticky_cookie,
         "name of that cookie; default: apppool_route"),
    TEXT("PoolStickyRoute", sticky_route,
         "what follows the process in that cookie, for a balancer in front; "
         "default: the host's name"),
    HTACCESS_FLAG("PoolFriendlyErrorPages", friendly_errors,
                  "show why an application does not start; default: on in "
                  "environment development, else off"),
    HTACCESS_FLAG("PoolBufferUpload", buffer_upload,
                  "receive a request's whole body before a process is asked; "
                  "default: on"),
    HTACCESS_FLAG("PoolBufferResponse", buffer_response,
                  "take a response from the process as fast as it writes; "
                  "default: on"),
    HTACCESS_FLAG("PoolErrorOverride", error_override,
                  "ErrorDocument replaces the application's own error bodies; "
                  "default: off"),
    HTACCESS_FLAG("PoolServerTiming", server_timing,
                  "say in a Server-Timing header how long queue, start and "
                  "application took; default: off"),
    AP_INIT_TAKE1("PoolForwardedHeaders", set_forwarded, NULL, PLACE,
                  "on: http applications get X-Forwarded-For with the "
                  "client's address appended, -Proto, -Host and -Port set "
                  "anew; rfc7239: Forwarded, too; off: what the client sent; "
                  "default: on"),
    NUMBER("PoolBufferMemory", buffer_memory_kib,
           "KiB of a body kept in memory before a file is used; default: 64"),
    NUMBER("PoolBufferMaxFile", buffer_file_mib,
           "MiB of a response kept in a file, 0 = no limit; default: 1024"),
    NUMBER("PoolResponseHeaderLimit", header_limit_kib,
           "KiB a response's header may have; default: 64"),
    AP_INIT_FLAG("PoolStatusActions", set_status_actions, NULL, PLACE,
                 "on: the status page restarts applications and detaches "
                 "processes; default: off"),
    {.name = NULL}
};
