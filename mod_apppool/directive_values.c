/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive_values.c - a number, a flag or a text goes into its field.
 */
#include "directive.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "said.h"

/* httpd allows it in more places than "anywhere" means (If, Files, Proxy). */
#define NOT_A_PLACE (NOT_IN_FILES | NOT_IN_LIMIT | NOT_IN_PROXY)

const char *refuse_place(cmd_parms *cmd)
{
    struct place_config *place = ap_get_module_config(cmd->context,
                                                      &apppool_module);

    said_note(cmd, &place->said);
    return ap_check_cmd_context(cmd, NOT_A_PLACE);
}

/* What is said once, for the whole server. */
const char *refuse_vhost(cmd_parms *cmd)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    if (error == NULL) {
        said_note(cmd, &config_once(cmd->server)->said);
    }
    return error;
}

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

const char *set_once_number(cmd_parms *cmd, void *unused, const char *arg)
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

const char *set_number(cmd_parms *cmd, void *place, const char *arg)
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

const char *set_htaccess_flag(cmd_parms *cmd, void *place, int on)
{
    said_note(cmd, &((struct place_config *)place)->said);
    return set_flag(cmd, place, on);
}

const char *set_place_flag(cmd_parms *cmd, void *place, int on)
{
    const char *error = refuse_place(cmd);

    return error ? error : set_flag(cmd, place, on);
}

const char *set_once_flag(cmd_parms *cmd, void *unused, int on)
{
    const char *error = refuse_vhost(cmd);

    (void)unused;
    return error ? error : set_flag(cmd, config_once(cmd->server), on);
}

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

const char *set_once_text(cmd_parms *cmd, void *unused, const char *arg)
{
    const char *error = refuse_vhost(cmd);

    (void)unused;
    return error ? error : store_text(cmd, config_once(cmd->server), arg);
}

const char *set_text(cmd_parms *cmd, void *place, const char *arg)
{
    const char *error = refuse_place(cmd);

    return error ? error : store_text(cmd, place, arg);
}
