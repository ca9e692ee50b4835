/* SPDX-License-Identifier: Apache-2.0 */
/*
 * child.h - what an httpd child has of the pool: its client, its sessions.
 */
#ifndef MOD_APPPOOL_CHILD_H
#define MOD_APPPOOL_CHILD_H

#include <apr_pools.h>
#include <apr_ring.h>
#include <httpd.h>

#include "apppool/pool.h"
#include "apppool/server.h"
#include "mailbox.h"
#include "startup.h"

struct child;

/* A session that runs, so that a stop can end it. Embedded in its owner. */
struct running {
    APR_RING_ENTRY(running) link;
    int fd;               /* borrowed from the session */
    struct child *child;  /* NULL: not in the list */
};

/*
 * In a fresh child: connect to the server, then give up everything else of it.
 * Never fails: without a server requests get 503 until there is one again.
 * *box is the mailbox of the parent, who has this pid; the child keeps the
 * reader's end of it.
 */
struct child *child_new(apr_pool_t *pchild, server_rec *s,
                        const struct apppool_server_state *server,
                        const struct mailbox *box, pid_t parent);

/* httpd stops or restarts now: break off what runs, so that handlers return. */
void child_stop(struct child *child);
int child_is_stopping(const struct child *child);

/*
 * As apppool_get(), with whatever server runs now: a server that was lost is
 * looked for anew, and waited for up to 2 s.
 */
apr_status_t child_get(struct child *child,
                       const struct apppool_get_options *options,
                       struct apppool_session **session_r,
                       struct apppool_failure *failure_r, apr_pool_t *p);

/* As apppool_status(). */
apr_status_t child_status(struct child *child, const char **json_r,
                          apr_size_t *len_r, apr_pool_t *p);

/* As apppool_restart() and apppool_detach_process(). */
apr_status_t child_restart(struct child *child, const char *root,
                           const char **message_r, apr_pool_t *p);
apr_status_t child_detach(struct child *child, pid_t pid);

void child_add_running(struct child *child, struct running *running, int fd);
void child_remove_running(struct running *running);

struct startup_cache *child_startup(struct child *child);

#endif
