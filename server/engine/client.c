/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - see client.h. What each message does stands in lend.c, admin.c and
 * status.c; here is who may say it.
 */
#include "client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin.h"
#include "board.h"
#include "definition.h"
#include "lend.h"
#include "link.h"
#include "operate.h"
#include "request.h"
#include "slot.h"
#include "socket.h"
#include "status.h"
#include "tunnel.h"

#define HELLO_PATIENCE_US (10 * APR_USEC_PER_SEC)
#define MAX_CHANNELS 256     /* a client; DESIGN 3, "a hostile client" */
#define MAX_UNREAD 16384     /* bytes on a channel with descriptors under way */
#define MESSAGES_A_TURN 64   /* of one channel, then others get their turn */

/* When a message is allowed. */
enum when {
    ALWAYS,  /* also before HELLO */
    GREETED, /* after HELLO, on any channel */
    LENDING, /* after HELLO, and the client has a board */
    ADMIN,   /* admin channels; any while there is no configuration */
    ACTION   /* the same, and httpd's children with PoolStatusActions */
};

static void on_hello(struct channel *channel, struct wire_message *m);
static void on_open_channel(struct channel *channel, struct wire_message *m);
static void on_ping(struct channel *channel, struct wire_message *m);

static const struct rule {
    enum wire_type type;
    enum when when;
    void (*handler)(struct channel *channel, struct wire_message *m);
} rules[] = {
    { MSG_HELLO, ALWAYS, on_hello },
    { MSG_OPEN_CHANNEL, GREETED, on_open_channel },
    { MSG_GET, LENDING, request_on_get },
    { MSG_CANCEL, LENDING, request_on_cancel },
    { MSG_RETURN, LENDING, lend_on_return },
    { MSG_CLOSED, LENDING, lend_on_closed },
    { MSG_UPGRADED, LENDING, tunnel_on_upgraded },
    { MSG_STATUS, GREETED, status_on_status },
    { MSG_PING, GREETED, on_ping },
    { MSG_SET_MAX, ADMIN, admin_on_set_max },
    { MSG_SET_MAX_IDLE_TIME, ADMIN, admin_on_set_max_idle_time },
    { MSG_CLEAR, ADMIN, admin_on_clear },
    { MSG_GET_ACTIVE, ADMIN, admin_on_get_active },
    { MSG_GET_COUNT, ADMIN, admin_on_get_count },
    { MSG_GET_SERVER_PID, ADMIN, admin_on_get_server_pid },
    { MSG_RESTART, ACTION, admin_on_restart },
    { MSG_DETACH_PROCESS, ACTION, admin_on_detach_process },
    { MSG_DRAIN, ADMIN, operate_on_drain },
    { MSG_BACKTRACE, ADMIN, operate_on_backtrace },
    { MSG_CONFIG, ADMIN, operate_on_config },
};

struct client *client_find(struct engine *engine, uint32_t number)
{
    return apr_hash_get(engine->clients, &number, sizeof number);
}

void client_fail(struct client *client, const char *why)
{
    static struct log_quota quota;

    if (!client->failed) {
        log_some(&quota, LOG_LEVEL_WARN,
                 "client pid %ld: %s; its channels are closed",
                 (long)client->pid, why);
    }
    client->failed = true;
}

/* Descriptors that nobody takes count against a limit that all clients share
 * (unix(7), ETOOMANYREFS). About twenty unread messages; one has some RESETs. */
static bool leaves_unread(const struct channel *channel)
{
    int unread = 0;

    return ioctl(channel->fd, SIOCOUTQ, &unread) == 0 && unread > MAX_UNREAD;
}

int channel_send(struct channel *channel, const struct wire_message *m)
{
    static struct log_quota quota;
    bool unread = m->n_fds > 0 && leaves_unread(channel);
    int rc = unread ? -ENOBUFS : wire_send(channel->fd, m);

    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
        log_some(&quota, LOG_LEVEL_WARN,
                 "client pid %ld: %s could not be sent: %s",
                 (long)channel->client->pid, wire_type_name(wire_type(m)),
                 unread ? "what was sent before is unread" : strerror(-rc));
    }
    /* Who waits there asks elsewhere. The first channel, where unread RESETs
     * may pile up, is the whole client. */
    if (rc < 0 && (rc != -EAGAIN || channel->number != 0)) {
        shutdown(channel->fd, SHUT_RDWR);
    }
    return rc;
}

void channel_refuse(struct channel *channel, uint32_t request_id,
                    enum wire_status status, const char *message,
                    const char *page, unsigned retry_after_s)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_REFUSED, request_id);
    wire_put_u32(&m, FIELD_STATUS, status);
    wire_put_text(&m, FIELD_MESSAGE, message);
    if (page != NULL) {
        wire_put_text(&m, FIELD_PAGE, page);
    }
    wire_put_u32(&m, FIELD_RETRY_AFTER, retry_after_s);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

void channel_answer(struct channel *channel, uint32_t request_id,
                    enum wire_type type)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, request_id);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

void channel_done(struct channel *channel, uint32_t request_id)
{
    channel_answer(channel, request_id, MSG_DONE);
}

void channel_value(struct channel *channel, uint32_t request_id,
                   uint32_t number)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_VALUE, request_id);
    wire_put_u32(&m, FIELD_NUMBER, number);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

/* Opening and closing ------------------------------------------------------ */

static void on_ready(void *baton, int fd, unsigned events);

static struct channel *channel_new(struct client *client, uint32_t number,
                                   int fd)
{
    struct channel *channel = calloc(1, sizeof *channel);

    if (channel == NULL) {
        abort();
    }
    channel->client = client;
    channel->number = number;
    channel->fd = fd;
    channel->inherited = !client->engine->started;
    /* Until START everything is told first: what a client asks before would
     * meet half of it. */
    channel->watch = loop_watch(client->engine->loop, fd,
                                client->engine->started ? LOOP_READ : 0,
                                on_ready, channel);
    if (channel->watch == NULL) {
        log_error("client pid %ld: no room for a channel: %s",
                  (long)client->pid, strerror(errno));
        fd_close(&channel->fd);
        free(channel);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&client->channels, channel, next);
    client->n_channels++;
    if (number > client->last_channel) {
        client->last_channel = number;
    }
    return channel;
}

static void opening_add(struct channel *channel, uint32_t id, uint32_t number)
{
    struct opening *opening = calloc(1, sizeof *opening);

    if (opening == NULL) {
        abort();
    }
    opening->channel = channel;
    opening->id = id;
    opening->number = number;
    STAILQ_INSERT_TAIL(&channel->client->openings, opening, next);
}

static void opening_forget(const struct channel *channel)
{
    struct opening *opening;

    STAILQ_FOREACH(opening, &channel->client->openings, next) {
        if (opening->channel == channel) {
            opening->channel = NULL;
        }
    }
}

static struct opening *opening_find(struct client *client, uint32_t number)
{
    struct opening *opening;

    STAILQ_FOREACH(opening, &client->openings, next) {
        if (opening->number == number) {
            return opening;
        }
    }
    return NULL;
}

static void opening_free(struct client *client, struct opening *opening)
{
    STAILQ_REMOVE(&client->openings, opening, opening, next);
    free(opening);
}

static unsigned opening_count(const struct client *client)
{
    const struct opening *opening;
    unsigned n = 0;

    STAILQ_FOREACH(opening, &client->openings, next) {
        n++;
    }
    return n;
}

static void channel_free(struct channel *channel)
{
    struct client *client = channel->client;

    opening_forget(channel);
    request_channel_gone(channel);
    status_channel_gone(channel);
    admin_channel_gone(client->engine, channel);
    TAILQ_REMOVE(&client->channels, channel, next);
    client->n_channels--;
    loop_unwatch(&channel->watch);
    fd_close(&channel->fd);
    free(channel);
}

static void client_free(struct client *client)
{
    struct engine *engine = client->engine;
    struct channel *channel;

    while ((channel = TAILQ_FIRST(&client->channels)) != NULL) {
        channel_free(channel);
    }
    while (!STAILQ_EMPTY(&client->openings)) {
        opening_free(client, STAILQ_FIRST(&client->openings));
    }
    lend_client_gone(client);
    loop_timer_cancel(&client->patience);
    board_unmap(&client->board);
    fd_close(&client->board_fd);
    apr_hash_set(engine->clients, &client->number, sizeof client->number,
                 NULL);
    free(client);
}

static void client_drop(struct client *client)
{
    struct engine *engine = client->engine;

    log_debug("client pid %ld is gone", (long)client->pid);
    link_drop_client(engine, client->number);
    client_free(client);
    definition_sweep(engine);
}

static void on_no_hello(void *baton)
{
    struct client *client = baton;
    struct engine *engine = client->engine;

    client->patience = NULL;
    client_fail(client, "no HELLO within 10 s");
    client_drop(client);
    engine_settle(engine);
}

static bool take_board(struct client *client, struct wire_message *m)
{
    int rc;

    client->board_fd = wire_take_fd(m, 1);
    if (client->admin || client->board_fd < 0) {
        return client->admin;
    }
    rc = board_map(client->board_fd, &client->board);
    if (rc < 0) {
        log_error("client pid %ld: board: %s", (long)client->pid,
                  strerror(-rc));
    }
    return rc == 0;
}

void client_on_new(struct engine *engine, struct wire_message *m)
{
    struct client *client = calloc(1, sizeof *client);
    int fd = wire_take_fd(m, 0);

    if (client == NULL) {
        abort();
    }
    client->engine = engine;
    client->number = wire_get_u32(m, FIELD_CLIENT, 0);
    client->pid = (pid_t)wire_get_u32(m, FIELD_PID, 0);
    client->uid = wire_get_u32(m, FIELD_UID, UINT32_MAX);
    client->admin = wire_get_u32(m, FIELD_ADMIN, 0) != 0;
    client->inherited = !engine->started;
    client->greeted = wire_has(m, FIELD_LEASES);
    client->wants_leases = wire_get_u32(m, FIELD_LEASES, 0) != 0;
    /* One of before whose HELLO nobody has read yet may be of any age. */
    client->generation = wire_get_u32(m, FIELD_GENERATION, client->inherited);
    TAILQ_INIT(&client->channels);
    STAILQ_INIT(&client->openings);
    apr_hash_set(engine->clients, &client->number, sizeof client->number,
                 client);
    if (!client->inherited) {
        client->patience = loop_timer_add(engine->loop, HELLO_PATIENCE_US,
                                          on_no_hello, client);
    }
    if (!take_board(client, m) || channel_new(client, 0, fd) == NULL) {
        client_drop(client);
    }
}

/* Pass the client's end of a new channel on to who asked for it. */
static void opening_answer(struct client *client, uint32_t number, int *fd)
{
    struct opening *opening = opening_find(client, number);
    struct wire_message answer;

    if (opening == NULL || opening->channel == NULL) {
        fd_close(fd);
    } else {
        wire_message_init(&answer);
        wire_message_begin(&answer, MSG_CHANNEL, opening->id);
        wire_put_fd(&answer, fd);
        channel_send(opening->channel, &answer);
        wire_message_clear(&answer);
    }
    if (opening != NULL) {
        opening_free(client, opening);
    }
}

/* A further channel: just made for who waits for it, or told to a new engine. */
void client_on_channel(struct engine *engine, struct wire_message *m)
{
    struct client *client = client_find(engine,
                                        wire_get_u32(m, FIELD_CLIENT, 0));
    int theirs = wire_take_fd(m, 1);
    int ours = wire_take_fd(m, 0);
    uint32_t number = wire_get_u32(m, FIELD_CHANNEL, 0);

    if (client == NULL) {
        fd_close(&ours);
        fd_close(&theirs);
        return;
    }
    channel_new(client, number, ours);
    if (theirs >= 0) {
        opening_answer(client, number, &theirs);
    }
}

/* Messages ------------------------------------------------------------------ */

static bool is_expected_user(const struct client *client, uid_t uid)
{
    return uid == 0 || uid == client->uid ||
           uid == client->engine->child_uid;
}

static void on_hello(struct channel *channel, struct wire_message *m)
{
    struct client *client = channel->client;
    struct wire_message answer;

    if (client->greeted && wire_request_id(m) == client->hello_id) {
        return; /* asked again after RESET, and the first was here, too */
    }
    if (client->greeted || channel->number != 0) {
        client_fail(client, "a second HELLO");
        return;
    }
    if (!is_expected_user(client, m->sender.uid)) {
        client_fail(client, "HELLO from another user");
        return;
    }
    client->pid = m->sender.pid;
    client->generation = wire_get_u32(m, FIELD_GENERATION, 0);
    client->wants_leases = wire_get_u32(m, FIELD_LEASES, 0) != 0;
    client->greeted = true;
    client->hello_id = wire_request_id(m);
    loop_timer_cancel(&client->patience);
    link_greeted(client->engine, client->number, client->generation,
                 client->wants_leases);
    wire_message_init(&answer);
    wire_message_begin(&answer, MSG_WELCOME, wire_request_id(m));
    wire_put_u32(&answer, FIELD_NUMBER, client->admin ? 0 : BOARD_SLOTS);
    wire_put_u32(&answer, FIELD_CLIENT, client->number);
    if (client->board_fd >= 0) {
        wire_put_fd(&answer, &client->board_fd);
    }
    channel_send(channel, &answer);
    wire_message_clear(&answer);
}

static void on_open_channel(struct channel *channel, struct wire_message *m)
{
    struct client *client = channel->client;

    if (client->n_channels + opening_count(client) >= MAX_CHANNELS) {
        channel_refuse(channel, wire_request_id(m), STATUS_BUSY,
                       "this client has all the channels it may have", NULL,
                       0);
        return;
    }
    opening_add(channel, wire_request_id(m), ++client->last_channel);
    link_make_channel(client->engine, client->number, client->last_channel);
}

static void on_ping(struct channel *channel, struct wire_message *m)
{
    channel_answer(channel, wire_request_id(m), MSG_PONG);
}

static bool may_command(const struct client *client, enum when when)
{
    const struct engine *engine = client->engine;

    return when < ADMIN || client->admin || engine->generation == 0 ||
           (when == ACTION && engine->actions);
}

static bool is_allowed(struct channel *channel, enum when when,
                       struct wire_message *m)
{
    struct client *client = channel->client;

    if (when != ALWAYS && !client->greeted && !client->inherited) {
        client_fail(client, "a message before HELLO");
        return false;
    }
    if (when == LENDING && client->board == NULL) {
        channel_refuse(channel, wire_request_id(m), STATUS_DENIED,
                       "an admin channel has no sessions", NULL, 0);
        return false;
    }
    if (!may_command(client, when)) {
        channel_refuse(channel, wire_request_id(m), STATUS_DENIED,
                       "only an admin channel may say this", NULL, 0);
        return false;
    }
    return true;
}

static void dispatch(struct channel *channel, struct wire_message *m)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].type == wire_type(m)) {
            if (is_allowed(channel, rules[i].when, m)) {
                rules[i].handler(channel, m);
            }
            return;
        }
    }
    client_fail(channel->client, "a message that is not for the engine");
}

/* 1: go on, 0: nothing more for now, -1: the channel has ended. */
static int receive_one(struct channel *channel, struct wire_message *m)
{
    const char *why = NULL;
    int rc = wire_receive(channel->fd, m, FROM_CLIENT, &why);

    if (rc == 1) {
        dispatch(channel, m);
        return channel->client->failed ? 0 : 1;
    }
    if (rc == -EPROTO) {
        client_fail(channel->client, why);
        return 0;
    }
    return rc == -EAGAIN ? 0 : -1;
}

static void on_ready(void *baton, int fd, unsigned events)
{
    struct channel *channel = baton;
    struct client *client = channel->client;
    struct engine *engine = client->engine;
    struct wire_message m;
    int more = 1;

    (void)fd;
    (void)events;
    wire_message_init(&m);
    for (int i = 0; i < MESSAGES_A_TURN && more == 1; i++) {
        more = receive_one(channel, &m);
    }
    wire_message_clear(&m);
    if (client->failed || (more < 0 && channel->number == 0)) {
        client_drop(client);
    } else if (more < 0) {
        link_drop_channel(engine, client->number, channel->number);
        channel_free(channel);
    }
    engine_settle(engine);
}

/* All of them --------------------------------------------------------------- */

void client_reset_all(struct engine *engine)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_RESET, 0);
    wire_put_u32(&m, FIELD_EPOCH, engine->epoch);
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);
        struct channel *channel;

        TAILQ_FOREACH(channel, &client->channels, next) {
            channel_send(channel, &m);
        }
    }
    wire_message_clear(&m);
}

void client_listen_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        struct client *client = apr_hash_this_val(i);
        struct channel *channel;

        TAILQ_FOREACH(channel, &client->channels, next) {
            loop_watch_set(channel->watch, LOOP_READ);
        }
    }
}

uint32_t client_oldest_generation(const struct engine *engine)
{
    uint32_t oldest = engine->generation;

    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        const struct client *client = apr_hash_this_val(i);

        if (client->generation != 0 && client->generation < oldest) {
            oldest = client->generation;
        }
    }
    return oldest;
}

void client_free_all(struct engine *engine)
{
    for (apr_hash_index_t *i = apr_hash_first(NULL, engine->clients); i != NULL;
         i = apr_hash_next(i)) {
        client_free(apr_hash_this_val(i));
    }
}
