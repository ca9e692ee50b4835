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

void files_init(struct files *files, const char *root, const char *restart_dir,
                const char *startup)
{
    char *folder = join(root, restart_dir);

    memset(files, 0, sizeof *files);
    files->restart = join(folder, "restart.txt");
    files->always = join(folder, "always_restart.txt");
    files->startup = startup != NULL ? join(root, startup) : NULL;
    free(folder);
}

void files_clear(struct files *files)
{
    free(files->restart);
    free(files->always);
    free(files->startup);
    memset(files, 0, sizeof *files);
}

bool files_are_same(const struct files *a, const struct files *b)
{
    const char *startup_a = a->startup != NULL ? a->startup : "";
    const char *startup_b = b->startup != NULL ? b->startup : "";

    return strcmp(a->restart, b->restart) == 0 &&
           strcmp(startup_a, startup_b) == 0;
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
static bool has_changed(const char *path, struct timespec *seen)
{
    struct timespec before = *seen;

    if (path == NULL) {
        return false;
    }
    *seen = time_of(path);
    return is_there(*seen) && (seen->tv_sec != before.tv_sec ||
                               seen->tv_nsec != before.tv_nsec);
}

void files_remember(struct files *files)
{
    has_changed(files->restart, &files->restart_at);
    has_changed(files->startup, &files->startup_at);
    files->is_always = is_there(time_of(files->always));
}

uint32_t files_look(struct files *files)
{
    uint32_t seen = 0;

    if (has_changed(files->restart, &files->restart_at)) {
        seen |= SEEN_RESTART;
    }
    if (has_changed(files->startup, &files->startup_at)) {
        seen |= SEEN_STARTUP;
    }
    files->is_always = is_there(time_of(files->always));
    return seen | (files->is_always ? SEEN_ALWAYS : 0);
}
