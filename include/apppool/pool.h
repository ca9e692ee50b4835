/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.h - what a client asks the pool: sessions, numbers, limits.
 *
 * A client may be used by any number of threads at once, and may hold any
 * number of sessions. A thread that waits has a channel of its own.
 */
#ifndef APPPOOL_POOL_H
#define APPPOOL_POOL_H

#include <sys/uio.h>

#include <apr_pools.h>
#include <apr_time.h>

#include "apppool/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct apppool_client;

/* Why a get failed; texts live in the pool given to apppool_get(). */
struct apppool_failure {
    const char *message;  /* for the log; never NULL after an error */
    const char *page;     /* HTML page for a person; NULL: none */
    unsigned retry_after_s; /* 0: not said */
    const char *id;       /* of a failed start, found in the log by it; NULL */
};

/* Zero it, then set what differs. */
struct apppool_get_options {
    apr_uint32_t app;        /* number of a definition; 0: by root */
    const char *root;        /* root of the application; with app != 0 only for
                                a definition whose root the request brings */
    int keep_privilege;      /* 1: the original's lowerPrivilege = false: run as
                                the server's starter. Root alone */
    const char *lowest_user; /* NULL: "nobody". Root alone */
    apr_uint64_t sticky;     /* apppool_session_sticky() of an earlier session:
                                that process, even if it has to be waited for;
                                if it is gone, any. 0: any */
    apr_interval_time_t timeout; /* in all; 0: the server's own limits only */
    apr_interval_time_t age; /* how long the request has waited already */
    int watch_fd;            /* > 0: this connection is watched while waiting;
                                hang-up, error or, after 250 ms, end of input
                                abandon */
    const char *line;        /* the request, for the status; NULL: not said */
    const char *peer;        /* whose it is, likewise */
    int (*abandoned)(void *baton); /* asked every 250 ms; non-zero abandons */
    void *baton;

    /* How the request begins, in the words of this protocol: a thread that
     * hands its process over sends it at once, before this one has even woken
     * up. Borrowed until the get returns; apppool_session_sent() tells what
     * went out. NULL: nothing is sent. */
    const struct iovec *first;
    int n_first;
    enum apppool_session_protocol first_protocol;
    int first_if_silent; /* non-zero: not where something can be read already,
                            or the connection has come to its end */
};

/*
 * A session with an application process: one that is free, a new one, or after
 * a wait in the queue. The session lives in `p`, whose cleanup closes it as
 * broken unless it was closed before.
 *
 * APR_SUCCESS; APPPOOL_ESPAWN, APPPOOL_EBUSY, APPPOOL_ETIMEOUT,
 * APPPOOL_EUNKNOWN, APPPOOL_EABANDONED, APPPOOL_EIO (no server),
 * APPPOOL_EPROTO; *failure_r (may be NULL) has the words.
 */
apr_status_t apppool_get(struct apppool_client *client,
                         const struct apppool_get_options *options,
                         struct apppool_session **session_r,
                         struct apppool_failure *failure_r, apr_pool_t *p);

/*
 * Admin operations: on an admin client, or on any client of a server that was
 * never sent a configuration; else APPPOOL_EDENIED.
 *
 * clear: idle processes end now, the others when their session closes.
 * set_max: greatest number of processes (> 0); below the count idle ones end,
 * then others as they come free. set_max_idle_time: seconds, 0 = never.
 */
apr_status_t apppool_clear(struct apppool_client *client);
apr_status_t apppool_set_max(struct apppool_client *client, unsigned max);
apr_status_t apppool_set_max_idle_time(struct apppool_client *client,
                                       unsigned seconds);

/* Processes with a session / processes alive, starting and retiring included /
 * the process that starts applications (the master). */
apr_status_t apppool_get_active(struct apppool_client *client,
                                unsigned *active_r);
apr_status_t apppool_get_count(struct apppool_client *client,
                               unsigned *count_r);
apr_status_t apppool_get_spawn_server_pid(struct apppool_client *client,
                                          pid_t *pid_r);

/*
 * Restart the application with this root, NULL: all. Returns when new code
 * serves. APPPOOL_EUNKNOWN; APPPOOL_EFAILED: it does not start, the old
 * processes go on serving, *message_r (may be NULL, from p) has the error.
 */
apr_status_t apppool_restart(struct apppool_client *client, const char *root,
                             const char **message_r, apr_pool_t *p);

/* Retire the process with this pid as soon as it is free. */
apr_status_t apppool_detach_process(struct apppool_client *client, pid_t pid);

/* The state of the whole pool as JSON, into p. Any client may ask. */
apr_status_t apppool_status(struct apppool_client *client,
                            const char **json_r, apr_size_t *len_r,
                            apr_pool_t *p);

/*
 * The configuration in words, as JSON, into p: what the httpd that started the
 * server told it. Admin. APPPOOL_EFAILED: it was never told one.
 */
apr_status_t apppool_config(struct apppool_client *client,
                            const char **json_r, apr_size_t *len_r,
                            apr_pool_t *p);

/* Health says no from now on (0: yes again); nothing else changes. Admin. */
apr_status_t apppool_drain(struct apppool_client *client, int draining);

/*
 * Have the loader of the process with this pid print where its threads are;
 * *text_r, from p, is what it printed. Admin. APPPOOL_EFAILED: it cannot, with
 * the reason in *text_r.
 */
apr_status_t apppool_backtrace(struct apppool_client *client, pid_t pid,
                               const char **text_r, apr_pool_t *p);

/* Does the engine answer? Waits at most `timeout`. */
apr_status_t apppool_ping(struct apppool_client *client,
                          apr_interval_time_t timeout);

/*
 * Has the server gone (its end of the client's first channel is closed)?
 * Cheap; never blocks.
 */
int apppool_client_is_lost(struct apppool_client *client);

/*
 * Close the client now instead of with the pool. Threads that wait get
 * APPPOOL_EIO (within 2 s where the server does not even answer a CANCEL).
 * Sessions go on: the server sees the end of the client with that of its last
 * session.
 */
void apppool_client_close(struct apppool_client *client);

#ifdef __cplusplus
}
#endif
#endif
