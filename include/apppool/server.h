/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - start, connect to, detach from and stop a pool server.
 *
 * The pool server is a child of the process that started it and is found by a
 * descriptor, not by a name: only that process and its forks can connect.
 * Threads: start, restart, shutdown and detach by one thread at a time;
 * connect by any.
 */
#ifndef APPPOOL_SERVER_H
#define APPPOOL_SERVER_H

#include <apr_pools.h>
#include <apr_thread_proc.h>

#ifdef __cplusplus
extern "C" {
#endif

struct apppool_server;
struct apppool_client;

/* Zero it, then set what differs from the default. Strings are copied. */
struct apppool_server_options {
    const char *server_executable; /* without a slash: looked up in PATH;
                                      NULL: as installed */
    const char *spawn_server;  /* program that starts applications; NULL: as
                                  installed */
    const char *log_file;      /* output of server and applications, appended;
                                  NULL or "": this process's stdout/stderr */
    const char *environment;   /* RAILS_ENV and its kin; NULL: "production"; "":
                                  the variables as they are now */
    const char *ruby;          /* NULL: "ruby" */
    const char *user;          /* of the engine, counts only for root; NULL,
                                  "" or unknown: nobody; "auto": as
                                  PoolServerUser's default */
    const char *runtime_dir;   /* where private socket folders live for a
                                  moment; NULL: /run if writable, else TMPDIR */
    int admin;                 /* 1: make an admin pair, too (httpd) */
};

/*
 * Start a pool server. `p` owns the handle; its cleanup shuts the server down
 * if this process started it, and only closes descriptors in a forked copy.
 * Returns when the server program runs (a failed exec is an error with its
 * reason), not when it is ready: whoever connects waits for that.
 *
 * APR_SUCCESS; APR_ENOENT, APR_EACCES (executable; log file), APR_EINVAL
 * (options), other errors of fork(2) and socketpair(2). *message_r (may be
 * NULL) is a sentence from p that names the path and the reason.
 */
apr_status_t apppool_server_start(
    struct apppool_server **server_r,
    const struct apppool_server_options *options, const char **message_r,
    apr_pool_t *p);

/*
 * Stop the server (if it runs) and start one anew with the same options.
 * Clients connected before lose their channel. Errors as for start.
 */
apr_status_t apppool_server_restart(struct apppool_server *server,
                                    const char **message_r);

/*
 * Close the server's socket, give it 5 s to end with all its applications, then
 * SIGTERM, then SIGKILL; reap it. Waits on a pidfd. Twice is harmless. In a
 * process that did not start the server it only closes descriptors.
 * APR_SUCCESS; APR_CHILD_NOTDONE never: afterwards there is no process.
 */
apr_status_t apppool_server_shutdown(struct apppool_server *server);

/*
 * A new client: sends one byte, receives a channel, says HELLO. Waits at most
 * 5 s. `p` owns the client. A process may have 64 clients at a time; threads
 * share one.
 * APR_SUCCESS, APPPOOL_EDETACHED, APPPOOL_EIO, APPPOOL_ETIMEOUT,
 * APPPOOL_EPROTO.
 */
apr_status_t apppool_server_connect(struct apppool_server *server,
                                    struct apppool_client **client_r,
                                    apr_pool_t *p);

/*
 * Give up this process's descriptors of the server (after a fork: of the
 * copy). Clients and sessions got before go on. Twice is harmless.
 */
apr_status_t apppool_server_detach(struct apppool_server *server);

/* Pid of the server's master process; 0 when there is none. */
pid_t apppool_server_pid(const struct apppool_server *server);

/*
 * For httpd's parent, whose memory the handle does not outlive: the
 * descriptors and pid as plain data, and a handle made from them again.
 * export: descriptors are owned by whoever keeps the data from then on; the
 * handle's cleanup no longer closes or stops anything.
 * import: the new handle owns them until they are exported again. It cannot
 * restart (APR_EINVAL: it has no options), and shuts down only what is a child
 * of this process.
 */
struct apppool_server_state {
    pid_t pid;         /* 0: none */
    int rendezvous;    /* client's end; -1: none */
    int admin;         /* admin pair's client end; -1: none */
    int pidfd;         /* -1: none */
    apr_uint32_t generation; /* of the configuration that clients of this
                                handle go by; 0: none */
};
void apppool_server_export(struct apppool_server *server,
                           struct apppool_server_state *state_r);
apr_status_t apppool_server_import(struct apppool_server **server_r,
                                   const struct apppool_server_state *state,
                                   apr_pool_t *p);

/*
 * Admin: an admin client (set_max, restart ...) through the admin pair.
 * As apppool_server_connect(); APPPOOL_EDENIED where there is no admin pair.
 */
apr_status_t apppool_server_connect_admin(struct apppool_server *server,
                                          struct apppool_client **client_r,
                                          apr_pool_t *p);

/*
 * An admin client over an admin pair's client end that the caller has (the
 * tool: duplicated from the master by pidfd_getfd(2)); fd is borrowed.
 */
apr_status_t apppool_client_from_admin(int fd,
                                       struct apppool_client **client_r,
                                       apr_pool_t *p);

#ifdef __cplusplus
}
#endif
#endif
