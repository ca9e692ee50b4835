/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.h - a start that failed: its words, its lines in the log, its id, its
 * page.
 */
#ifndef APPPOOL_ENGINE_FAILURE_H
#define APPPOOL_ENGINE_FAILURE_H

#include "running.h"

/* It will never be ready; end: how it ended, "exited with 1". Tells core. */
void failure_of_start(struct running *running, const char *end);

/* It was not ready in time and is told to show where it hangs; the core knows
 * that already. Called again when it has ended: then there is more to show. */
void failure_of_patience(struct running *running);

#endif
