/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect.h - connections of clients to processes, known by client and slot.
 *
 * The master keeps a copy of each: by shutting its copy down it revokes the
 * connection, whatever the client does with its own.
 */
#ifndef APPPOOL_MASTER_CONNECT_H
#define APPPOOL_MASTER_CONNECT_H

#include "master.h"

struct client;
struct process;

/* Link messages. */
void connect_on_connect(struct master *m, struct wire_message *msg);
void connect_on_revoke(struct master *m, struct wire_message *msg);

/* Revoke all of a client's, or of a process's (who waits is told). */
void connect_revoke_client(struct master *m, struct client *client);
void connect_revoke_process(struct process *p);

/* The engine has died: revoke its probes and what it has not been told of. */
void connect_engine_lost(struct master *m);

/* Tell a new engine of every connection: SLOT_KEPT. */
void connect_tell(struct master *m);

/* For state.h: connections that go on in the next image. */
struct connection_facts {
    uint32_t client, slot, process; /* numbers */
    int fd;
};
void connect_each(const struct master *m,
                  void (*each)(void *baton,
                               const struct connection_facts *facts),
                  void *baton);
/* False: there is no such client or process, or one already. */
bool connect_restore(struct master *m, const struct connection_facts *facts);

#endif
