/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - one connection of one client to one process, and its line.
 *
 * A slot exists from the CONNECT on and until its connection is revoked. In
 * between it is lent again and again, to the same client only.
 */
#ifndef APPPOOL_ENGINE_SLOT_H
#define APPPOOL_ENGINE_SLOT_H

#include "client.h"
#include "metrics.h"
#include "running.h"

struct slot {
    LIST_ENTRY(slot) next;   /* in running->slots */
    struct client *client;
    struct running *running;
    uint32_t line;           /* in client->slots */
    int fd;                  /* client's end, not passed on yet; else -1 */
    bool connected;          /* CONNECTED has come */
    bool lent;               /* the core counts it as a session */
    bool is_lease;           /* lent without want; in definition->leases */
    LIST_ENTRY(slot) lease;
    int64_t lent_us;         /* a lease: since when */
    uint64_t seen_word;      /* a lease: when last looked at */
    uint32_t uses_counted;   /* a lease: up to here; 0: none */
    struct metrics_seen seen_times; /* collected from its note */
    bool is_tunnel;          /* lent, and its client said so */
    bool seen_empty;         /* lent, yet EMPTY when last looked at */
    struct request *request; /* waits for CONNECTED; NULL: none */
};

/* A slot of this client and process that can be lent at once; NULL: none. */
struct slot *slot_find_kept(struct client *client, struct running *running);

/* A new slot on an unused line; NULL: the board is full. */
struct slot *slot_new(struct client *client, struct running *running);

/* NULL: no slot on that line. */
struct slot *slot_at(struct client *client, uint32_t line);

struct slot_line *slot_line(const struct slot *slot);

/* Make the word EMPTY with the next generation, and forget the slot. The
 * master is not told. */
void slot_free(struct slot *slot);

/* Tell the master to shut the connection down, then slot_free(). */
void slot_revoke(struct slot *slot);

#endif
