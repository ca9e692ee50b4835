/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.c - see files.h.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apppool/protocol.h"

static char *join(const char *folder, const char *name)
{
    char *path;

    if (name[0] == '/') {
        path = strdup(name);
    } else if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
    }
    if (path == NULL) {
        abort();
    }
    return path;
}

static void add_startup(struct files *files, const char *root,
                        const char *name)
{
    files->startup[files->n_startup++].path = join(root, name);
}

static void add_startup_of_type(struct files *files, const char *root,
                                enum apppool_type type)
{
    for (size_t i = 0; i < APP_N_STARTUP_FILES; i++) {
        if (app_startup_file_suits(i, type)) {
            add_startup(files, root, app_startup_files[i].name);
        }
    }
    if (type == TYPE_NODE) {
        add_startup(files, root, APP_NODE_PACKAGE);
    }
}

void files_init(struct files *files, const char *root, const char *restart_dir,
                const char *startup, enum apppool_type type)
{
    char *folder = join(root, restart_dir);

    memset(files, 0, sizeof *files);
    files->restart.path = join(folder, "restart.txt");
    files->always.path = join(folder, "always_restart.txt");
    if (startup != NULL) {
        add_startup(files, root, startup);
    } else {
        add_startup_of_type(files, root, type);
    }
    free(folder);
}

void files_clear(struct files *files)
{
    free(files->restart.path);
    free(files->always.path);
    for (unsigned i = 0; i < files->n_startup; i++) {
        free(files->startup[i].path);
    }
    memset(files, 0, sizeof *files);
}

bool files_are_same(const struct files *a, const struct files *b)
{
    bool same = strcmp(a->restart.path, b->restart.path) == 0 &&
                a->n_startup == b->n_startup;

    for (unsigned i = 0; same && i < a->n_startup; i++) {
        same = strcmp(a->startup[i].path, b->startup[i].path) == 0;
    }
    return same;
}

/* The file's modification time; 0 where there is none. Nothing is opened for
 * reading, so a FIFO or a device put there does nothing. */
static struct timespec time_of(const char *path)
{
    struct timespec none = { 0, 0 };
    struct stat st;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) {
        return none;
    }
    if (fstat(fd, &st) < 0) {
        st.st_mtim = none;
    }
    close(fd);
    return st.st_mtim;
}

static bool is_there(struct timespec t)
{
    return t.tv_sec != 0 || t.tv_nsec != 0;
}

/* Has the file come, or another time? A deletion is remembered, not told. */
static bool has_changed(struct file *file)
{
    struct timespec before = file->at;

    file->at = time_of(file->path);
    return is_there(file->at) && (file->at.tv_sec != before.tv_sec ||
                                  file->at.tv_nsec != before.tv_nsec);
}

static bool has_startup_changed(struct files *files)
{
    bool changed = false;

    for (unsigned i = 0; i < files->n_startup; i++) {
        changed |= has_changed(&files->startup[i]);
    }
    return changed;
}

void files_remember(struct files *files)
{
    files_look(files);
}

uint32_t files_look(struct files *files)
{
    uint32_t seen = 0;

    if (has_changed(&files->restart)) {
        seen |= SEEN_RESTART;
    }
    if (has_startup_changed(files)) {
        seen |= SEEN_STARTUP;
    }
    files->is_always = is_there(time_of(files->always.path));
    return seen | (files->is_always ? SEEN_ALWAYS : 0);
}
