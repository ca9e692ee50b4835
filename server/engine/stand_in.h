/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stand_in.h - a changed definition is replaced rolling.
 *
 * To the pool it is another application, with another number. Until its first
 * process is up, requests for it go to the application of the generation before
 * that has its root; if it does not start, that one goes on serving. Nothing is
 * kept of it for an engine that follows: requests then wait for the new one.
 */
#ifndef APPPOOL_ENGINE_STAND_IN_H
#define APPPOOL_ENGINE_STAND_IN_H

#include "definition.h"

/* A generation is complete: who has come with it is given a stand-in, and its
 * first process is started. */
void stand_in_appoint_all(struct engine *engine);

/* Whose processes serve a request for d: its stand-in's or its own. */
struct definition *stand_in_of(struct definition *d);

/* d's first process is about to serve: one of the stand-in's leaves for it. */
void stand_in_relieve(struct definition *d);

/* d has a process that serves, or goes. No-op where it has no stand-in. */
void stand_in_dismiss(struct definition *d);

#endif
