/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_world.h - an engine whose master and clients are the test.
 *
 * The engine runs in a process of its own with its link at descriptor 3, as it
 * does under a real master. Names are short: a test reads as a dialogue. Every
 * wait has a deadline.
 */
#ifndef APPPOOL_TEST_ENGINE_WORLD_H
#define APPPOOL_TEST_ENGINE_WORLD_H

#include "board.h"
#include "message.h"
#include "slot_word.h"

#include <check.h>

#define PATIENCE_MS 5000
#define CLIENT 7 /* its number; be_client(CLIENT + 1) makes another one */
#define ROOT "/srv/blog"
#define APP 0x80000000u

extern int master;              /* the master's end of the link */
extern int channel;             /* the client's end of its first channel */
extern struct slot_line *board; /* the client's */
extern struct wire_message m;   /* the one received last */
extern uint32_t epoch;          /* that RESET told; 0: none */

/* What is defined from now on. */
extern struct kind {
    uint32_t type, protocol, concurrency;
} kind;

/* Fixtures: an engine with a client that has said nothing, a plain HELLO, or
 * one with leases. */
void setup_untold(void); /* not even START has been told, and no client */
void setup(void);
void setup_greeted(void);
void setup_leasing(void);
void teardown(void);

/* channel and board are this client's from now on; a new one greets first. */
void be_client(uint32_t number);

/* The next message has this type; what is for the watcher may come before. */
void expect(int fd, unsigned from, enum wire_type type);
void expect_silence(int fd);

void begin(struct wire_message *out, enum wire_type type, uint32_t id);
void finish(int fd, struct wire_message *out);

/* The master's part. */
void tell_start(void);
void tell_client(uint32_t number, uid_t uid);
/* The client as it was told to the engine before this one. */
void tell_old_client(uint32_t generation);
void tell_define(uint32_t app);
void tell_adopted(uint32_t id);
void tell_spawned(uint32_t process, pid_t pid);
void tell_report(uint32_t process, const char *text);
void tell_gone(uint32_t process, uint32_t status);
/* Answer the CONNECT in m. Returns the application's end. */
int tell_connected(void);

/* The client's part. */
void ask(enum wire_type type, uint32_t id);
void say(enum wire_type type, uint32_t id, enum wire_field field,
         uint32_t value);
void say_hello(void);
void say_get(uint32_t id);
/* The slot's word goes back, and RETURN or CLOSED says so. */
void give_back(uint32_t slot, enum wire_type how);

/* GET by root up to SPAWN; returns the number of the process. */
uint32_t get_up_to_spawn(void);
/* And on up to an accepted OFFER on *slot_r; returns the application's end. */
int get_session(uint32_t *process_r, uint32_t *slot_r);

uint64_t word_of(uint32_t slot);
/* Wait until the engine has changed the word's state or its want. */
void expect_word(uint32_t slot, enum slot_state state, bool wanted);

/* The server's status, asked for by the client, has this text. */
void expect_status(const char *part);

#endif
