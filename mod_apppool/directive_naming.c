/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive_naming.c - what names an application, and where that was said.
 */
#include "directive.h"

#include <apr_strings.h>
#include <http_core.h>

#include "app_type.h"
#include "apppool/protocol.h"
#include "site.h"

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

const char *set_app_root(cmd_parms *cmd, void *placev, const char *arg)
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

const char *set_app_type(cmd_parms *cmd, void *placev, const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && app_type_of_name(arg) < 0) {
        error = apr_psprintf(cmd->pool, "PoolAppType: '%s' is none of rack, "
                             "wsgi, asgi, node, psgi, php and command", arg);
    }
    return error ? error : set_naming(cmd, &place->app_type, arg);
}

const char *set_app_protocol(cmd_parms *cmd, void *placev, const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && site_protocol_of_name(arg) == 0) {
        error = apr_psprintf(cmd->pool, "PoolAppProtocol: '%s' is none of "
                             "scgi, http and fastcgi", arg);
    }
    return error ? error : set_naming(cmd, &place->app_protocol, arg);
}

static bool names_program(cmd_parms *cmd, const char *command)
{
    const apr_array_header_t *words = site_command_words(cmd->temp_pool,
                                                         command);

    return words->nelts > 0 && *APR_ARRAY_IDX(words, 0, const char *) != '\0';
}

const char *set_app_command(cmd_parms *cmd, void *placev, const char *arg)
{
    struct place_config *place = placev;
    const char *error = refuse_place(cmd);

    if (error == NULL && !names_program(cmd, arg)) {
        error = "PoolAppCommand takes a program and its arguments, in quotes";
    }
    if (error == NULL && strlen(arg) >= WIRE_MAX_COMMAND) {
        error = apr_psprintf(cmd->pool, "PoolAppCommand takes less than %d "
                             "bytes; write a script and name that",
                             WIRE_MAX_COMMAND);
    }
    return error ? error : set_naming(cmd, &place->app_command, arg);
}

const char *set_startup_file(cmd_parms *cmd, void *placev, const char *arg)
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

const char *set_base_uri(cmd_parms *cmd, void *placev,
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
