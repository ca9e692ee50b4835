/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.c - see rules.h. What each message does stands in request.c, lend.c,
 * admin.c, operate.c and status.c.
 */
#include "rules.h"

#include <errno.h>

#include "admin.h"
#include "client.h"
#include "lend.h"
#include "operate.h"
#include "request.h"
#include "socket.h"
#include "status.h"
#include "tunnel.h"

#define MESSAGES_A_TURN 64 /* of one channel, then others get their turn */

static void on_ping(struct channel *channel, struct wire_message *m)
{
    channel_answer(channel, wire_request_id(m), MSG_PONG);
}

/* When a message is allowed. */
enum when {
    ALWAYS,  /* also before HELLO */
    GREETED, /* after HELLO, on any channel */
    LENDING, /* after HELLO, and the client has a board */
    ADMIN,   /* admin channels; any while there is no configuration */
    ACTION   /* the same, and httpd's children with PoolStatusActions */
};

static const struct rule {
    enum wire_type type;
    enum when when;
    void (*handler)(struct channel *channel, struct wire_message *m);
} rules[] = {
    { MSG_HELLO, ALWAYS, client_on_hello },
    { MSG_OPEN_CHANNEL, GREETED, client_on_open_channel },
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

void rules_on_ready(void *baton, int fd, unsigned events)
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
        client_drop_channel(channel);
    }
    engine_settle(engine);
}
