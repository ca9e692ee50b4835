/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the files whose change means something: restart.txt,
 * always_restart.txt, the startup file.
 */
#ifndef APPPOOL_WATCHER_FILES_H
#define APPPOOL_WATCHER_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "app_type.h"

/* A file and what it was like when last looked at. */
struct file {
    char *path;         /* absolute; owned */
    struct timespec at; /* its modification time; 0: it was not there */
};

/* One application's files. */
struct files {
    struct file restart;
    struct file always;
    struct file startup[APP_N_STARTUP_FILES + 1];
    unsigned n_startup;
    bool is_always;     /* always_restart.txt was there */
};

/*
 * root: absolute. restart_dir: absolute or below root. startup: absolute, below
 * root, or NULL: whatever may start an application of this type.
 */
void files_init(struct files *files, const char *root, const char *restart_dir,
                const char *startup, enum apppool_type type);
void files_clear(struct files *files);

/* Are these the same files? */
bool files_are_same(const struct files *a, const struct files *b);

/* Take what is there now for known. */
void files_remember(struct files *files);

/*
 * Look again, and remember. Set of enum watch_seen: what has changed;
 * SEEN_ALWAYS as long as always_restart.txt is there. A deletion is no change.
 */
uint32_t files_look(struct files *files);

#endif
