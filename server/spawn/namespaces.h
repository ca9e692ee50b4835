/* SPDX-License-Identifier: Apache-2.0 */
/*
 * namespaces.h - PoolIsolation tmp and ipc: places of its own.
 */
#ifndef APPPOOL_SPAWN_NAMESPACES_H
#define APPPOOL_SPAWN_NAMESPACES_H

#include "spawn.h"

/* Into namespaces of our own, for what spawn->isolation says. */
void namespaces_enter(const struct spawn *spawn);

#endif
