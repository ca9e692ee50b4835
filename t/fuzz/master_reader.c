/* SPDX-License-Identifier: Apache-2.0 */
/*
 * master_reader.c - see master_reader.h.
 */
#include "master_reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "engine_link.h"
#include "gate.h"
#include "input.h"
#include "ledger.h"
#include "master_system.h"
#include "packets.h"
#include "processes.h"
#include "reaper.h"
#include "report.h"
#include "root_pool.h"
#include "socket.h"
#include "watcher_keeper.h"

#define TURNS      3    /* for what one thing leads to */
#define MAX_REPORT 256  /* processes whose report socket is held open */

static struct master *m;
static int engine, watcher, gates[2], parent; /* the other ends; -1 */
static int reports[MAX_REPORT];               /* by process, modulo */
static char folder[] = "/tmp/fuzz-master.XXXXXX";

int __real_report_new(struct process *p, int *application_end_r);
int __wrap_report_new(struct process *p, int *application_end_r);

/* Nobody has the application's end, which apppool-spawn would have got. */
int __wrap_report_new(struct process *p, int *application_end_r)
{
    int rc = __real_report_new(p, application_end_r);
    int *kept = &reports[p->number % MAX_REPORT];

    fd_close(kept);
    *kept = rc == 0 ? fd_duplicate(*application_end_r) : -1;
    return rc;
}

/* Beginning and end -------------------------------------------------------- */

static void remove_folder(void)
{
    rmdir(folder);
}

static void begin_once(void)
{
    static bool is_done;

    if (!is_done) {
        is_done = true;
        signal(SIGPIPE, SIG_IGN);
        if (mkdtemp(folder) == NULL) {
            abort();
        }
        atexit(remove_folder);
    }
}

static void connect_engine(void)
{
    int ends[2];
    int rc = wire_pair(ends);

    assert(rc == 0);
    rc = engine_link_open(m, &ends[0]);
    assert(rc == 0);
    (void)rc;
    engine = ends[1];
}

static void open_gate(enum gate_kind kind)
{
    int ends[2];
    int rc = wire_pair(ends);

    assert(rc == 0);
    rc = gate_open(m, kind, ends[0]);
    assert(rc == 0);
    (void)rc;
    gates[kind] = ends[1];
}

static void begin(apr_pool_t *pool)
{
    const struct master_options options = { .spawn_server = "/bin/false",
                                            .runtime_dir = folder,
                                            .admin = true };
    int ends[2];
    int rc;

    master_system_reset();
    for (unsigned i = 0; i < MAX_REPORT; i++) {
        reports[i] = -1;
    }
    parent = -1;
    m = master_new(&options, pool);
    assert(m != NULL);
    m->parent = getpid();
    m->ledger = ledger_open();
    connect_engine();
    open_gate(GATE_CLIENTS);
    open_gate(GATE_ADMIN);
    rc = wire_pair(ends);
    assert(rc == 0);
    rc = watcher_keeper_listen(m, &ends[0]);
    assert(rc == 0);
    (void)rc;
    watcher = ends[1];
}

static void end(void)
{
    master_free(&m);
    fd_close(&engine);
    fd_close(&watcher);
    fd_close(&gates[GATE_CLIENTS]);
    fd_close(&gates[GATE_ADMIN]);
    fd_close(&parent);
    for (unsigned i = 0; i < MAX_REPORT; i++) {
        fd_close(&reports[i]);
    }
}

/* What the master does ----------------------------------------------------- */

static void hear_engine(void)
{
    struct wire_message heard;
    int rc = 1;

    wire_message_init(&heard);
    while (rc == 1 && engine >= 0) {
        rc = wire_receive(engine, &heard, FROM_MASTER, NULL);
    }
    wire_message_clear(&heard);
    assert(rc != -EPROTO);
}

/* Answers to who asked at a gate, with a channel each. */
static void hear_gate(int gate)
{
    int rc = 0, fd = -1;

    while (rc == 0) {
        rc = rendezvous_ask(gate, '\0', 0, &fd);
        fd_close(&fd);
    }
    assert(rc == -ETIMEDOUT);
}

static void let_it_work(void)
{
    for (int i = 0; i < TURNS; i++) {
        loop_turn(m->loop, 0);
        reaper_run(m);
        hear_engine();
    }
    assert(apr_hash_count(m->adopted) <= MAX_ADOPTED);
    assert(m->phase == MASTER_RUNNING);
}

/* Steps --------------------------------------------------------------------*/

static void say(struct input *in, int fd)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, (enum wire_type)(input_byte(in) % MSG_LIMIT),
                       input_byte(in));
    input_fields(in, &msg);
    if (!wire_has(&msg, FIELD_CONTROL_SOCKET)) { /* it would be made */
        wire_send(fd, &msg); /* what is against the tables is not sent */
    }
    wire_message_clear(&msg);
}

static void step_packet(struct input *in)
{
    size_t len;
    const char *bytes = input_long_bytes(in, &len);

    if (len > 0) { /* else it would be the engine's end */
        packets_send(engine, bytes, len, 0);
    }
}

static void step_anew(void)
{
    engine_link_close(m);
    fd_close(&engine);
    connect_engine();
}

static void step_parent(struct input *in)
{
    if (parent < 0) {
        const char byte = RENDEZVOUS_CONFIG;

        packets_send(gates[GATE_ADMIN], &byte, 1, 0);
        let_it_work();
        rendezvous_ask(gates[GATE_ADMIN], '\0', 0, &parent);
    }
    say(in, parent);
}

static void step_gate(struct input *in)
{
    int gate = gates[input_byte(in) % 2];
    unsigned n_fds = input_byte(in);
    size_t len;
    const char *bytes = input_bytes(in, &len);

    packets_send(gate, bytes, len, n_fds);
    let_it_work();
    hear_gate(gate);
}

static void step_report(struct input *in)
{
    unsigned number = input_byte(in);
    unsigned speaker = input_byte(in);
    unsigned n_fds = input_byte(in);
    size_t len;
    const char *bytes = input_long_bytes(in, &len);

    master_system.speaker = master_system_pid(speaker & 127);
    master_system.elsewhere = (speaker & 128) != 0;
    packets_send(reports[number], bytes, len, n_fds);
    loop_turn(m->loop, 0);
    master_system.speaker = 0;
}

static void step_dies(struct input *in)
{
    master_system.dead = master_system_pid(input_byte(in));
    master_system.status = input_byte(in) << 8;
}

static void step_ends(struct input *in)
{
    const struct process *p = process_find(m, input_byte(in));
    const uint64_t one = 1;

    if (p != NULL && p->pidfd >= 0) {
        ssize_t n = write(p->pidfd, &one, sizeof(one));

        (void)n;
    }
}

static void step_ledger(struct input *in)
{
    int fd = memfd_create("ledger", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool is_sealed = input_byte(in) % 4 != 0;
    unsigned times = input_byte(in);
    struct ledger_entry *entries;
    size_t len, n;
    const char *bytes = input_long_bytes(in, &len);
    ssize_t written = 0;

    for (unsigned i = 0; i < times && written >= 0; i++) {
        written = write(fd, bytes, len);
    }
    if (is_sealed && ftruncate(fd, (off_t)LEDGER_SIZE) == 0) {
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
                                   F_SEAL_FUTURE_WRITE);
    }
    entries = ledger_read(fd, &n);
    for (size_t i = 0; i < n; i++) {
        assert(entries != NULL && entries[i].session > 0);
        ledger_note_again(m->ledger, &entries[i]);
    }
    free(entries);
    fd_close(&fd);
}

static void step(struct input *in)
{
    switch ((enum master_step)(input_byte(in) % STEP_COUNT)) {
    case STEP_ENGINE:
        say(in, engine);
        break;
    case STEP_PACKET:
        step_packet(in);
        break;
    case STEP_ANEW:
        step_anew();
        break;
    case STEP_WATCHER:
        say(in, watcher);
        break;
    case STEP_PARENT:
        step_parent(in);
        break;
    case STEP_GATE:
        step_gate(in);
        break;
    case STEP_REPORT:
        step_report(in);
        break;
    case STEP_DIES:
        step_dies(in);
        break;
    case STEP_ENDS:
        step_ends(in);
        break;
    case STEP_LEDGER:
        step_ledger(in);
        break;
    case STEP_COUNT:
        abort();
    }
}

void master_reader_try(const uint8_t *data, size_t size)
{
    struct input in = { .at = data, .left = size };
    apr_pool_t *pool = memory_root();
    unsigned before;

    begin_once();
    before = packets_count_descriptors();
    begin(pool);
    while (in.left > 0) {
        step(&in);
        let_it_work();
    }
    end();
    apr_pool_destroy(pool);
    assert(packets_count_descriptors() == before);
    (void)before;
}
