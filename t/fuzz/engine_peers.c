/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_peers.c - see engine_peers.h.
 */
#include "engine_peers.h"

#include <assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "root_pool.h"
#include "socket.h"

#define TURNS_MAX 200 /* more would be an endless dialogue */

/* Time --------------------------------------------------------------------- */

static int64_t now_us;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
    (void)clock;
    ts->tv_sec = (time_t)(now_us / 1000000);
    ts->tv_nsec = (long)(now_us % 1000000) * 1000;
    return 0;
}

void peers_move_time(int64_t us)
{
    now_us += us;
}

/* What the master tells ---------------------------------------------------- */

static void begin(struct wire_message *m, enum wire_type type)
{
    wire_message_init(m);
    wire_message_begin(m, type, 0);
}

void peers_tell(struct peers *peers, struct wire_message *m)
{
    int rc = wire_send(peers->link, m);

    assert(rc == 0 || rc == -EAGAIN || rc == -EPROTO);
    wire_message_clear(m);
}

void peers_tell_number(struct peers *peers, enum wire_type type,
                       enum wire_field field, uint32_t number)
{
    struct wire_message m;

    begin(&m, type);
    wire_put_u32(&m, field, number);
    peers_tell(peers, &m);
}

static void put_pair(struct wire_message *m, int *other_r)
{
    int ends[2];
    int rc = wire_pair(ends);

    assert(rc == 0);
    (void)rc;
    *other_r = ends[1];
    wire_put_fd(m, &ends[0]);
}

static struct peer_client *free_client(struct peers *peers)
{
    for (unsigned i = 0; i < PEER_CLIENTS; i++) {
        if (peers->clients[i].number == 0) {
            return &peers->clients[i];
        }
    }
    return NULL;
}

void peers_new_client(struct peers *peers, bool admin, bool known)
{
    struct peer_client *client = free_client(peers);
    struct wire_message m;
    int board = -1;

    if (client == NULL) {
        return;
    }
    client->number = ++peers->last_client;
    begin(&m, MSG_CLIENT_NEW);
    wire_put_u32(&m, FIELD_CLIENT, client->number);
    wire_put_u32(&m, FIELD_PID, (uint32_t)getpid());
    wire_put_u32(&m, FIELD_UID, getuid());
    wire_put_u32(&m, FIELD_ADMIN, admin);
    if (known) {
        wire_put_u32(&m, FIELD_LEASES, 1);
        wire_put_u32(&m, FIELD_GENERATION, peers->generation);
    }
    put_pair(&m, &client->channels[0]);
    if (!admin && board_make(&board) == 0) {
        board_map(board, &client->board);
        wire_put_fd(&m, &board);
    }
    peers_tell(peers, &m);
}

static struct peer_client *find_client(struct peers *peers, uint32_t number)
{
    for (unsigned i = 0; i < PEER_CLIENTS; i++) {
        if (peers->clients[i].number == number) {
            return &peers->clients[i];
        }
    }
    return NULL;
}

static void client_gone(struct peer_client *client)
{
    if (client == NULL) {
        return;
    }
    for (unsigned i = 0; i < PEER_CHANNELS; i++) {
        fd_close(&client->channels[i]);
    }
    board_unmap(&client->board);
    client->number = 0;
}

static struct peer_process *find_process(struct peers *peers, uint32_t number)
{
    for (unsigned i = 0; i < PEER_PROCESSES; i++) {
        if (peers->processes[i].number == number) {
            return &peers->processes[i];
        }
    }
    return NULL;
}

static void spawn_error(struct peers *peers, uint32_t number)
{
    struct wire_message m;

    begin(&m, MSG_SPAWN_ERROR);
    wire_put_u32(&m, FIELD_PROCESS, number);
    wire_put_u32(&m, FIELD_STATUS, EAGAIN);
    wire_put_text(&m, FIELD_MESSAGE, "no room");
    peers_tell(peers, &m);
}

void peers_new_process(struct peers *peers, uint32_t number, uint32_t app,
                       bool known, bool ready)
{
    struct peer_process *process = find_process(peers, 0);
    struct wire_message m;
    int ends[2];

    if (process == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
        spawn_error(peers, number);
        return;
    }
    process->number = number;
    process->output = ends[1];
    process->was_ready = ready;
    peers->last_process = number > peers->last_process ? number
                                                       : peers->last_process;
    begin(&m, MSG_SPAWNED);
    wire_put_u32(&m, FIELD_PROCESS, number);
    wire_put_u32(&m, FIELD_APP, app);
    wire_put_u32(&m, FIELD_PID, 1000 + number);
    if (known) {
        wire_put_u32(&m, FIELD_STATUS, ready);
    }
    wire_put_fd(&m, &ends[0]);
    peers_tell(peers, &m);
}

void peers_end_process(struct peers *peers, struct peer_process *process,
                       uint32_t status)
{
    struct wire_message m;

    begin(&m, MSG_GONE);
    wire_put_u32(&m, FIELD_PROCESS, process->number);
    wire_put_u32(&m, FIELD_EXIT_STATUS, status);
    peers_tell(peers, &m);
    fd_close(&process->output);
    process->number = 0;
}

/* What it is asked --------------------------------------------------------- */

static void adopt(struct peers *peers, struct wire_message *asked)
{
    struct wire_message m;
    const char *root = wire_get_text(asked, FIELD_ROOT, NULL);

    begin(&m, MSG_DEFINE);
    wire_put_u32(&m, FIELD_APP, peers->next_adopted);
    wire_put_text(&m, FIELD_ROOT, root);
    wire_put_u32(&m, FIELD_TYPE, TYPE_AUTO);
    peers_tell(peers, &m);
    wire_message_init(&m);
    wire_message_begin(&m, MSG_ADOPTED, wire_request_id(asked));
    wire_put_u32(&m, FIELD_APP, wire_get_u32(asked, FIELD_APP, 0));
    wire_put_text(&m, FIELD_ROOT, root);
    wire_put_u32(&m, FIELD_NUMBER, peers->next_adopted++);
    peers_tell(peers, &m);
}

static void copy(struct wire_message *to, const struct wire_message *from,
                 enum wire_field field)
{
    wire_put_u32(to, field, wire_get_u32(from, field, 0));
}

static void connect_to(struct peers *peers, struct wire_message *asked)
{
    uint32_t number = wire_get_u32(asked, FIELD_PROCESS, 0);
    bool ok = !peers->refuses && find_process(peers, number) != NULL;
    struct wire_message m;
    int other = -1;

    begin(&m, ok ? MSG_CONNECTED : MSG_CONNECT_ERROR);
    copy(&m, asked, FIELD_CLIENT);
    copy(&m, asked, FIELD_SLOT);
    copy(&m, asked, FIELD_PROCESS);
    if (ok) {
        put_pair(&m, &other);
    } else {
        wire_put_u32(&m, FIELD_STATUS, ECONNREFUSED);
    }
    peers_tell(peers, &m);
    fd_close(&other);
}

static int *free_channel(struct peer_client *client)
{
    for (unsigned i = 0; client != NULL && i < PEER_CHANNELS; i++) {
        if (client->channels[i] < 0) {
            return &client->channels[i];
        }
    }
    return NULL;
}

/* The client's end does not go by way of the engine: here both are ours. */
static void make_channel(struct peers *peers, struct wire_message *asked)
{
    int *place = free_channel(find_client(peers, wire_get_u32(asked,
                                                              FIELD_CLIENT,
                                                              0)));
    struct wire_message m;
    int end = -1, told;

    begin(&m, MSG_CHANNEL_NEW);
    copy(&m, asked, FIELD_CLIENT);
    copy(&m, asked, FIELD_CHANNEL);
    put_pair(&m, &end);
    told = fd_duplicate(end);
    wire_put_fd(&m, &told);
    if (place != NULL) {
        *place = end;
    } else {
        fd_close(&end);
    }
    peers_tell(peers, &m);
}

static void kill_process(struct peers *peers, struct wire_message *asked)
{
    struct peer_process *process =
        find_process(peers, wire_get_u32(asked, FIELD_PROCESS, 0));

    if (process != NULL && process->number != 0 &&
        wire_get_u32(asked, FIELD_SIGNAL, 0) == SIGKILL) {
        peers_end_process(peers, process, SIGKILL);
    }
}

static void measure(struct peers *peers, struct wire_message *asked)
{
    struct wire_message m;

    begin(&m, MSG_MEASURED);
    copy(&m, asked, FIELD_PROCESS);
    wire_put_u32(&m, FIELD_NUMBER, 4096);
    peers_tell(peers, &m);
}

static void answer(struct peers *peers, struct wire_message *asked)
{
    uint32_t process = wire_get_u32(asked, FIELD_PROCESS, 0);

    switch (wire_type(asked)) {
    case MSG_ADOPT:
        adopt(peers, asked);
        break;
    case MSG_SPAWN:
    case MSG_FORK:
        peers_new_process(peers, process, wire_get_u32(asked, FIELD_APP, 1),
                          false, false);
        break;
    case MSG_CONNECT:
        connect_to(peers, asked);
        break;
    case MSG_MAKE_CHANNEL:
        make_channel(peers, asked);
        break;
    case MSG_KILL:
        kill_process(peers, asked);
        break;
    case MSG_MEASURE:
        measure(peers, asked);
        break;
    case MSG_DROP_CLIENT:
        client_gone(find_client(peers, wire_get_u32(asked, FIELD_CLIENT, 0)));
        break;
    default:
        break;
    }
}

/* The dialogue ------------------------------------------------------------- */

/* Whatever was written there: the status is JSON. */
static void check_status(struct wire_message *m)
{
    int fd = wire_take_fd(m, 0);
    json_t *status = json_loadfd(fd, 0, NULL);

    assert(json_is_object(status));
    json_decref(status);
    fd_close(&fd);
}

static bool hear_channel(int *fd)
{
    struct wire_message m;
    bool heard = false;
    int rc = *fd >= 0 ? 1 : -EAGAIN;

    wire_message_init(&m);
    while (rc == 1) {
        rc = wire_receive(*fd, &m, FROM_ENGINE, NULL);
        assert(rc != -EPROTO);
        heard |= rc == 1;
        if (rc == 1 && wire_type(&m) == MSG_STATUS_TEXT) {
            check_status(&m);
        }
    }
    if (rc != -EAGAIN) {
        fd_close(fd);
    }
    wire_message_clear(&m);
    return heard;
}

static bool hear_clients(struct peers *peers)
{
    bool heard = false;

    for (unsigned i = 0; i < PEER_CLIENTS * PEER_CHANNELS; i++) {
        heard |= hear_channel(&peers->clients[i / PEER_CHANNELS]
                                   .channels[i % PEER_CHANNELS]);
    }
    return heard;
}

static bool hear_engine(struct peers *peers)
{
    struct wire_message m;
    bool heard = false;
    int rc = 1;

    wire_message_init(&m);
    while (rc == 1) {
        rc = wire_receive(peers->link, &m, FROM_ENGINE, NULL);
        assert(rc == 1 || rc == -EAGAIN);
        if (rc == 1) {
            heard = true;
            answer(peers, &m);
        }
    }
    wire_message_clear(&m);
    return heard;
}

void peers_turn(struct peers *peers)
{
    bool heard = true;

    for (unsigned i = 0; heard; i++) {
        assert(i < TURNS_MAX);
        loop_turn(peers->engine->loop, 0);
        core_check(peers->engine->core);
        heard = hear_engine(peers);
        heard |= hear_clients(peers);
    }
}

/* Begin and end ------------------------------------------------------------ */

/* Only its master may end an engine. */
void __wrap_engine_end(struct engine *engine);

void __wrap_engine_end(struct engine *engine)
{
    (void)engine;
    abort();
}

/* The log is written, and nobody reads it. */
static void open_log(struct engine *engine)
{
    engine->log_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    signal(SIGPIPE, SIG_IGN); /* of who prints when nobody reads it */
    log_open("engine", LOG_LEVEL_DEBUG);
    log_to(engine->log_fd);
}

void peers_open(struct peers *peers)
{
    int ends[2];
    int rc = wire_pair(ends);

    assert(rc == 0);
    (void)rc;
    memset(peers, 0, sizeof(*peers));
    for (unsigned i = 0; i < PEER_CLIENTS; i++) {
        memset(peers->clients[i].channels, 0xff,
               sizeof(peers->clients[i].channels));
    }
    for (unsigned i = 0; i < PEER_PROCESSES; i++) {
        peers->processes[i].output = -1;
    }
    now_us = INT64_C(1000000000);
    peers->next_adopted = FIRST_ADOPTED;
    peers->link = ends[0];
    peers->engine_end = ends[1];
    peers->pool = memory_root();
    peers->engine = engine_open(peers->pool, peers->engine_end);
    assert(peers->engine != NULL);
    open_log(peers->engine);
}

void peers_close(struct peers *peers)
{
    peers_turn(peers);
    engine_close(peers->engine);
    apr_pool_destroy(peers->pool);
    fd_close(&peers->link);
    fd_close(&peers->engine_end);
    for (unsigned i = 0; i < PEER_CLIENTS; i++) {
        client_gone(&peers->clients[i]);
    }
    for (unsigned i = 0; i < PEER_PROCESSES; i++) {
        fd_close(&peers->processes[i].output);
    }
}
