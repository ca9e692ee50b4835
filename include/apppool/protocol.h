/* SPDX-License-Identifier: Apache-2.0 */
/*
 * protocol.h - every message that travels between the parts, in one place.
 *
 * A message is one SOCK_SEQPACKET packet: a struct wire_header, then fields,
 * and descriptors riding with it. Host byte order: both ends are on one machine
 * and, by the version byte, of one release. A field is {u16 id, u16 zero, u32
 * length, bytes, zero bytes up to a multiple of 4}; numbers are 4 or 8 bytes. A
 * TEXT is followed by at least one zero byte, which its length does not count.
 * A field stands at most once in a message.
 *
 * The tables below are the whole truth: server/wire/message.c refuses what they
 * do not list (unknown type or field, missing field, wrong size, too many
 * descriptors, wrong direction) before any handler sees it.
 *
 * Who talks with whom:
 *   rendezvous  one byte each way, no message (server/wire/rendezvous.h)
 *   channel     client <-> engine         C, E
 *   config      httpd parent <-> master   P, M   (by RENDEZVOUS_CONFIG)
 *   link        master <-> engine         M, E
 *   watch       master <-> watcher        M, W
 *   definition  master -> apppool-spawn   M      (in a memfd, not on a socket)
 */
#ifndef APPPOOL_PROTOCOL_H
#define APPPOOL_PROTOCOL_H

#include <stdint.h>

#define APPPOOL_WIRE_VERSION 1

struct wire_header {
    uint8_t version;     /* APPPOOL_WIRE_VERSION */
    uint8_t type;        /* enum wire_type */
    uint16_t flags;      /* 0 for now; anything else is refused */
    uint32_t request_id; /* chosen by who asks, told in the reply; 0: none */
    uint32_t length;     /* bytes after the header */
};

/*
 * Limits. One string may have 64 KiB (a start-up error with its output); one
 * packet must fit an unprivileged socket's default send buffer (about 200 KB).
 */
#define WIRE_MAX_STRING   65536
#define WIRE_MAX_PAYLOAD  (160 * 1024)
#define WIRE_MAX_FDS      4
#define WIRE_MAX_ROOT     4096 /* bytes of an application's root, no NUL */
#define WIRE_MAX_COMMAND  32768 /* bytes of its command, NUL after each word */

/* Definitions that the master adopted (ADOPT) are numbered from here on. They
 * keep the flags of their template, DEFINE_DYNAMIC too. */
#define FIRST_ADOPTED UINT32_C(0x80000000)

/* So many at a time. The engine forgets some that nobody uses for new ones. */
#define MAX_ADOPTED 4096

/*
 * Fields: id, name, kind, greatest length for BYTES, meaning.
 * TEXT is BYTES without NUL; LIST is texts that each end in NUL.
 */
#define WIRE_FIELDS(X)                                                        \
    X(1,  GENERATION,     U32,  0, "configuration generation, from 1 on")     \
    X(2,  APP,            U32,  0, "number of a definition; never reused")    \
    X(3,  ROOT,           TEXT, WIRE_MAX_ROOT, "root of an application")      \
    X(4,  LOWER,          U32,  0, "1: run as the owner, 0: as the starter")  \
    X(5,  LOWEST_USER,    TEXT, 256, "who runs what root owns")               \
    X(6,  AGE_US,         U64,  0, "how long the client has waited already")  \
    X(7,  SLOT,           U32,  0, "line of the client's board")              \
    X(8,  PID,            U32,  0, "process id, for logs and status only")    \
    X(9,  PROTOCOL,       U32,  0, "enum apppool_protocol; absent: by type")  \
    X(10, STATUS,         U32,  0, "enum wire_status, or errno on the link")  \
    X(11, MESSAGE,        TEXT, WIRE_MAX_STRING, "what went wrong, for logs") \
    X(12, PAGE,           TEXT, WIRE_MAX_STRING, "the same as an HTML page")  \
    X(13, RETRY_AFTER,    U32,  0, "seconds, for Retry-After")                \
    X(14, NUMBER,         U32,  0, "argument or answer of an admin message")  \
    X(15, QUEUE_US,       U64,  0, "time between GET and OFFER")              \
    X(16, SPAWN_US,       U64,  0, "of that, time a start was waited for")    \
    X(17, ENDED,          U32,  0, "1: the connection has ended, clean")      \
    X(18, CLIENT,         U32,  0, "number of a client; never reused")        \
    X(19, PROCESS,        U32,  0, "number of a process; never reused")       \
    X(20, UID,            U32,  0, "user id as the kernel told it")           \
    X(21, ADMIN,          U32,  0, "1: an admin channel")                     \
    X(22, SIGNAL,         U32,  0, "signal number")                           \
    X(23, EXIT_STATUS,    U32,  0, "as waitpid(2) gives it")                  \
    X(24, REPORT,         BYTES, 8192, "a packet from an application")        \
    X(25, LISTENERS,      U32,  0, "listeners of a preloader; 0: direct")     \
    X(26, LISTENER,       U32,  0, "index of a preloader's listener")         \
    X(27, PRELOADER,      U32,  0, "process number of a preloader")           \
    X(28, WAIT_ACCEPT,    U32,  0, "1: answer when it has been accepted")     \
    X(29, SLOT_GENERATION,U32,  0, "generation of the slot's word, 16 bit")   \
    X(30, TYPE,           U32,  0, "enum apppool_type; of a process: known")  \
    X(31, STARTUP_FILE,   TEXT, WIRE_MAX_ROOT, "absolute or below the root")  \
    X(32, COMMAND,        LIST, WIRE_MAX_COMMAND, "words of PoolAppCommand")  \
    X(33, ENVIRONMENT,    TEXT, 256, "PoolAppEnvironment")                    \
    X(34, INTERPRETERS,   LIST, 5 * WIRE_MAX_ROOT, "PoolRuby=ruby ...")       \
    X(35, USER,           TEXT, 256, "PoolUser; absent: the owner")           \
    X(36, GROUP,          TEXT, 256, "PoolGroup; absent: the user's own")     \
    X(37, SETENV,         LIST, 65536, "NAME=VALUE of PoolSetEnv")            \
    X(38, THREADS,        U32,  0, "PoolThreads")                             \
    X(39, SPAWN_METHOD,   U32,  0, "enum apppool_spawn_method")               \
    X(40, BASE_URI,       TEXT, WIRE_MAX_ROOT, "\"\" at the root")            \
    X(41, MAX,            U32,  0, "PoolMax")                                 \
    X(42, MAX_IDLE_S,     U32,  0, "PoolMaxIdleTime, seconds")                \
    X(43, MAX_SPAWNING,   U32,  0, "PoolMaxSpawning")                         \
    X(44, MAX_WAITING,    U32,  0, "PoolMaxWaiting")                          \
    X(45, USER_SWITCHING, U32,  0, "PoolUserSwitching")                       \
    X(46, ALLOW_ROOTS,    LIST, 65536, "PoolAllowRoots patterns")             \
    X(47, CHILD_UID,      U32,  0, "httpd's User: who may connect")           \
    X(48, MIN_INSTANCES,  U32,  0, "PoolMinInstances")                        \
    X(49, MAX_PER_APP,    U32,  0, "PoolMaxPerApp")                           \
    X(50, MAX_REQUESTS,   U32,  0, "PoolMaxRequests")                         \
    X(51, MAX_REQUEST_S,  U32,  0, "PoolMaxRequestTime, seconds")             \
    X(52, MAX_QUEUE,      U32,  0, "PoolMaxQueueSize")                        \
    X(53, QUEUE_TIMEOUT_S,U32,  0, "PoolQueueTimeout, seconds")               \
    X(54, START_TIMEOUT_S,U32,  0, "PoolStartTimeout, seconds")               \
    X(55, CONCURRENCY,    U32,  0, "0 = unlimited; absent: by type")          \
    X(56, MEMORY_MIB,     U32,  0, "PoolMemoryLimit, MiB")                    \
    X(57, FLAGS,          U32,  0, "enum apppool_define_flags")               \
    X(58, RESTART_DIR,    TEXT, WIRE_MAX_ROOT, "PoolRestartDir")              \
    X(59, CHANNEL,        U32,  0, "number of a channel within its client")   \
    X(60, RLIMITS,        BYTES, 64, "struct wire_rlimits")                   \
    X(61, INHERITED_ENV,  LIST, 8192, "TZ=, TMPDIR= as httpd has them")       \
    X(62, LEASES,         U32,  0, "1: slots may be kept after a request")    \
    X(63, FULL,           U32,  0, "1: no process is free, none can start")   \
    X(64, PRIVATE_KIB,    U32,  0, "memory that is a process's alone, KiB")    \
    X(65, CPU_US,         U64,  0, "processor time a process has used")       \
    X(66, LOG_LEVEL,      U32,  0, "httpd's LogLevel for us, APLOG_*")        \
    X(67, DRAINING,       U32,  0, "1: health says no")                       \
    X(68, ACTIONS,        U32,  0, "1: PoolStatusActions somewhere")          \
    X(69, ERROR_ID,       TEXT, 32, "what a failed start is called in logs")  \
    X(70, STICKY,         U64,  0, "random id of a process, for cookies")     \
    X(71, CONTROL_SOCKET, TEXT, 107, "PoolControlSocket")                     \
    X(72, EPOCH,          U32,  0, "random number of an engine")             \
    X(73, ISOLATION,      TEXT, 8192, "words of PoolIsolation")

enum wire_field {
#define WIRE_FIELD_ENUM(id, name, kind, max, meaning) FIELD_##name = id,
    WIRE_FIELDS(WIRE_FIELD_ENUM)
#undef WIRE_FIELD_ENUM
    FIELD_COUNT
};

/* A set of fields: bit FIELD_x tells whether x is in it. */
typedef unsigned __int128 wire_field_set;
#define FIELD_SET_MAX 128
#define FIELD_BIT(name) ((wire_field_set)1 << FIELD_##name)

/* The soft and hard limits of RLimitCPU, RLimitMEM, RLimitNPROC; ~0 = unset. */
struct wire_rlimits {
    uint64_t cpu[2], mem[2], nproc[2];
};

enum apppool_protocol {
    PROTOCOL_SCGI = 1,
    PROTOCOL_HTTP = 2,
    PROTOCOL_FASTCGI = 3
};

enum apppool_type {
    TYPE_AUTO = 0, /* by the first startup file found, at each start */
    TYPE_RACK = 1,
    TYPE_WSGI = 2,
    TYPE_ASGI = 3,
    TYPE_NODE = 4,
    TYPE_PSGI = 5,
    TYPE_PHP = 6,
    TYPE_COMMAND = 7
};

enum apppool_spawn_method {
    SPAWN_DEFAULT = 0, SPAWN_SMART = 1, SPAWN_DIRECT = 2
};

enum apppool_define_flags {
    DEFINE_PRE_START = 1,       /* PoolPreStart on */
    DEFINE_NOT_ROLLING = 2,     /* PoolRollingRestart off */
    DEFINE_FRIENDLY_ERRORS = 4, /* PoolFriendlyErrorPages on */
    DEFINE_DYNAMIC = 8,         /* a template: ROOT comes with each GET and has
                                   to match PoolAllowRoots */
    DEFINE_OWN_LOG = 32,        /* its log is PoolLogFile, lines as they are;
                                   else one in httpd's form */
    DEFINE_LINK = 16            /* ROOT is a link to the public folder of the
                                   root, resolved at each start */
};

/* Why a request was refused; REFUSED carries it. */
enum wire_status {
    STATUS_OK = 0,
    STATUS_SPAWN_FAILED = 1, /* the application does not start */
    STATUS_BUSY = 2,         /* queue full, or too many waiting in all */
    STATUS_TIMEOUT = 3,      /* PoolQueueTimeout */
    STATUS_UNKNOWN_APP = 4,  /* no such definition, or not allowed */
    STATUS_DENIED = 5,       /* an admin message on a plain channel */
    STATUS_BAD_MESSAGE = 6,  /* against the tables below */
    STATUS_STOPPING = 7,     /* the server is going down */
    STATUS_FAILED = 8        /* a restart whose new code does not start; else */
};

/* How to watch an application's files (WATCH). */
enum watch_how {
    WATCH_OFF = 0,   /* it has no process */
    WATCH_FRESH = 1, /* what is there now was there before the start */
    WATCH_ON = 2     /* a new engine: compare with what was seen last */
};

/* What was seen there (SEEN). */
enum watch_seen {
    SEEN_RESTART = 1, /* restart.txt has appeared or has another time */
    SEEN_ALWAYS = 2,  /* always_restart.txt is there */
    SEEN_STARTUP = 4  /* the startup file has changed */
};

/* Senders. */
#define FROM_CLIENT 1
#define FROM_ENGINE 2
#define FROM_MASTER 4
#define FROM_PARENT 8
#define FROM_WATCHER 16

/*
 * Definitions. CONFIGURE and DEFINE pass from the httpd parent through the
 * master, unchanged, to the engine and to apppool-spawn.
 */
#define F(name) FIELD_BIT(name)
#define CONFIGURE_NEEDS (F(GENERATION) | F(MAX) | F(MAX_IDLE_S))
#define CONFIGURE_TAKES                                                       \
    (F(MAX_SPAWNING) | F(MAX_WAITING) | F(USER_SWITCHING) | F(LOWEST_USER) |  \
     F(ALLOW_ROOTS) | F(CHILD_UID) | F(INHERITED_ENV) | F(ENVIRONMENT) |      \
     F(LOG_LEVEL) | F(ACTIONS) | F(CONTROL_SOCKET))
#define DEFINE_NEEDS (F(APP) | F(ROOT) | F(TYPE))
#define DEFINE_TAKES                                                          \
    (F(STARTUP_FILE) | F(COMMAND) | F(PROTOCOL) | F(ENVIRONMENT) |            \
     F(INTERPRETERS) | F(USER) | F(GROUP) | F(SETENV) | F(THREADS) |           \
     F(SPAWN_METHOD) | F(BASE_URI) | F(MIN_INSTANCES) | F(MAX_PER_APP) |      \
     F(MAX_REQUESTS) | F(MAX_REQUEST_S) | F(MAX_QUEUE) | F(QUEUE_TIMEOUT_S) | \
     F(START_TIMEOUT_S) | F(CONCURRENCY) | F(MEMORY_MIB) | F(FLAGS) |         \
     F(RESTART_DIR) | F(LOWER) | F(LOWEST_USER) | F(GENERATION) |             \
     F(ISOLATION) | F(RLIMITS))

/*
 * Messages: number, name, senders, fields it must have, fields it may have,
 * fewest and most descriptors, what it says and what answers it.
 */
#define WIRE_MESSAGES(X)                                                      \
    /* channel, client to engine */                                           \
    X(1, HELLO, FROM_CLIENT, 0, F(GENERATION) | F(LEASES), 0, 0,              \
      "first message of a client's first channel -> WELCOME")                 \
    X(2, OPEN_CHANNEL, FROM_CLIENT, 0, 0, 0, 0,                               \
      "one more channel for this client -> CHANNEL, REFUSED")                 \
    X(3, GET, FROM_CLIENT, 0, F(APP) | F(ROOT) | F(LOWER) | F(LOWEST_USER) |  \
      F(AGE_US) | F(STICKY) | F(EPOCH), 0, 0,                                 \
      "a session, please -> OFFER, REFUSED")                                  \
    X(4, CANCEL, FROM_CLIENT, 0, 0, 0, 0,                                     \
      "never mind the GET of this request id -> CANCELLED, OFFER, REFUSED")   \
    X(5, RETURN, FROM_CLIENT, F(SLOT), F(ENDED) | F(SLOT_GENERATION), 0, 0,   \
      "the word of this slot is EMPTY; no answer")                            \
    X(6, CLOSED, FROM_CLIENT, F(SLOT), F(SLOT_GENERATION), 0, 0,              \
      "EMPTY, and it ended dirty; no answer")                                 \
    X(7, STATUS, FROM_CLIENT, 0, 0, 0, 0, "-> STATUS_TEXT")                   \
    X(8, PING, FROM_CLIENT | FROM_MASTER, 0, 0, 0, 0, "-> PONG")              \
    /* the same, admin channels only (or a server without configuration) */   \
    X(9, SET_MAX, FROM_CLIENT, F(NUMBER), 0, 0, 0, "-> DONE")                 \
    X(10, SET_MAX_IDLE_TIME, FROM_CLIENT, F(NUMBER), 0, 0, 0, "-> DONE")      \
    X(11, CLEAR, FROM_CLIENT, 0, 0, 0, 0, "-> DONE")                          \
    X(12, GET_ACTIVE, FROM_CLIENT, 0, 0, 0, 0, "-> VALUE")                    \
    X(13, GET_COUNT, FROM_CLIENT, 0, 0, 0, 0, "-> VALUE")                     \
    X(14, GET_SERVER_PID, FROM_CLIENT, 0, 0, 0, 0, "-> VALUE")                \
    X(15, RESTART, FROM_CLIENT, 0, F(ROOT), 0, 0,                             \
      "a root, or all -> DONE when new code serves, else REFUSED")            \
    X(16, DETACH_PROCESS, FROM_CLIENT, F(PID), 0, 0, 0,                       \
      "no new request for this process; it ends when free -> DONE, REFUSED")  \
    X(17, DRAIN, FROM_CLIENT, F(NUMBER), 0, 0, 0,                             \
      "1: health says no from now on, all else goes on; 0: yes -> DONE")      \
    X(18, BACKTRACE, FROM_CLIENT, F(PID), 0, 0, 0,                            \
      "its loader prints where its threads are -> DONE with that, REFUSED")   \
    X(19, CONFIG, FROM_CLIENT, 0, 0, 0, 0,                                    \
      "the configuration in words -> STATUS_TEXT, REFUSED")                   \
    X(20, UPGRADED, FROM_CLIENT, F(SLOT) | F(SLOT_GENERATION), 0, 0, 0,       \
      "the request in this slot has become a tunnel; no answer")              \
    /* channel, engine to client */                                           \
    X(32, WELCOME, FROM_ENGINE, F(NUMBER), F(CLIENT), 0, 1,                   \
      "NUMBER slots; the board (none on admin channels); CLIENT: its number") \
    X(33, CHANNEL, FROM_ENGINE, 0, 0, 1, 1, "the client's end")               \
    X(34, OFFER, FROM_ENGINE, F(SLOT) | F(SLOT_GENERATION) | F(PID) |         \
      F(PROTOCOL) | F(PROCESS), F(QUEUE_US) | F(SPAWN_US) | F(FULL) |         \
      F(STICKY), 0, 1,                                                        \
      "the slot is OFFERED; the connection, unless the client has it")        \
    X(35, REFUSED, FROM_ENGINE | FROM_MASTER, F(STATUS) | F(MESSAGE),         \
      F(PAGE) | F(RETRY_AFTER) | F(ERROR_ID), 0, 0, "no")                     \
    X(36, CANCELLED, FROM_ENGINE, 0, 0, 0, 0, "nothing was lent")             \
    X(37, RESET, FROM_ENGINE, 0, F(EPOCH), 0, 0,                              \
      "a new engine: ask again what is unanswered, with its EPOCH from now"   \
      " on; no answer")                                                       \
    X(38, DONE, FROM_ENGINE | FROM_MASTER, 0, F(NUMBER) | F(MESSAGE), 0, 1,   \
      "it is done; to a COMMIT the master's ledger, for LEFT_BEHIND")         \
    X(39, VALUE, FROM_ENGINE, F(NUMBER), 0, 0, 0, "the number asked for")     \
    X(40, STATUS_TEXT, FROM_ENGINE, 0, 0, 1, 1, "JSON in a sealed memfd")     \
    X(41, PONG, FROM_ENGINE, 0, 0, 0, 0, "alive")                             \
    /* config, parent to master; then link, master to engine, unchanged */    \
    X(64, CONFIGURE, FROM_PARENT | FROM_MASTER, CONFIGURE_NEEDS,              \
      CONFIGURE_TAKES, 0, 1, "a generation begins; the log")                  \
    X(65, DEFINE, FROM_PARENT | FROM_MASTER, DEFINE_NEEDS, DEFINE_TAKES,      \
      0, 1, "an application of it; its log")                                  \
    X(66, COMMIT, FROM_PARENT | FROM_MASTER, F(GENERATION), F(STATUS), 0, 0,  \
      "the generation is complete (STATUS 1: and what applications are"       \
      " started with has changed) -> DONE, REFUSED")                          \
    X(67, DESCRIBE, FROM_PARENT | FROM_MASTER, 0, 0, 1, 1,                    \
      "the generation in words for people: JSON in a sealed memfd")           \
    X(68, LEFT_BEHIND, FROM_PARENT, 0, 0, 1, 1,                               \
      "the ledger of a master that was killed: what it has started ends")     \
    /* link, master to engine */                                              \
    X(80, CLIENT_NEW, FROM_MASTER, F(CLIENT) | F(PID) | F(UID),               \
      F(ADMIN) | F(GENERATION) | F(LEASES), 1, 2,                             \
      "its first channel and, unless admin, its board; what GREETED said")    \
    X(81, CHANNEL_NEW, FROM_MASTER, F(CLIENT) | F(CHANNEL), 0, 1, 2,          \
      "the engine's end and, when just made, the client's")                   \
    X(82, SPAWNED, FROM_MASTER, F(PROCESS) | F(APP) | F(PID), F(LISTENERS) |  \
      F(PRELOADER) | F(LISTENER) | F(STATUS) | F(STICKY), 0, 1,               \
      "it runs; its output. STATUS 1: told to a new engine, was READY")       \
    X(83, SPAWN_ERROR, FROM_MASTER, F(PROCESS) | F(STATUS) | F(MESSAGE), 0,   \
      0, 0, "it could not be started, errno; the number is gone")             \
    X(84, REPORTED, FROM_MASTER, F(PROCESS) | F(REPORT), 0, 0, 0,             \
      "a packet from the process's report socket; its first one is told"      \
      " to a new engine again")                                               \
    X(85, CONNECTED, FROM_MASTER, F(CLIENT) | F(SLOT) | F(PROCESS), 0, 1, 1,  \
      "the client's end of a connection to the process")                      \
    X(86, CONNECT_ERROR, FROM_MASTER, F(CLIENT) | F(SLOT) | F(PROCESS) |      \
      F(STATUS), 0, 0, 0, "errno: EAGAIN backlog full; else not to be had")   \
    X(87, GONE, FROM_MASTER, F(PROCESS) | F(EXIT_STATUS), 0, 0, 0,            \
      "the process has ended, its connections are revoked")                   \
    X(88, ADOPTED, FROM_MASTER, F(APP) | F(ROOT), F(NUMBER), 0, 0,            \
      "ADOPT's definition; APP: the template, NUMBER: the new one")           \
    X(89, START, FROM_MASTER, F(NUMBER), F(ADMIN) | F(STATUS) | F(DRAINING) | \
      F(MESSAGE), 0, 0,                                                       \
      "all state was told; NUMBER: greatest process number so far;"           \
      " STATUS 1: an engine was there before; MESSAGE: what this system does" \
      " not allow, for the status")                                \
    X(90, STOP, FROM_MASTER, 0, 0, 0, 0, "retire everything, refuse new")     \
    X(91, SLOT_KEPT, FROM_MASTER, F(CLIENT) | F(SLOT) | F(PROCESS), 0, 0, 0,  \
      "a connection that outlived an engine")                                 \
    /* link, engine to master */                                              \
    X(96, SPAWN, FROM_ENGINE, F(PROCESS) | F(APP), F(LISTENERS) | F(STICKY),  \
      0, 0,                                                                   \
      "start a process -> SPAWNED, SPAWN_ERROR; later REPORTED, GONE")        \
    X(97, FORK, FROM_ENGINE, F(PROCESS) | F(PRELOADER) | F(LISTENER),         \
      F(STICKY), 0, 0, "let a preloader fork -> SPAWNED, SPAWN_ERROR")        \
    X(98, CONNECT, FROM_ENGINE, F(CLIENT) | F(SLOT) | F(PROCESS),             \
      F(WAIT_ACCEPT), 0, 0,                                                   \
      "-> CONNECTED, CONNECT_ERROR; CLIENT 0: the engine's own probe")        \
    X(99, REVOKE, FROM_ENGINE, F(CLIENT) | F(SLOT), 0, 0, 0,                  \
      "shut this connection down and forget it; no answer")                   \
    X(100, KILL, FROM_ENGINE, F(PROCESS) | F(SIGNAL), 0, 0, 0, "no answer")   \
    X(101, DROP_CLIENT, FROM_ENGINE, F(CLIENT), 0, 0, 0,                      \
      "the client is gone: revoke all it has, forget it; no answer")          \
    X(102, MAKE_CHANNEL, FROM_ENGINE, F(CLIENT) | F(CHANNEL), 0, 0, 0,        \
      "-> CHANNEL_NEW")                                                       \
    X(103, DROP_CHANNEL, FROM_ENGINE, F(CLIENT) | F(CHANNEL), 0, 0, 0,        \
      "its peer closed it; no answer")                                        \
    X(104, ADOPT, FROM_ENGINE, F(APP) | F(ROOT), F(LOWER) | F(LOWEST_USER),   \
      0, 0, "a root that only a client named; APP 0: no template -> ADOPTED") \
    X(105, READY, FROM_ENGINE, F(PROCESS), 0, 0, 0,                           \
      "the start is over, its time-out and patience too; no answer")         \
    X(106, KEEP, FROM_ENGINE, F(DRAINING), 0, 0, 0,                           \
      "what the next engine is to know; no answer")                           \
    X(107, LIMITS, FROM_ENGINE | FROM_MASTER, F(MAX) | F(MAX_IDLE_S), 0, 0,   \
      0, "as set since the last CONFIGURE; the master tells the next engine") \
    X(108, GREETED, FROM_ENGINE, F(CLIENT) | F(LEASES), F(GENERATION), 0, 0,  \
      "what its HELLO said, for the next engine; no answer")                  \
    X(109, FORGET, FROM_ENGINE, F(APP), 0, 0, 0,                              \
      "no process, no client and no generation uses it; or an adopted one"    \
      " has to make room; no answer")           \
    /* engine -> master -> watcher */                                         \
    X(111, WATCH, FROM_ENGINE | FROM_MASTER, F(APP) | F(NUMBER), 0, 0, 0,     \
      "look at its restart files once a second: enum watch_how; no answer")   \
    X(112, MEASURE, FROM_ENGINE | FROM_MASTER, F(PROCESS), 0, 0, 2,           \
      "how large is it (the master adds its stat and smaps_rollup or statm"   \
      " in /proc) -> MEASURED")                                               \
    /* watcher -> master -> engine */                                         \
    X(113, SEEN, FROM_WATCHER | FROM_MASTER, F(APP) | F(NUMBER), 0, 0, 0,     \
      "what has changed there: set of enum watch_seen")                       \
    X(114, MEASURED, FROM_WATCHER | FROM_MASTER, F(PROCESS) | F(NUMBER),      \
      F(PRIVATE_KIB) | F(CPU_US), 0, 0,                                       \
      "its memory in KiB: PSS; where refused RSS less shared")

enum wire_type {
#define WIRE_TYPE_ENUM(number, name, senders, needs, takes, fmin, fmax, says)  \
    MSG_##name = number,
    WIRE_MESSAGES(WIRE_TYPE_ENUM)
#undef WIRE_TYPE_ENUM
    MSG_LIMIT = 128
};

/* The byte that asks a rendezvous for a channel. On the admin pair only. */
#define RENDEZVOUS_CHANNEL 'c' /* a channel to the engine */
#define RENDEZVOUS_CONFIG  'd' /* admin pair: a config channel to the master,
                                  which first becomes a changed executable */
#define RENDEZVOUS_RELOAD  'r' /* admin pair: a pipe's end, to be closed when
                                  the configuration has been read anew */

#endif
