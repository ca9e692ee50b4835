/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.h - slots that a client keeps after its request.
 *
 * A lease is a slot lent without want: the client uses it again without asking,
 * as long as nobody else needs the process. To the core it is one long session.
 * As soon as somebody waits it is pressed: a FREE word is taken back at once, a
 * BUSY one that has been lent for LEASE_US gets want and comes back with its
 * request. So nobody waits beside an idle process for longer than that.
 */
#ifndef APPPOOL_ENGINE_LEASE_H
#define APPPOOL_ENGINE_LEASE_H

#include "slot.h"

/* How long a client may hand a process on among its own threads while others
 * wait. Short: fair; long: fewer messages. */
#define LEASE_US 2000
/* The same where each change of clients costs a connection (exclusive.h). */
#define LEASE_EXCLUSIVE_US 10000

/* May this slot be lent without want? Not where requests are counted or timed
 * one by one, nor to a client that did not say it knows leases. */
bool lease_is_allowed(const struct slot *slot);

/* The slot has just been lent without want. */
void lease_begin(struct slot *slot);

/* It has been given back or revoked; harmless for one that is no lease. */
void lease_end(struct slot *slot);

/*
 * A request is about to ask the core for the application, or waits there now.
 * before: a FREE lease is taken back so that the core has an idle process; one
 * of this process, if it is wanted (NULL: any).
 */
void lease_before_get(struct definition *definition,
                      const struct running *wanted);
void lease_waits(struct engine *engine, struct definition *definition);

/* Processes that are to end have their sessions recalled. */
void lease_recall(struct engine *engine);

/* No leases of this application from now on. */
void lease_recall_all_of(struct definition *definition);

/* Is no request in it: is all that is lent of it a lease that rests? */
bool lease_rests(const struct running *running);

/* Processes with a request in them. The core takes a lease for one. */
unsigned lease_count_active(const struct engine *engine);

/* Once a second: take back what was not used, count requests. */
void lease_look(struct engine *engine);

/* The definition goes. */
void lease_definition_gone(struct definition *definition);

#endif
