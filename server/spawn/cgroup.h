/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup.h - PoolIsolation memory, cpu and pids: limits for all processes of an
 * application together.
 */
#ifndef APPPOOL_SPAWN_CGROUP_H
#define APPPOOL_SPAWN_CGROUP_H

#include "spawn.h"

/* Into the application's group, made where it is not there, its limits set. */
void cgroup_enter(const struct spawn *spawn);

#endif
