/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reports.h - what a process says while it starts: apppool-spawn, then a
 * loader, then the application, which may say whatever it likes.
 *
 * server/loaders/README has the words.
 */
#ifndef APPPOOL_ENGINE_REPORTS_H
#define APPPOOL_ENGINE_REPORTS_H

#include "engine.h"

/* Link message. */
void reports_on_reported(struct engine *engine, struct wire_message *m);

#endif
