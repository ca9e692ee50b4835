/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.h - what this master has started, for the one after it.
 *
 * A master that is killed leaves processes behind that nobody ends if they are
 * deaf to SIGTERM. So it notes their sessions in a memfd that httpd's parent
 * keeps and hands to the next pool server (leftovers.h). Only this master can
 * write to it: it is sealed before anybody else gets it (memfd_create(2)).
 */
#ifndef APPPOOL_MASTER_LEDGER_H
#define APPPOOL_MASTER_LEDGER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A session that a process led, or that the ancestor of a fork did. */
struct ledger_entry {
    uint64_t leader_started; /* as proc_stat.h has it; 0: it had gone */
    int32_t session;         /* 0: this entry is free */
};

#define LEDGER_ENTRIES 16384
#define LEDGER_SIZE    (LEDGER_ENTRIES * sizeof(struct ledger_entry))

struct ledger;

/* NULL: no memory; then nothing is noted. */
struct ledger *ledger_open(void);
void ledger_close(struct ledger **ledger);

/* Its descriptor, for reading; borrowed. -1 where there is none. */
int ledger_fd(const struct ledger *ledger);

/* Note a session, and no longer. A full ledger notes no more. */
void ledger_note(struct ledger *ledger, pid_t session);
void ledger_note_again(struct ledger *ledger,
                       const struct ledger_entry *entry);
void ledger_strike(struct ledger *ledger, pid_t session);

/* The entries of an earlier master's ledger; free() them. NULL: it is none, or
 * somebody may have written to it. */
struct ledger_entry *ledger_read(int fd, size_t *n_r);

#endif
