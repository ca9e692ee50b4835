/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the configuration as the httpd parent sent it.
 *
 * Messages are kept as they came and passed on, with the generation that named
 * each definition last. A generation begins with CONFIGURE and counts from
 * COMMIT on; a definition that it does not name is kept until the engine says
 * that no process, and no client of an older generation, uses it.
 */
#ifndef APPPOOL_MASTER_CONFIG_H
#define APPPOOL_MASTER_CONFIG_H

#include "master.h"

struct definition {
    uint32_t number;             /* key in master->definitions */
    uint32_t generation;         /* the last that named it; 0: adopted */
    struct wire_message message; /* DEFINE; owned, without its descriptor */
    int log_fd;                  /* owned; -1: the generation's, or ours */
    uint32_t origin;             /* adopted: its template's number; 0: none */
    bool is_watched;             /* its restart files, by the watcher */
    char *key;                   /* adopted: in master->adopted; owned */
};

/*
 * A fresh config channel to the parent; answer gets its end (borrowed). One
 * there was before is closed. 0 or -errno.
 */
int config_open(struct master *m, int (*answer)(void *baton, int channel),
                void *baton);
/* What the current generation says that is for the master itself: again after
 * it took an earlier one's place. */
void config_apply(struct master *m);

void config_close(struct master *m);

struct definition *config_find(struct master *m, uint32_t number);

/* A new, empty definition of this number, which there is not yet. */
struct definition *config_define(struct master *m, uint32_t number);

/*
 * The CONFIGURE that rules now; one made from the command line where none was
 * sent. Borrowed until the next call of anything here.
 */
const struct wire_message *config_rules(struct master *m);

/* Link message: the engine needs this definition no more. */
void config_on_forget(struct master *m, struct wire_message *msg);

/* Tell a new engine all of it. */
void config_tell(struct master *m);

/* Tell the engine of one definition. */
/* Link message: limits that an administrator has set. */
void config_on_limits(struct master *m, struct wire_message *msg);

void config_tell_definition(struct master *m, const struct definition *d);

/* Take *fd (-1: none) and make *to of it: reopened, where that works, so that
 * a full log never makes its writer wait. What *to was is closed. */
void config_keep_log(int *to, int *fd);

void config_clear(struct master *m);

#endif
