/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - the sockets over which applications report, one for a process
 * that apppool-spawn starts and all that it forks.
 *
 * A packet is passed on to the engine unread, under the number of the process
 * that the kernel names as its sender. A preloader forks one process at a
 * time: the next packet from a pid not known so far is that process's. Any
 * packet of the preloader's own meanwhile means that the fork came to nothing.
 */
#ifndef APPPOOL_MASTER_REPORT_H
#define APPPOOL_MASTER_REPORT_H

#include "master.h"

/*
 * A report socket for p. *application_end_r: the other end, yours, blocking.
 * 0 or -errno.
 */
int report_new(struct process *p, int *application_end_r);

/* p, to be forked, reports where its preloader does. */
void report_join(struct process *p, const struct process *preloader);

/* p is about to be freed; the socket goes with its last process. */
void report_leave(struct process *p);

/* What p had still to say when it ended; engine permitting. */
void report_read_rest(struct process *p);

/* p will fork no more: forks that wait for it have failed. */
void report_forks_failed(struct process *p);

/* Ask for the next fork, if none is under way. */
void report_ask_next(struct report *report);

/* Is any preloader about to fork? */
bool report_any_fork(const struct master *m);

/* Another process that writes to the same output; NULL: none. */
struct process *report_sibling(const struct process *p);

/* p's output is that of all who report where it does. */
void report_set_output(const struct process *p);

/* For state.h: what of a report goes on in the next image. */
struct report_facts {
    int fd;
    bool forks;
    uint64_t output_device, output_inode;
};
struct report_facts report_facts(const struct report *report);
/* The one after this; NULL: the first, or none. */
const struct report *report_next(const struct master *m,
                                 const struct report *report);
const struct process *report_next_process(const struct report *report,
                                          const struct process *p);
/* Nothing is heard of a restored report before report_listen_all(). */
struct report *report_restore(struct master *m,
                              const struct report_facts *facts);
void report_restore_process(struct report *report, struct process *p);
void report_listen_all(struct master *m);

void report_pause_all(struct master *m, bool paused);

#endif
