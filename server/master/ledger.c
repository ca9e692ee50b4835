/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ledger.c - see ledger.h.
 */
#include "ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_stat.h"
#include "socket.h"

/* Our own mapping is older than the seal, and stays writable. */
#define SEALS                                                                 \
    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)

struct ledger {
    int fd;
    struct ledger_entry *entries; /* mapped */
    size_t n_used;                /* none is in use from here on */
};

static int map(struct ledger *ledger)
{
    void *mapped;

    if (ftruncate(ledger->fd, (off_t)LEDGER_SIZE) < 0) {
        return -errno;
    }
    mapped = mmap(NULL, LEDGER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                  ledger->fd, 0);
    if (mapped == MAP_FAILED) {
        return -errno;
    }
    ledger->entries = mapped;
    return fcntl(ledger->fd, F_ADD_SEALS, SEALS) < 0 ? -errno : 0;
}

struct ledger *ledger_open(void)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));

    if (ledger == NULL) {
        return NULL;
    }
    ledger->fd = memfd_create("apppool-ledger",
                              MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (ledger->fd < 0 || map(ledger) < 0) {
        ledger_close(&ledger);
    }
    return ledger;
}

void ledger_close(struct ledger **ledger)
{
    if (*ledger == NULL) {
        return;
    }
    if ((*ledger)->entries != NULL) {
        munmap((*ledger)->entries, LEDGER_SIZE);
    }
    fd_close(&(*ledger)->fd);
    free(*ledger);
    *ledger = NULL;
}

int ledger_fd(const struct ledger *ledger)
{
    return ledger != NULL ? ledger->fd : -1;
}

/* The entry of this session; NULL: it has none. */
static struct ledger_entry *find(struct ledger *ledger, pid_t session)
{
    for (size_t i = 0; ledger != NULL && i < ledger->n_used; i++) {
        if (ledger->entries[i].session == session) {
            return &ledger->entries[i];
        }
    }
    return NULL;
}

void ledger_note_again(struct ledger *ledger, const struct ledger_entry *entry)
{
    struct ledger_entry *place = find(ledger, entry->session);

    if (place == NULL) {
        place = find(ledger, 0);
    }
    if (place == NULL && ledger != NULL && ledger->n_used < LEDGER_ENTRIES) {
        place = &ledger->entries[ledger->n_used++];
    }
    if (place != NULL) {
        *place = *entry;
    }
}

void ledger_note(struct ledger *ledger, pid_t session)
{
    struct ledger_entry entry = { .session = session };
    struct proc_stat leader;

    if (session > 0) {
        if (proc_stat_read(session, &leader) == 0) {
            entry.leader_started = leader.started;
        }
        ledger_note_again(ledger, &entry);
    }
}

void ledger_strike(struct ledger *ledger, pid_t session)
{
    struct ledger_entry *entry = session > 0 ? find(ledger, session) : NULL;

    if (entry != NULL) {
        *entry = (struct ledger_entry){ .session = 0 };
    }
}

struct ledger_entry *ledger_read(int fd, size_t *n_r)
{
    struct ledger_entry *entries;
    struct stat st;

    *n_r = 0;
    if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st) < 0 ||
        st.st_size != (off_t)LEDGER_SIZE) {
        return NULL;
    }
    entries = malloc(LEDGER_SIZE);
    if (entries != NULL &&
        pread(fd, entries, LEDGER_SIZE, 0) != (ssize_t)LEDGER_SIZE) {
        free(entries);
        return NULL;
    }
    for (size_t i = 0; entries != NULL && i < LEDGER_ENTRIES; i++) {
        if (entries[i].session > 0) {
            entries[(*n_r)++] = entries[i];
        }
    }
    return entries;
}
