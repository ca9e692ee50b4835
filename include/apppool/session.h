/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - the loan of an application process for one request.
 *
 * A session is one connected Unix stream socket. It may outlive the client it
 * came from; ids are never reused. One thread at a time.
 */
#ifndef APPPOOL_SESSION_H
#define APPPOOL_SESSION_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct apppool_session;

/* How it ended; decides what becomes of connection and process. */
enum apppool_session_end {
    APPPOOL_SESSION_KEPT,  /* response complete, the connection can take the
                              next request */
    APPPOOL_SESSION_ENDED, /* response complete, the connection is done with */
    APPPOOL_SESSION_BROKEN /* in the middle of something: the process counts as
                              in use until it takes a new connection */
};

/* What the application speaks; values as on the wire. */
enum apppool_session_protocol {
    APPPOOL_SCGI = 1,
    APPPOOL_HTTP = 2,
    APPPOOL_FASTCGI = 3
};

/*
 * The descriptor to read from / write to: the same socket, borrowed, blocking
 * or not as the caller sets it. -1 after close_reader / close_writer.
 */
int apppool_session_reader(const struct apppool_session *session);
int apppool_session_writer(const struct apppool_session *session);

/* Half-close. close_writer tells the application that the request is over.
 * Afterwards the session can no longer end as KEPT. Twice is harmless. */
apr_status_t apppool_session_close_reader(struct apppool_session *session);
apr_status_t apppool_session_close_writer(struct apppool_session *session);

pid_t apppool_session_pid(const struct apppool_session *session);
enum apppool_session_protocol apppool_session_protocol(
    const struct apppool_session *session);

/* Never the same twice within a server. */
apr_uint64_t apppool_session_id(const struct apppool_session *session);

/* Random id of the process, for the `sticky` of a later get. */
apr_uint64_t apppool_session_sticky(const struct apppool_session *session);

/* Has the connection carried an earlier request? Then end of file or EPIPE
 * before the first byte only says that it had gone stale: get again. */
int apppool_session_is_reused(const struct apppool_session *session);

/* Bytes of the options' `first` that are on their way to the application. */
apr_size_t apppool_session_sent(const struct apppool_session *session);

/* Time between get and hand-out, and the part of it a start was waited for. */
apr_interval_time_t apppool_session_queue_time(
    const struct apppool_session *session);
apr_interval_time_t apppool_session_spawn_time(
    const struct apppool_session *session);

/*
 * The request has become another protocol (101), client and application talk as
 * long as they like: no limit for requests applies any more. When the process
 * is to end (a restart ...) the connection is shut down.
 */
void apppool_session_upgraded(struct apppool_session *session);

/*
 * Give the process back; the session must not be used afterwards. NULL is
 * harmless. Never blocks.
 */
void apppool_session_close(struct apppool_session *session,
                           enum apppool_session_end end);

#ifdef __cplusplus
}
#endif
#endif
