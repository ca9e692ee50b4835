/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive_settings.c - settings with words of their own.
 */
#include "directive.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "apppool/protocol.h"
#include "isolation.h"

const char *add_allow_root(cmd_parms *cmd, void *unused, const char *arg)
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

const char *set_control_socket(cmd_parms *cmd, void *unused, const char *arg)
{
    const char *error = refuse_vhost(cmd);

    if (error == NULL && ap_cstr_casecmp(arg, "off") == 0) {
        config_once(cmd->server)->control_socket = NULL;
        return NULL;
    }
    return error ? error : set_once_text(cmd, unused, arg);
}

/* As AP_INIT_TAKE2 takes them, which has no value "". */
const char *add_setenv(cmd_parms *cmd, void *placev, const char *args)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);
    const char *name = ap_getword_conf(cmd->pool, &args);
    const char *value = *args != '\0' ? ap_getword_conf(cmd->pool, &args)
                                      : NULL;

    if (error != NULL) {
        return error;
    }
    if (value == NULL || *args != '\0') {
        return "PoolSetEnv takes a name and a value (\"\" for none)";
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

const char *set_spawn_method(cmd_parms *cmd, void *placev, const char *arg)
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
const char *set_isolation(cmd_parms *cmd, void *placev, int argc,
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

const char *set_forwarded(cmd_parms *cmd, void *placev, const char *arg)
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
const char *set_status_actions(cmd_parms *cmd, void *placev, int on)
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
