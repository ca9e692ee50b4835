/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftovers.h - ends what a master that was killed has left behind.
 */
#ifndef APPPOOL_MASTER_LEFTOVERS_H
#define APPPOOL_MASTER_LEFTOVERS_H

#include "master.h"

/* A config message: the ledger of the master before. Its processes have a few
 * seconds more for requests in flight; what is there then is killed. */
void leftovers_on_ledger(struct master *m, struct wire_message *msg);

/* Forget; nothing is killed. */
void leftovers_free(struct master *m);

#endif
