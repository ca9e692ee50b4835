/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state.h - everything a master knows as JSON in a memfd, for the next version
 * of its executable, which takes its place in the same process.
 *
 * Descriptors are told by number: they stay open over execve(2). What belongs
 * to the engine is left out, as after its death. The format has a number of
 * its own; messages in it have that of the wire.
 */
#ifndef APPPOOL_MASTER_STATE_H
#define APPPOOL_MASTER_STATE_H

#include "master.h"

/* A change that an older or newer master could not read needs another. */
#define STATE_FORMAT 1

/*
 * A memfd with all of m, read from its start. *fds_r: n of them, every
 * descriptor that it names; yours to free(). 0 or -errno.
 */
int state_save(const struct master *m, int *fd_r, int **fds_r, size_t *n_r);

/*
 * Fill the tables of m, fresh from master_new(). No descriptor is touched:
 * *fds_r are those that it names. 0; -EPROTO with a sentence, -errno.
 */
int state_load(struct master *m, int fd, int **fds_r, size_t *n_r,
               const char **why_r);

/* The rest of a load, once the descriptors are there: reports are heard, the
 * ends of forked processes watched. */
void state_listen(struct master *m);

#endif
