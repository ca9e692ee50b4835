/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.c - see describe.h.
 *
 *   {"version": 1, "httpd": {...},
 *    "settings": [SAID...], "defaults": [DEFAULT...],  of the whole server
 *    "applications": [{"number", "root", "type", "server", "file", "line",
 *                      "settings": [SAID...]}], "app_defaults": [DEFAULT...]}
 *
 * SAID has "directive", "args", "file" and "line"; DEFAULT "directive" and
 * "default", what its help says of it, for where it is not said. With thousands
 * of applications the defaults stand there once only.
 */
#include "describe.h"

#include <apr_file_info.h>
#include <apr_getopt.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <http_config.h>
#include <http_main.h>
#include <mpm_common.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app_type.h"
#include "said.h"
#include "socket.h"

/* A path may have any bytes; what is no UTF-8 is shown as it can be. */
static json_t *text(const char *bytes)
{
    json_t *value = json_string(bytes ? bytes : "");

    return value ? value : json_string("(not UTF-8)");
}

static json_t *said_setting(const struct said *said)
{
    return json_pack("{s:s, s:o, s:o, s:i}", "directive", said->directive,
                     "args", text(said->args), "file", text(said->file),
                     "line", said->line);
}

/* The help of each directive ends in "; default: ...". */
static json_t *default_setting(const command_rec *command)
{
    const char *help = strstr(command->errmsg, "default: ");

    return json_pack("{s:s, s:s}", "directive", command->name, "default",
                     help ? help + strlen("default: ") : "");
}

/* What names an application at the top of a server counts there only. */
static bool counts(const struct said *said, const server_rec *s)
{
    static const char *const naming[] = {
        "PoolAppRoot", "PoolAppType", "PoolStartupFile", "PoolAppCommand",
        "PoolAppProtocol", "PoolBaseURI"};
    size_t i;

    for (i = 0; i < sizeof(naming) / sizeof(naming[0]); i++) {
        if (strcmp(naming[i], said->directive) == 0) {
            return said->server == NULL || said->server == s;
        }
    }
    return true;
}

static void add_said(json_t *list, const apr_array_header_t *all,
                     const char *directive, const server_rec *s)
{
    int i;

    for (i = 0; all != NULL && i < all->nelts; i++) {
        const struct said *said = &APR_ARRAY_IDX(all, i, struct said);

        if (strcmp(said->directive, directive) == 0 && counts(said, s)) {
            json_array_append_new(list, said_setting(said));
        }
    }
}

/* once: of the whole server, else of a place. */
static bool is_of(const command_rec *command, bool once)
{
    return (command->req_override == RSRC_CONF) == once;
}

static json_t *settings(const apr_array_header_t *said, const server_rec *s,
                        bool once)
{
    json_t *list = json_array();
    const command_rec *command;

    for (command = apppool_commands; command->name != NULL; command++) {
        if (is_of(command, once)) {
            add_said(list, said, command->name, s);
        }
    }
    return list;
}

static json_t *defaults(bool once)
{
    json_t *list = json_array();
    const command_rec *command;

    for (command = apppool_commands; command->name != NULL; command++) {
        if (is_of(command, once)) {
            json_array_append_new(list, default_setting(command));
        }
    }
    return list;
}

static const char *server_name(apr_pool_t *p, const server_rec *s)
{
    return s->port ? apr_psprintf(p, "%s:%d", s->server_hostname, s->port)
                   : s->server_hostname;
}

static json_t *application(apr_pool_t *p, const struct definition *d)
{
    json_t *root = text(d->dynamic ? "(by PoolAllowRoots)" : d->site.root);

    return json_pack("{s:i, s:o, s:s, s:o, s:o, s:i, s:o}",
                     "number", (int)d->number,
                     "root", root,
                     "type", app_type(d->site.type)->name,
                     "server", text(server_name(p, d->server)),
                     "file", text(d->server->defn_name),
                     "line", (int)d->server->defn_line_number,
                     "settings", settings(d->place->said, d->server, false));
}

static json_t *applications(apr_pool_t *p, const struct definitions *all)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        json_array_append_new(
            list, application(p, APR_ARRAY_IDX(all->all, i,
                                               const struct definition *)));
    }
    return list;
}

/* As httpd's main() finds it: the first directive's file may be an included
 * one, and ServerRoot another than what -f is relative to. */
static const char *config_file(apr_pool_t *p)
{
    const process_rec *process = ap_server_conf->process;
    const char *folder = HTTPD_ROOT, *file = SERVER_CONFIG_FILE, *value;
    apr_getopt_t *options;
    char *path, option;

    apr_getopt_init(&options, p, process->argc, process->argv);
    options->errfn = NULL;
    while (apr_getopt(options, AP_SERVER_BASEARGS, &option, &value) ==
           APR_SUCCESS) {
        if (option == 'd') {
            folder = value;
        } else if (option == 'f') {
            file = value;
        }
    }
    return apr_filepath_merge(&path, folder, file, 0, p) == APR_SUCCESS ? path
                                                                        : file;
}

static json_t *httpd(apr_pool_t *p)
{
    return json_pack("{s:i, s:o, s:o, s:o}",
                     "pid", (int)getpid(),
                     "server_root", text(ap_server_root),
                     "pid_file", text(ap_server_root_relative(p,
                                                              ap_pid_fname)),
                     "config_file", text(config_file(p)));
}

static int write_text(const json_t *json, int fd)
{
    char *text = json_dumps(json, JSON_COMPACT);
    int rc = text ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;

    free(text);
    return rc;
}

static int write_sealed(const json_t *description, int *fd_r)
{
    int fd = memfd_create("apppool-config", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    if (write_text(description, fd) < 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        fd_close(&fd);
        return -EIO;
    }
    *fd_r = fd;
    return 0;
}

int describe(apr_pool_t *p, const server_rec *s,
             const struct definitions *definitions, int *fd_r)
{
    json_t *description = json_pack(
        "{s:i, s:o, s:o, s:o, s:o, s:o}", "version", 1, "httpd", httpd(p),
        "settings", settings(config_once(s)->said, s, true),
        "defaults", defaults(true),
        "applications", applications(p, definitions),
        "app_defaults", defaults(false));
    int rc = description ? write_sealed(description, fd_r) : -ENOMEM;

    json_decref(description);
    return rc;
}
