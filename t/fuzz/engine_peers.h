/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_peers.h - an engine in this process, its master and its clients.
 *
 * The master is a good one and answers what it is asked; what applications and
 * clients do comes from the input. Time stands still until it is moved on.
 */
#ifndef APPPOOL_FUZZ_ENGINE_PEERS_H
#define APPPOOL_FUZZ_ENGINE_PEERS_H

#include <stdbool.h>

#include "board.h"
#include "engine.h"

enum { PEER_CLIENTS = 4, PEER_CHANNELS = 4, PEER_PROCESSES = 16 };

struct peer_client {
    uint32_t number;               /* 0: none */
    int channels[PEER_CHANNELS];   /* its ends; -1: none */
    struct slot_line *board;       /* NULL: an admin's channel */
};

struct peer_process {
    uint32_t number; /* 0: none */
    int output;      /* what it prints goes in here */
    bool was_ready;  /* for an engine before */
};

struct peers {
    struct engine *engine;
    apr_pool_t *pool;
    int link;                      /* the master's end */
    int engine_end;
    uint32_t last_client, next_adopted, generation, last_process;
    bool started, refuses;         /* refuses: no process takes connections */
    struct peer_client clients[PEER_CLIENTS];
    struct peer_process processes[PEER_PROCESSES];
};

void peers_open(struct peers *peers);
/* Aborts unless the engine still answers; everything is freed. */
void peers_close(struct peers *peers);

/* Let the engine do all there is to be done, and answer it. */
void peers_turn(struct peers *peers);
void peers_move_time(int64_t us);

/* The master says m, and clears it. */
void peers_tell(struct peers *peers, struct wire_message *m);
/* It says one of these numbers. */
void peers_tell_number(struct peers *peers, enum wire_type type,
                       enum wire_field field, uint32_t number);

/* known: an engine before this one had it, too. */
void peers_new_client(struct peers *peers, bool admin, bool known);
void peers_new_process(struct peers *peers, uint32_t number, uint32_t app,
                       bool known, bool ready);
void peers_end_process(struct peers *peers, struct peer_process *process,
                       uint32_t status);

#endif
