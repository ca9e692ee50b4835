/* SPDX-License-Identifier: Apache-2.0 */
/*
 * directive_checks.c - is an argument what it should be?
 */
#include "directive.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <grp.h>
#include <http_core.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apppool/protocol.h"
#include "other_hands.h"
#include "sticky.h"

#define SOCKET_PATH_MAX 107 /* of sun_path, unix(7) */

/* An executable that root may start: nobody else could have put it there. */
const char *check_executable(cmd_parms *cmd, const char *path)
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

const char *check_folder(cmd_parms *cmd, const char *path)
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
const char *check_socket(cmd_parms *cmd, const char *path)
{
    const char *folder = ap_make_dirstr_parent(cmd->pool, path);
    const char *error = check_folder(cmd, folder);
    const char *theirs;

    if (error == NULL && strlen(path) > SOCKET_PATH_MAX) {
        error = apr_psprintf(cmd->pool, "%s takes a path of at most %d bytes",
                             cmd->cmd->name, SOCKET_PATH_MAX);
    }
    theirs = error == NULL ? in_other_hands(cmd->pool, folder) : NULL;
    return theirs == NULL
               ? error
               : apr_psprintf(cmd->pool, "%s: the folder %s must belong to "
                              "root or to who starts httpd, and nobody else "
                              "may write it", cmd->cmd->name, theirs);
}

const char *check_user(cmd_parms *cmd, const char *name)
{
    return getpwnam(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s: there is no user named '%s'",
                              cmd->cmd->name, name);
}

const char *check_app_group(cmd_parms *cmd, const char *name)
{
    const struct group *group = getgrnam(name);

    if (group == NULL) {
        return apr_psprintf(cmd->pool, "%s: there is no group named '%s'",
                            cmd->cmd->name, name);
    }
    return group->gr_gid != 0
               ? NULL
               : apr_psprintf(cmd->pool, "%s: no application runs in root's "
                              "group; '%s' is that group", cmd->cmd->name,
                              name);
}

/* Somebody an application may run as. */
const char *check_app_user(cmd_parms *cmd, const char *name)
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

const char *check_absolute(cmd_parms *cmd, const char *path)
{
    return path[0] == '/'
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes an absolute path, not '%s'",
                              cmd->cmd->name, path);
}

/* An interpreter is a path, or a name that PATH finds. */
const char *check_interpreter(cmd_parms *cmd, const char *path)
{
    struct stat st;

    if (strlen(path) >= WIRE_MAX_ROOT - sizeof("PoolPython=")) {
        return apr_psprintf(cmd->pool, "%s: this path is too long",
                            cmd->cmd->name);
    }
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

const char *check_environment(cmd_parms *cmd, const char *name)
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

const char *check_below_root(cmd_parms *cmd, const char *path)
{
    return path[0] != '\0' && strlen(path) < WIRE_MAX_ROOT
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes the path of a file, "
                              "absolute or below the application's root",
                              cmd->cmd->name);
}

const char *check_log_file(cmd_parms *cmd, const char *file)
{
    return file[0] != '|' || file[strspn(file, "|$ \t")] != '\0'
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes a file, or | and a "
                              "program; '%s' names none", cmd->cmd->name,
                              file);
}

const char *check_cookie_name(cmd_parms *cmd, const char *name)
{
    return sticky_is_name(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes the name of a cookie "
                              "(letters, digits, '-', '_' and '.'), not '%s'",
                              cmd->cmd->name, name);
}

const char *check_route(cmd_parms *cmd, const char *name)
{
    return sticky_is_name(name)
               ? NULL
               : apr_psprintf(cmd->pool, "%s takes a name of letters, digits, "
                              "'-', '_' and '.', not '%s'", cmd->cmd->name,
                              name);
}
