/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - starts apppool-spawn for a definition, or has a preloader fork.
 *
 * What apppool-spawn finds is said in server/spawn/README.
 */
#ifndef APPPOOL_MASTER_SPAWN_H
#define APPPOOL_MASTER_SPAWN_H

#include "master.h"

/* Link messages; answered with SPAWNED or SPAWN_ERROR. */
void spawn_on_spawn(struct master *m, struct wire_message *msg);
void spawn_on_fork(struct master *m, struct wire_message *msg);

#endif
