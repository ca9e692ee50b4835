/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library.c - the library alone: how often a second a session is had.
 *
 *   bench_library SERVER SPAWN ROOT LOG CLIENTS SECONDS
 *
 * ROOT is a WSGI application. So many clients, each a process, do the same for
 * so long; the pool has a process for each. A line a measurement: name, times a
 * second in all, microseconds of the engine's CPU each.
 *
 *   kept        a request on a connection that is kept, no pool asked
 *   lease       the same, with get and close around each request
 *   lease-only  get and close, no request
 *   passed      what asking costs at least: a request/reply of a byte with one
 *               passed descriptor, between two processes (SOCK_SEQPACKET)
 *   message     get and close by messages to the engine: no leases
 */
#include "apppool/pool.h"
#include "apppool/server.h"
#include "apppool/session.h"

#include <apr_general.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "board.h"
#include "slot_word.h"
#include "socket.h"

#define CLIENTS_MAX 64
#define PATIENCE_MS 10000

/* Shared by all processes. */
struct shared {
    _Atomic unsigned n_ready;
    _Atomic bool go, stop;
    _Atomic uint64_t done[CLIENTS_MAX];
};

struct world {
    struct apppool_server *server;
    const char *root;
    unsigned n_clients;
    double seconds;
    struct shared *shared;
    int pairs[CLIENTS_MAX][2]; /* for "passed" */
};

static struct world world;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench_library: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Clients ------------------------------------------------------------------ */

/* Ready, and off with all the others. */
static void begin(void)
{
    atomic_fetch_add(&world.shared->n_ready, 1);
    while (!atomic_load(&world.shared->go)) {
        poll(NULL, 0, 1);
    }
}

static bool goes_on(unsigned client)
{
    atomic_fetch_add_explicit(&world.shared->done[client], 1,
                              memory_order_relaxed);
    return !atomic_load_explicit(&world.shared->stop, memory_order_relaxed);
}

static struct apppool_session *get(struct apppool_client *client,
                                   apr_pool_t *p)
{
    const struct apppool_get_options options = {
        .root = world.root, .timeout = 60 * APR_USEC_PER_SEC };
    struct apppool_failure failure;
    struct apppool_session *session;

    if (apppool_get(client, &options, &session, &failure, p) != APR_SUCCESS) {
        fprintf(stderr, "bench_library: get: %s\n", failure.message);
        exit(1);
    }
    return session;
}

/* A request as our loaders speak it, and its whole response. */
static void ask(int fd)
{
    static const char variables[] =
        "CONTENT_LENGTH\0" "0\0SCGI\0" "1\0APPPOOL_KEEPALIVE\0" "1\0"
        "REQUEST_METHOD\0GET\0REQUEST_URI\0/\0QUERY_STRING\0\0"
        "SCRIPT_NAME\0\0PATH_INFO\0/\0SERVER_NAME\0localhost\0"
        "SERVER_PORT\0" "80\0SERVER_PROTOCOL\0HTTP/1.1\0"
        "REMOTE_ADDR\0" "127.0.0.1\0REQUEST_SCHEME\0http";
    char request[sizeof(variables) + 16], answer[4096];
    int digits = snprintf(request, sizeof(request), "%zu:", sizeof(variables));
    size_t size = (size_t)digits + sizeof(variables) + 1;
    ssize_t n;

    memcpy(request + digits, variables, sizeof(variables));
    request[size - 1] = ',';
    if (write(fd, request, size) != (ssize_t)size ||
        wire_wait_readable(fd, PATIENCE_MS) <= 0) {
        fail("request");
    }
    n = read(fd, answer, sizeof(answer));
    if (n <= 0 || memmem(answer, (size_t)n, "ello", 4) == NULL) {
        fail("answer");
    }
}

static struct apppool_client *connect_to_pool(apr_pool_t *p)
{
    struct apppool_client *client;

    if (apppool_server_connect(world.server, &client, p) != APR_SUCCESS) {
        fail("connect");
    }
    return client;
}

static void run_kept(unsigned number, apr_pool_t *p)
{
    struct apppool_client *client = connect_to_pool(p);
    struct apppool_session *session = get(client, p);
    int fd = apppool_session_writer(session);

    begin();
    do {
        ask(fd);
    } while (goes_on(number));
    apppool_session_close(session, APPPOOL_SESSION_KEPT);
}

static void lease(unsigned number, bool asks, apr_pool_t *parent)
{
    struct apppool_client *client = connect_to_pool(parent);
    apr_pool_t *p;

    apr_pool_create(&p, parent);
    apppool_session_close(get(client, p), APPPOOL_SESSION_KEPT);
    begin();
    do {
        struct apppool_session *session = get(client, p);

        if (asks) {
            ask(apppool_session_writer(session));
        }
        apppool_session_close(session, APPPOOL_SESSION_KEPT);
        apr_pool_clear(p);
    } while (goes_on(number));
}

static void run_lease(unsigned number, apr_pool_t *p)
{
    lease(number, true, p);
}

static void run_lease_only(unsigned number, apr_pool_t *p)
{
    lease(number, false, p);
}

static void run_passed(unsigned number, apr_pool_t *p)
{
    int fd = world.pairs[number][1];
    struct wire_message m;

    (void)p;
    wire_message_init(&m);
    begin();
    do {
        wire_message_begin(&m, MSG_OPEN_CHANNEL, 1);
        if (wire_send(fd, &m) < 0 || wire_wait_readable(fd, PATIENCE_MS) <= 0 ||
            wire_receive(fd, &m, FROM_ENGINE, NULL) != 1) {
            fail("passed");
        }
        close(wire_take_fd(&m, 0));
    } while (goes_on(number));
}

/* A client as the library's, but one that wants no leases. */
struct bare {
    int channel;
    struct slot_line *board;
    struct wire_message m;
};

static void bare_open(struct bare *bare)
{
    struct apppool_server_state state;
    int board;

    apppool_server_export(world.server, &state);
    wire_message_init(&bare->m);
    if (rendezvous_ask(state.rendezvous, RENDEZVOUS_CHANNEL, PATIENCE_MS,
                       &bare->channel) < 0) {
        fail("channel");
    }
    wire_message_begin(&bare->m, MSG_HELLO, 1);
    wire_put_u32(&bare->m, FIELD_LEASES, 0);
    if (wire_send(bare->channel, &bare->m) < 0 ||
        wire_wait_readable(bare->channel, PATIENCE_MS) <= 0 ||
        wire_receive(bare->channel, &bare->m, FROM_ENGINE, NULL) != 1) {
        fail("HELLO");
    }
    board = wire_take_fd(&bare->m, 0);
    if (board_map(board, &bare->board) < 0) {
        fail("board");
    }
    close(board);
}

static void bare_get(struct bare *bare)
{
    wire_message_begin(&bare->m, MSG_GET, 2);
    wire_put_text(&bare->m, FIELD_ROOT, world.root);
    wire_put_u32(&bare->m, FIELD_LOWER, 1);
    wire_put_u64(&bare->m, FIELD_AGE_US, 0);
    if (wire_send(bare->channel, &bare->m) < 0 ||
        wire_wait_readable(bare->channel, PATIENCE_MS) <= 0 ||
        wire_receive(bare->channel, &bare->m, FROM_ENGINE, NULL) != 1 ||
        wire_type(&bare->m) != MSG_OFFER) {
        fail("GET");
    }
}

static void bare_close(struct bare *bare)
{
    uint32_t slot = wire_get_u32(&bare->m, FIELD_SLOT, 0);
    uint32_t generation = wire_get_u32(&bare->m, FIELD_SLOT_GENERATION, 0);

    slot_apply(&bare->board[slot], SLOT_ACCEPT, NULL);
    slot_apply(&bare->board[slot], SLOT_BREAK, NULL);
    wire_message_begin(&bare->m, MSG_RETURN, 0);
    wire_put_u32(&bare->m, FIELD_SLOT, slot);
    wire_put_u32(&bare->m, FIELD_SLOT_GENERATION, generation);
    if (wire_send(bare->channel, &bare->m) < 0) {
        fail("RETURN");
    }
}

static void run_message(unsigned number, apr_pool_t *p)
{
    struct bare bare;
    int connections[CLIENTS_MAX]; /* of ours; closed with the process */
    unsigned n = 0;

    (void)p;
    bare_open(&bare);
    bare_get(&bare);
    begin();
    do {
        int fd = wire_take_fd(&bare.m, 0);

        if (fd >= 0 && n < CLIENTS_MAX) {
            connections[n++] = fd;
        }
        bare_close(&bare);
        bare_get(&bare);
    } while (goes_on(number));
    bare_close(&bare);
    (void)connections;
}

/* The other end of "passed" ------------------------------------------------ */

static _Noreturn void serve_pairs(void)
{
    struct pollfd watched[CLIENTS_MAX];
    struct wire_message m;

    wire_message_init(&m);
    for (unsigned i = 0; i < world.n_clients; i++) {
        watched[i] = (struct pollfd){ .fd = world.pairs[i][0],
                                      .events = POLLIN };
        close(world.pairs[i][1]);
    }
    for (;;) {
        poll(watched, world.n_clients, -1);
        for (unsigned i = 0; i < world.n_clients; i++) {
            int fd = -1;

            if ((watched[i].revents & POLLIN) == 0 ||
                wire_receive(watched[i].fd, &m, FROM_CLIENT, NULL) != 1) {
                continue;
            }
            fd = fd_duplicate(STDIN_FILENO);
            wire_message_begin(&m, MSG_CHANNEL, 1);
            wire_put_fd(&m, &fd);
            wire_send(watched[i].fd, &m);
        }
    }
}

/* Measuring ---------------------------------------------------------------- */

static pid_t find_engine(void)
{
    char command[128];
    FILE *out;
    int pid = 0;

    snprintf(command, sizeof(command), "pgrep -P %ld apppool-engine",
             (long)apppool_server_pid(world.server));
    out = popen(command, "r");
    if (out == NULL || fscanf(out, "%d", &pid) != 1) {
        fail("no engine");
    }
    pclose(out);
    return pid;
}

/* /proc/PID/schedstat: nanoseconds, finer than the ticks of stat. */
static double cpu_us(pid_t pid)
{
    char path[64];
    double ns = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/schedstat", (long)pid);
    file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%lf", &ns) != 1) {
        fail(path);
    }
    fclose(file);
    return ns / 1000;
}

static pid_t start(void (*run)(unsigned, apr_pool_t *), unsigned number)
{
    pid_t pid = fork();
    apr_pool_t *p;

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        apr_pool_create(&p, NULL);
        run(number, p);
        _exit(0);
    }
    return pid;
}

static uint64_t all_done(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < world.n_clients; i++) {
        sum += atomic_load(&world.shared->done[i]);
    }
    return sum;
}

static void measure(const char *name, void (*run)(unsigned, apr_pool_t *),
                    pid_t engine)
{
    pid_t pids[CLIENTS_MAX];
    double began, cpu;
    uint64_t done;
    int status;

    memset(world.shared, 0, sizeof(*world.shared));
    for (unsigned i = 0; i < world.n_clients; i++) {
        pids[i] = start(run, i);
    }
    while (atomic_load(&world.shared->n_ready) < world.n_clients) {
        if (waitpid(-1, &status, WNOHANG) > 0) {
            fail("a client ended");
        }
        poll(NULL, 0, 1);
    }
    cpu = cpu_us(engine);
    began = now_s();
    atomic_store(&world.shared->go, true);
    poll(NULL, 0, (int)(world.seconds * 1000));
    done = all_done();
    cpu = cpu_us(engine) - cpu;
    printf("%-11s %9.0f /s  %6.2f us of the engine\n", name,
           (double)done / (now_s() - began), cpu / (double)done);
    fflush(stdout);
    atomic_store(&world.shared->stop, true);
    for (unsigned i = 0; i < world.n_clients; i++) {
        waitpid(pids[i], &status, 0);
    }
}

static void measure_passed(pid_t engine)
{
    pid_t server;

    for (unsigned i = 0; i < world.n_clients; i++) {
        if (wire_pair(world.pairs[i]) < 0) {
            fail("pair");
        }
    }
    server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        serve_pairs();
    }
    measure("passed", run_passed, engine);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

int main(int argc, char **argv)
{
    struct apppool_server_options options = { .user = "nobody" };
    struct apppool_client *client;
    const char *message = NULL;
    apr_pool_t *pool;
    pid_t engine;

    if (argc != 7) {
        fputs("usage: bench_library SERVER SPAWN ROOT LOG CLIENTS SECONDS\n",
              stderr);
        return 2;
    }
    apr_initialize();
    apr_pool_create(&pool, NULL);
    options.server_executable = argv[1];
    options.spawn_server = argv[2];
    options.log_file = argv[4];
    world.root = argv[3];
    world.n_clients = (unsigned)atoi(argv[5]);
    world.seconds = atof(argv[6]);
    world.shared = mmap(NULL, sizeof(*world.shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (world.n_clients < 1 || world.n_clients > CLIENTS_MAX ||
        world.shared == MAP_FAILED ||
        apppool_server_start(&world.server, &options, &message, pool) !=
            APR_SUCCESS) {
        fprintf(stderr, "bench_library: %s\n", message ? message : "arguments");
        return 1;
    }
    client = connect_to_pool(pool);
    apppool_set_max(client, (int)world.n_clients);
    engine = find_engine();
    measure("kept", run_kept, engine);
    measure("lease", run_lease, engine);
    measure("lease-only", run_lease_only, engine);
    measure_passed(engine);
    measure("message", run_message, engine);
    apppool_server_shutdown(world.server);
    return 0;
}
