/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type.c - what kind of application it is, and which file starts it.
 *
 * Files are only looked at (lstat), never opened: this still runs as root.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app_type.h"

static void set_startup_file(struct spawn *spawn, const char *name)
{
    int n = snprintf(spawn->startup_file, sizeof(spawn->startup_file), "%s%s%s",
                     name[0] == '/' ? "" : spawn->root,
                     name[0] == '/' || strcmp(spawn->root, "/") == 0 ? "" : "/",
                     name);

    if (n >= (int)sizeof(spawn->startup_file)) {
        spawn_fail(spawn, "The path of the startup file %s is too long.", name);
    }
}

/* The owner of the name itself: a link says who made it, not where it leads. */
static bool find_file(struct spawn *spawn, const char *name)
{
    struct stat st;

    if (fstatat(spawn->root_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            spawn_fail(spawn, "The startup file %s in %s cannot be looked at: "
                       "%s.", name, spawn->root, strerror(errno));
        }
        return false;
    }
    spawn->owner = st.st_uid;
    set_startup_file(spawn, name);
    return true;
}

static void use_named_file(struct spawn *spawn, const char *name)
{
    if (!find_file(spawn, name)) {
        spawn_fail(spawn, "There is no startup file %s in %s (PoolStartupFile)."
                   , name, spawn->root);
    }
    if (spawn->type == TYPE_AUTO) {
        spawn->type = app_type_of_file(name);
    }
    if (spawn->type == TYPE_AUTO) {
        spawn_fail(spawn, "The name of %s does not tell the type of the "
                   "application; say PoolAppType.", spawn->startup_file);
    }
}

static _Noreturn void fail_none(const struct spawn *spawn)
{
    char names[256] = "";
    size_t n = 0;

    for (size_t i = 0; i < APP_N_STARTUP_FILES; i++) {
        if (app_startup_file_suits(i, spawn->type)) {
            n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
                                  n > 0 ? ", " : "",
                                  app_startup_files[i].name);
        }
    }
    if (spawn->type == TYPE_NODE) {
        snprintf(names + n, sizeof(names) - n, ", " APP_NODE_PACKAGE);
    }
    spawn_fail(spawn, "No application was found in %s: it has none of %s "
               "(PoolAppRoot, PoolStartupFile).", spawn->root, names);
}

static void search_file(struct spawn *spawn)
{
    for (size_t i = 0; i < APP_N_STARTUP_FILES; i++) {
        if (app_startup_file_suits(i, spawn->type) &&
            find_file(spawn, app_startup_files[i].name)) {
            spawn->type = app_startup_files[i].type;
            return;
        }
    }
    if (spawn->type != TYPE_NODE || !find_file(spawn, APP_NODE_PACKAGE)) {
        fail_none(spawn);
    }
}

static void use_root_owner(struct spawn *spawn)
{
    struct stat st;

    if (fstat(spawn->root_fd, &st) < 0) {
        spawn_fail(spawn, "The owner of %s cannot be told: %s.", spawn->root,
                   strerror(errno));
    }
    spawn->owner = st.st_uid;
}

/* php: the front controller. The root's owner counts, not the file's. */
static void check_front(const struct spawn *spawn, const char *name)
{
    struct stat st;

    if (name != NULL && fstatat(spawn->root_fd, name, &st, 0) < 0 &&
        errno == ENOENT) {
        spawn_fail(spawn, "There is no file %s in %s (PoolStartupFile).", name,
                   spawn->root);
    }
}

void type_find(struct spawn *spawn)
{
    const char *name = wire_get_text(&spawn->define, FIELD_STARTUP_FILE, NULL);

    spawn->type = (enum apppool_type)wire_get_u32(&spawn->define, FIELD_TYPE,
                                                  TYPE_AUTO);
    if (spawn->type == TYPE_COMMAND || spawn->type == TYPE_PHP) {
        use_root_owner(spawn);
        check_front(spawn, name);
    } else if (name != NULL) {
        use_named_file(spawn, name);
    } else {
        search_file(spawn);
    }
}
