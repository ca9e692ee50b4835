/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system_limits.h - what the system grants: descriptors, the OOM killer's
 * mercy, a user for the engine, a folder for sockets that are gone at once.
 */
#ifndef APPPOOL_MASTER_SYSTEM_LIMITS_H
#define APPPOOL_MASTER_SYSTEM_LIMITS_H

#include "master.h"

/* Take as many descriptors as the hard limit allows; applications get back
 * what was there before (m->nofile). */
void limits_raise_nofile(struct master *m);

/* Be one of the last to be killed for memory, where that is allowed. */
void limits_lower_oom_score(struct master *m);

/* What a container does not let root do: m->missing, one line in the log. */
void limits_note_missing(struct master *m);

/*
 * Choose the engine's user: options.user as server.h says it; never root.
 * Only counts when started as root.
 */
void limits_choose_engine_user(struct master *m);

/* --runtime-dir, else /run if writable, else TMPDIR, else /tmp. */
const char *limits_runtime_dir(const struct master *m);

#endif
