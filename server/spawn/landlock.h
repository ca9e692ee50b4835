/* SPDX-License-Identifier: Apache-2.0 */
/*
 * landlock.h - PoolIsolation files and signals.
 */
#ifndef APPPOOL_SPAWN_LANDLOCK_H
#define APPPOOL_SPAWN_LANDLOCK_H

#include "spawn.h"

/* For good, and for all that is executed from here on. */
void landlock_enter(const struct spawn *spawn);

#endif
