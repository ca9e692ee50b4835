/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive.h - what the table of directives (directives.c) is made of.
 *
 *   directive_checks.c    is an argument what it should be
 *   directive_values.c    a number, a flag or a text goes into its field
 *   directive_naming.c    what names an application, and where that was said
 *   directive_settings.c  the rest, each with words of its own
 *
 * What is said is stored as it is said; defaults are config.c's, what only the
 * whole configuration shows is config_check.c's. Every refusal is a sentence
 * that says what would be right; NULL: none.
 */
#ifndef MOD_APPPOOL_DIRECTIVE_H
#define MOD_APPPOOL_DIRECTIVE_H

#include <httpd.h>
#include <http_config.h>

#include "config.h"

/* Checks. */
typedef const char *check_fn(cmd_parms *cmd, const char *arg);

check_fn check_executable, check_folder, check_socket;
check_fn check_user, check_app_group, check_app_user,
    check_absolute, check_interpreter, check_environment,
    check_below_root, check_log_file, check_cookie_name, check_route;

/* Values. Which field, and what may go into it: */
struct number_rule {
    size_t offset;
    int least, greatest;
};

struct text_rule {
    size_t offset;
    check_fn *check;    /* NULL: anything */
    int from_root;      /* 1: relative paths are relative to ServerRoot */
};

/* Does this directive stand where it may? Notes that it was said. */
const char *refuse_place(cmd_parms *cmd);
const char *refuse_vhost(cmd_parms *cmd); /* said once, for the whole server */

/* `once`: of the whole server; the others of a place. */
const char *set_once_number(cmd_parms *cmd, void *unused, const char *arg);
const char *set_once_text(cmd_parms *cmd, void *unused, const char *arg);
const char *set_once_flag(cmd_parms *cmd, void *unused, int on);
const char *set_number(cmd_parms *cmd, void *place, const char *arg);
const char *set_text(cmd_parms *cmd, void *place, const char *arg);
const char *set_place_flag(cmd_parms *cmd, void *place, int on);
const char *set_htaccess_flag(cmd_parms *cmd, void *place, int on);

/* Naming. */
const char *set_app_root(cmd_parms *cmd, void *place, const char *arg);
const char *set_app_type(cmd_parms *cmd, void *place, const char *arg);
const char *set_app_protocol(cmd_parms *cmd, void *place, const char *arg);
const char *set_app_command(cmd_parms *cmd, void *place, const char *arg);
const char *set_startup_file(cmd_parms *cmd, void *place, const char *arg);
const char *set_base_uri(cmd_parms *cmd, void *place, const char *arg,
                         const char *path);

/* Settings. */
const char *add_allow_root(cmd_parms *cmd, void *unused, const char *arg);
const char *set_control_socket(cmd_parms *cmd, void *unused, const char *arg);
const char *add_setenv(cmd_parms *cmd, void *place, const char *args);
const char *set_spawn_method(cmd_parms *cmd, void *place, const char *arg);
const char *set_isolation(cmd_parms *cmd, void *place, int argc,
                          char *const argv[]);
const char *set_forwarded(cmd_parms *cmd, void *place, const char *arg);
const char *set_status_actions(cmd_parms *cmd, void *place, int on);

#endif
