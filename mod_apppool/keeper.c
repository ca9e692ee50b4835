/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.c - starts, keeps and ends the pool server.
 */
#include "keeper.h"

#include <apr_portable.h>
#include <apr_strings.h>
#include <errno.h>
#include <http_log.h>
#include <http_main.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "configure.h"
#include "socket.h"

APLOG_USE_MODULE(apppool);

#define RETAINED "mod_apppool/keeper"
/* All is gone within 8 s of a stop (DESIGN 2): what has not ended is killed a
 * little before. */
#define END_PATIENCE apr_time_from_msec(7500)
/* A server that does not answer is not kept waiting for. */
#define RELOAD_MS 1000
#define MINUTE apr_time_from_sec(60)

static const struct apppool_server_state none = {.rendezvous = -1, .admin = -1,
                                                 .pidfd = -1};

static void init(struct keeper *keeper)
{
    keeper->layout = KEEPER_LAYOUT;
    apr_pool_create(&keeper->pool, NULL);
    keeper->numbers = apr_hash_make(keeper->pool);
    keeper->parent = getpid();
    keeper->server = none;
    keeper->ending = none;
    keeper->box = (struct mailbox){-1, -1};
    keeper->ledger = -1;
}

/* The server of another version of this module: nothing else of what that
 * kept can be read. */
static void end_predecessor(struct keeper *before, struct keeper *keeper)
{
    keeper->ending = before->ending;
    keeper->server = before->server;
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, ap_server_conf, "mod_apppool is "
                 "of another version than before: its pool server ends, and "
                 "another one is started");
    keeper_tell_end(keeper);
}

struct keeper *keeper_get(void)
{
    struct keeper *before = ap_retained_data_get(RETAINED);
    struct keeper *keeper = before;

    if (before == NULL || before->layout != KEEPER_LAYOUT) {
        keeper = ap_retained_data_create(RETAINED, sizeof(*keeper));
        init(keeper);
    }
    if (keeper != before && before != NULL) {
        end_predecessor(before, keeper);
    }
    return keeper;
}

void keeper_number(struct keeper *keeper, const struct definitions *all)
{
    int i;

    for (i = 0; i < all->all->nelts; i++) {
        struct definition *d = APR_ARRAY_IDX(all->all, i, struct definition *);
        apr_uint32_t *number = apr_hash_get(keeper->numbers, d->key,
                                            APR_HASH_KEY_STRING);

        if (number == NULL) {
            number = apr_palloc(keeper->pool, sizeof(*number));
            *number = ++keeper->last_number;
            apr_hash_set(keeper->numbers, apr_pstrdup(keeper->pool, d->key),
                         APR_HASH_KEY_STRING, number);
        }
        d->number = *number;
    }
}

/* A pidfd is readable once its process has ended, reaped or not. */
static int has_ended(const struct apppool_server_state *state, int wait_ms)
{
    struct pollfd watch = {.fd = state->pidfd, .events = POLLIN};
    int rc;

    if (state->pid == 0) {
        return 1;
    }
    do {
        rc = poll(&watch, 1, wait_ms);
    } while (rc < 0 && errno == EINTR);
    return rc != 0;
}

static void forget(struct apppool_server_state *state)
{
    fd_close(&state->rendezvous);
    fd_close(&state->admin);
    fd_close(&state->pidfd);
    *state = none;
}

int keeper_has_server(struct keeper *keeper)
{
    if (keeper->server.pid != 0 && has_ended(&keeper->server, 0)) {
        forget(&keeper->server);
    }
    return keeper->server.pid != 0;
}

/* Forks of ours may hold copies, so closing alone would say nothing. */
static void hang_up(int *fd)
{
    if (*fd >= 0) {
        shutdown(*fd, SHUT_RDWR);
    }
    fd_close(fd);
}

void keeper_announce_reload(struct keeper *keeper, apr_pool_t *until_read)
{
    apr_file_t *file = NULL;
    int fd;

    /* The cleanup must be APR's own: our code is gone by then. */
    if (keeper->server.pid != 0 &&
        rendezvous_ask(keeper->server.admin, RENDEZVOUS_RELOAD, RELOAD_MS,
                       &fd) == 0 &&
        apr_os_pipe_put_ex(&file, &fd, 1, until_read) != APR_SUCCESS) {
        fd_close(&fd);
    }
}

void keeper_tell_end(struct keeper *keeper)
{
    if (keeper->server.pid == 0) {
        return;
    }
    if (keeper->ending.pid != 0) { /* only one is waited for */
        keeper_await_end(keeper);
    }
    keeper->ending = keeper->server;
    keeper->server = none;
    hang_up(&keeper->ending.rendezvous);
    hang_up(&keeper->ending.admin);
    fd_close(&keeper->ledger); /* it ends what it has started */
    keeper->kill_ending_at = clock_now() + END_PATIENCE;
}

static void kill_ending(struct keeper *keeper)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, ap_server_conf,
                 "the pool server (pid %" APR_PID_T_FMT ") does not end; it is "
                 "killed", keeper->ending.pid);
    syscall(SYS_pidfd_send_signal, keeper->ending.pidfd, SIGKILL, NULL, 0);
}

void keeper_look_after_ending(struct keeper *keeper)
{
    if (keeper->ending.pid == 0) {
        return;
    }
    if (has_ended(&keeper->ending, 0)) {
        forget(&keeper->ending);
    } else if (clock_now() >= keeper->kill_ending_at) {
        kill_ending(keeper);
    }
}

void keeper_await_end(struct keeper *keeper)
{
    apr_time_t left = keeper->kill_ending_at - clock_now();

    if (keeper->ending.pid == 0) {
        return;
    }
    if (left < 0) {
        left = 0;
    }
    if (!has_ended(&keeper->ending, (int)apr_time_as_msec(left))) {
        kill_ending(keeper);
        has_ended(&keeper->ending, 1000);
    }
    waitpid(keeper->ending.pid, NULL, WNOHANG);
    forget(&keeper->ending);
}

static const char *or_default(const char *text)
{
    return text ? text : "(default)";
}

/* What a running server cannot take over without being started anew. */
static char *options_text(apr_pool_t *p, const struct pool_settings *once)
{
    return apr_pstrcat(p, or_default(once->server_executable), "\n",
                       or_default(once->spawn_server), "\n",
                       or_default(once->server_user), "\n",
                       APR_STRINGIFY(APPPOOL_WIRE_VERSION), NULL);
}

/* May another one be started now? Notes the start if so. */
static int may_start(struct keeper *keeper)
{
    apr_time_t now = clock_now();
    size_t rest = sizeof(keeper->starts) - sizeof(keeper->starts[0]);

    if (keeper->starts[0] != 0 && now - keeper->starts[0] < MINUTE) {
        return 0;
    }
    memmove(keeper->starts, keeper->starts + 1, rest);
    keeper->starts[KEEPER_STARTS_A_MINUTE - 1] = now;
    return 1;
}

static void start_server(struct keeper *keeper, server_rec *s,
                         const struct pool_settings *once, apr_pool_t *p)
{
    const struct apppool_server_options options = {
        .server_executable = once->server_executable,
        .spawn_server = once->spawn_server,
        .environment = config_environment(config_place(s->lookup_defaults)),
        .user = once->server_user ? once->server_user : "auto",
        .admin = 1};
    struct apppool_server *server;
    const char *message = NULL;
    apr_status_t rv = apppool_server_start(&server, &options, &message, p);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, "the pool server does not "
                     "start: %s; requests for applications get 503",
                     message ? message : "no reason given");
        return;
    }
    apppool_server_export(server, &keeper->server);
    keeper->options = options_text(keeper->pool, once);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "pool server started (pid %"
                 APR_PID_T_FMT ")", keeper->server.pid);
}

static int make_and_fill(struct mailbox *box, int fd)
{
    int rc = mailbox_open(box);

    return rc < 0 ? rc : mailbox_put(box, fd);
}

/* For children that were there before this server; where somebody else has
 * spoiled the mailbox only children to come have the new one. */
static void announce(struct keeper *keeper, server_rec *s)
{
    int rc = keeper->box.writer < 0
                 ? -EBADF
                 : mailbox_put(&keeper->box, keeper->server.rendezvous);

    if (rc < 0) {
        mailbox_close(&keeper->box);
        rc = make_and_fill(&keeper->box, keeper->server.rendezvous);
    }
    if (rc < 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, -rc, s, "httpd's children will "
                     "not find a pool server that is started later");
    }
}

static void look_after_mailbox(struct keeper *keeper, server_rec *s)
{
    int rc;

    if (keeper->server.pid == 0 || keeper->box.writer < 0) {
        return;
    }
    rc = mailbox_keep(&keeper->box, keeper->server.rendezvous);
    if (rc != 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, -rc * (rc < 0), s, "somebody "
                     "else has %s where httpd's children find a new pool "
                     "server; mended", rc < 0 ? "spoiled" : "emptied");
    }
    if (rc < 0) {
        announce(keeper, s);
    }
}

/* A server to which no word comes through is as good as none. */
static void look_after_sockets(struct keeper *keeper, server_rec *s)
{
    int clients, admin;

    if (keeper->server.pid == 0) {
        return;
    }
    clients = wire_undo_options(keeper->server.rendezvous);
    admin = wire_undo_options(keeper->server.admin);
    if (clients != 0 || admin != 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, "somebody else has "
                     "changed how httpd reaches the pool server (pid %"
                     APR_PID_T_FMT "): %s", keeper->server.pid,
                     clients < 0 || admin < 0
                         ? "it ends, and another one is started"
                         : "undone");
    }
    if (clients < 0 || admin < 0) {
        keeper_tell_end(keeper);
    }
}

void keeper_look_after_shared(struct keeper *keeper, server_rec *s)
{
    look_after_sockets(keeper, s);
    look_after_mailbox(keeper, s);
}

static void send_configuration(struct keeper *keeper, server_rec *s,
                               const struct pool_settings *once, bool is_new,
                               apr_pool_t *p)
{
    const char *why;
    struct configure_ledgers ledgers = {.before = is_new ? keeper->ledger : -1,
                                        .now = -1};
    apr_status_t rv = configure_send(keeper->server.admin,
                                     ++keeper->generation, s,
                                     once->definitions, &ledgers, &why, p);

    if (ledgers.now >= 0) {
        fd_close(&keeper->ledger);
        keeper->ledger = ledgers.now;
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "the pool server does not "
                     "take the configuration: %s", why);
    }
}

static void start_unless_too_often(struct keeper *keeper, server_rec *s,
                                   const struct pool_settings *once,
                                   apr_pool_t *p)
{
    if (may_start(keeper)) {
        start_server(keeper, s, once, p);
    } else {
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "the pool server ended "
                     "%d times within a minute; the next try is a minute "
                     "after the first", KEEPER_STARTS_A_MINUTE);
    }
}

void keeper_start(struct keeper *keeper, server_rec *s,
                  const struct pool_settings *once)
{
    bool is_new = false;
    apr_pool_t *p;

    apr_pool_create(&p, NULL);
    look_after_sockets(keeper, s);
    if (keeper_has_server(keeper) &&
        strcmp(keeper->options, options_text(p, once)) != 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "the pool server (pid %"
                     APR_PID_T_FMT ") was started by other settings or "
                     "another version of this module: it ends, and another "
                     "one is started", keeper->server.pid);
        keeper_tell_end(keeper);
    }
    if (!keeper_has_server(keeper)) {
        start_unless_too_often(keeper, s, once, p);
        is_new = true;
    }
    if (keeper->server.pid != 0) {
        send_configuration(keeper, s, once, is_new, p);
    }
    /* Not before: only from the configuration does the server know as whom
     * httpd's children run, and whom it does not know it does not answer. */
    if (keeper->server.pid != 0 && is_new) {
        announce(keeper, s);
    }
    apr_pool_destroy(p);
}
