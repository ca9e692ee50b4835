/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generations.h - when a long connection has to make room in the scoreboard.
 */
#ifndef MOD_APPPOOL_GENERATIONS_H
#define MOD_APPPOOL_GENERATIONS_H

#include <stdbool.h>

/*
 * Do children of earlier generations (before a graceful restart) hold more than
 * half of the places for processes, and is this child of the oldest one?
 */
bool generations_need_room(void);

#endif
