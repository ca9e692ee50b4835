/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.c - opens the application's root once; all else goes from there.
 *
 * A root that a client named is opened without magic links: with our rights
 * /proc/PID/root or /proc/self/fd would lead anywhere. The patterns are
 * matched on the path that the kernel names for what was really opened.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "socket.h"

static int open_checked(const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                            .resolve = RESOLVE_NO_MAGICLINKS };

    return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/* Says which part of the path is missing, where one is. */
static _Noreturn void fail_open(const struct spawn *spawn, const char *path,
                                int error)
{
    char part[PATH_MAX];
    struct stat st;
    char *slash;

    snprintf(part, sizeof(part), "%s", path);
    slash = part;
    while (error == ENOENT && slash != NULL) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (stat(part, &st) < 0) {
            spawn_fail(spawn, "The application's root %s does not exist: "
                       "there is no %s.", path, part);
        }
        if (slash != NULL) {
            *slash = '/';
        }
    }
    if (error == ENOTDIR) {
        spawn_fail(spawn, "The application's root %s is not a folder.", path);
    }
    if (error == ELOOP) {
        spawn_fail(spawn, "The application's root %s leads through links of "
                   "/proc, or in a circle.", path);
    }
    spawn_fail(spawn, "The application's root %s cannot be opened: %s.", path,
               strerror(error));
}

static int open_root(const struct spawn *spawn, const char *path)
{
    int fd;

    if (path[0] != '/') {
        spawn_fail(spawn, "The application's root \"%s\" is not an absolute "
                   "path.", path);
    }
    fd = definition_is_from_client(spawn)
             ? open_checked(path)
             : open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fail_open(spawn, path, errno);
    }
    return fd;
}

static void name_root(struct spawn *spawn, const char *path)
{
    char link[32];
    struct stat st;
    ssize_t n;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", spawn->root_fd);
    n = readlink(link, spawn->root, sizeof(spawn->root) - 1);
    if (n <= 0 || n >= (ssize_t)sizeof(spawn->root) - 1 ||
        fstat(spawn->root_fd, &st) < 0 || st.st_nlink == 0) {
        spawn_fail(spawn, "The application's root %s was removed while it was "
                   "opened, or its path is too long.", path);
    }
    spawn->root[n] = '\0';
}

static bool is_allowed(const struct spawn *spawn)
{
    const char *pattern = NULL;

    while ((pattern = wire_list_next(&spawn->rules, FIELD_ALLOW_ROOTS,
                                     pattern)) != NULL) {
        if (fnmatch(pattern, spawn->root, FNM_PATHNAME | FNM_PERIOD) == 0) {
            return true;
        }
    }
    return false;
}

static void check_allowed(const struct spawn *spawn)
{
    if ((wire_get_u32(&spawn->define, FIELD_FLAGS, 0) & DEFINE_DYNAMIC) != 0 &&
        !is_allowed(spawn)) {
        spawn_fail(spawn, "%s is not allowed as an application's root: it "
                   "matches none of PoolAllowRoots.", spawn->root);
    }
}

/* What is open is the public folder; the root is the one around it. */
static void go_up(struct spawn *spawn)
{
    char *slash = strrchr(spawn->root, '/');
    int fd;

    if (slash == spawn->root) {
        slash++;
    }
    *slash = '\0';
    fd = openat(spawn->root_fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        fail_open(spawn, spawn->root, errno);
    }
    fd_close(&spawn->root_fd);
    spawn->root_fd = fd;
}

void root_open(struct spawn *spawn)
{
    const char *path = wire_get_text(&spawn->define, FIELD_ROOT, NULL);

    spawn->root_fd = open_root(spawn, path);
    name_root(spawn, path);
    if (wire_get_u32(&spawn->define, FIELD_FLAGS, 0) & DEFINE_LINK) {
        go_up(spawn);
    }
    check_allowed(spawn);
}
