/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_world.h - a master whose engine is the test.
 *
 * The master's modules run in the test's own process, on its loop; the test
 * holds the engine's end of the link, and a shell script plays apppool-spawn.
 */
#ifndef APPPOOL_TEST_MASTER_WORLD_H
#define APPPOOL_TEST_MASTER_WORLD_H

#include "master.h"
#include "socket.h"

struct world {
    struct master *m;
    int engine;          /* engine's end of the link */
    int gate;            /* client's end of the rendezvous */
    int admin;           /* client's end of the admin pair; we are the parent */
    const char *folder;  /* the runtime folder */
    struct wire_message in; /* the last message for the engine */
};

extern struct world world;

/* Fixture; every descriptor and child must be gone afterwards. */
void world_begin(void);
void world_end(void);

/* apppool-spawn from now on: a shell script of this body. */
void world_set_spawn_server(const char *body);

/* Turn until the engine gets a message, which has to be of this type. */
struct wire_message *world_expect(enum wire_type type);

/* A number in that message; 0: it has none. */
uint32_t world_field(enum wire_field field);

/* Turn until the engine hears that the process reported this, or is gone. */
void world_expect_report(uint32_t process, const char *text);
void world_expect_gone(uint32_t process);

/* Or that it could not be spawned, and part of why. */
void world_expect_spawn_error(uint32_t process, int error, const char *part);
/* Ask for a connection that cannot be made. */
void world_expect_connect_error(uint32_t client, uint32_t slot,
                                uint32_t process, int error);

/* Turn a few times: nothing comes for the engine. */
void world_expect_nothing(void);

/* One turn, children reaped. */
void world_turn(void);

/* A message of the engine's: fields and values in pairs, 0 at the end. */
void world_say(enum wire_type type, ...);

/* Break the link and be the next engine, which has not been told anything. */
void world_replace_engine(void);

/* A client; *channel_r: its end of its first channel. Its number. */
uint32_t world_client(int *channel_r);

/* Ask gate (a client's end) with byte; the answer, -1 if there is none. */
int world_ask(int gate, char byte);

/* A definition that was adopted; its number. */
uint32_t world_definition(void);

/* Start a process with this script; its number. SPAWNED is in world.in. */
uint32_t world_process(const char *script);

/* In such a script: say that it is ready. */
#define REPORT_READY "printf READY >&4;"

/* Has the other side ended it? */
bool world_is_at_end(int fd);

/* Run f in a forked child, turn until it has ended with 0. */
void world_in_child(void (*f)(void));

#endif
