/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt.h - definitions for roots that only a client named.
 *
 * Without a configuration any root will do (library users, tests); with one
 * the root takes over the fields of a template, and apppool-spawn matches the
 * root it really opened against PoolAllowRoots.
 */
#ifndef APPPOOL_MASTER_ADOPT_H
#define APPPOOL_MASTER_ADOPT_H

#include "master.h"

struct definition;

/* Link message; answered with DEFINE (when new) and ADOPTED. */
void adopt_on_adopt(struct master *m, struct wire_message *msg);

/* For state.h: d was adopted under this key. */
void adopt_restore(struct master *m, struct definition *d, const char *key);

/* Its key is no longer looked up. */
void adopt_forget(struct master *m, const struct definition *d);

#endif
