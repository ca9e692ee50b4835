/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - the client of the benchmarks: many connections, one thread.
 *
 * Keeps N connections busy for some seconds, each with one request at a time,
 * and may hold slow readers and slow senders beside them, which are not
 * counted. Tells per kind of request how many were answered, how many failed,
 * and the latencies; and how evenly the connections were served.
 * One line of JSON on standard output; t/bench/measure.py compiles and runs it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAX 65536
#define KINDS_MAX 8
#define CONNECTIONS_MAX 2048
#define TICK_MS 100 /* of the slow ones */

struct kind {
    const char *target;
    unsigned weight;     /* of 100 */
    size_t upload;       /* bytes of body; 0: a GET */
    char *head;
    size_t head_len;
    uint64_t answered, failed, bytes;
    uint32_t *latency_us;
    size_t n, size;
};

enum pace { PACE_FULL, PACE_SLOW_READER, PACE_SLOW_SENDER };
enum part { PART_HEAD, PART_LENGTH, PART_CHUNK_SIZE, PART_CHUNK, PART_EOF };

struct connection {
    int fd;
    enum pace pace;
    struct kind *kind;
    int64_t began_us;
    size_t sent;         /* of head and body */
    enum part part;
    char *head;          /* what has come of header or chunk line */
    size_t head_len;
    uint64_t left;       /* of the body or the chunk */
    int status;
    bool closes;
    uint64_t answered;
};

static struct options {
    struct sockaddr_in address;
    unsigned connections, slow_readers, slow_senders, rate;
    double seconds, warmup;
    bool reconnects; /* a new connection for each request */
    const char *host;
} options = {.connections = 1, .seconds = 2, .warmup = 0.3, .rate = 50000,
             .host = "localhost"};

static struct kind kinds[KINDS_MAX], slow_kind;
static unsigned n_kinds;
static struct connection connections[CONNECTIONS_MAX];
static int epoll_fd;
static int64_t count_from_us, until_us;
static unsigned random_state = 1;
static char body[1 << 20], sink[1 << 18];

static int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void fail(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static struct kind *pick_kind(void)
{
    unsigned at;

    random_state = random_state * 1103515245u + 12345u;
    at = random_state / 65536 % 100;
    for (unsigned i = 0; i < n_kinds; i++) {
        if (at < kinds[i].weight) {
            return &kinds[i];
        }
        at -= kinds[i].weight;
    }
    return &kinds[0];
}

static void watch(struct connection *c, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (epoll_ctl(epoll_fd, how, c->fd, &event) != 0) {
        fail("epoll_ctl");
    }
}

static void send_some(struct connection *c)
{
    const struct kind *k = c->kind;
    size_t all = k->head_len + k->upload;
    size_t most = c->pace == PACE_SLOW_SENDER ? options.rate * TICK_MS / 1000
                                              : SIZE_MAX;

    while (c->sent < all && most > 0) {
        size_t at = c->sent < k->head_len ? c->sent
                                          : (c->sent - k->head_len) %
                                                sizeof(body);
        const char *from = c->sent < k->head_len ? k->head : body;
        size_t len = c->sent < k->head_len ? k->head_len - at
                                           : sizeof(body) - at;
        ssize_t n;

        len = len > all - c->sent ? all - c->sent : len;
        if (c->sent >= k->head_len && len > most) {
            len = most;
        }
        n = send(c->fd, from + at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            break; /* full, or broken: reading tells */
        }
        if (c->sent >= k->head_len) {
            most -= (size_t)n;
        }
        c->sent += (size_t)n;
    }
    if (c->pace == PACE_FULL) {
        watch(c, EPOLL_CTL_MOD, c->sent < all ? EPOLLIN | EPOLLOUT : EPOLLIN);
    }
}

static void begin_request(struct connection *c)
{
    c->kind = c->pace == PACE_FULL ? pick_kind() : &slow_kind;
    c->began_us = now_us();
    c->sent = 0;
    c->part = PART_HEAD;
    c->head_len = 0;
    c->closes = false;
    send_some(c);
}

static void open_connection(struct connection *c)
{
    int one = 1, small = 4096;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) {
        fail("socket");
    }
    if (c->pace == PACE_SLOW_READER) {
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&options.address,
                sizeof(options.address)) != 0) {
        fail("connect");
    }
    watch(c, EPOLL_CTL_ADD, c->pace == PACE_FULL ? EPOLLIN : 0);
    begin_request(c);
}

static void count(struct connection *c, bool good)
{
    struct kind *k = c->kind;
    int64_t now = now_us();

    if (c->pace != PACE_FULL || now < count_from_us || now > until_us) {
        return;
    }
    if (!good) {
        k->failed++;
        return;
    }
    k->answered++;
    c->answered++;
    if (k->n == k->size) {
        k->size = k->size ? k->size * 2 : 65536;
        k->latency_us = realloc(k->latency_us, k->size * sizeof(uint32_t));
        if (k->latency_us == NULL) {
            fail("memory");
        }
    }
    k->latency_us[k->n++] = (uint32_t)(now - c->began_us);
}

static void end_request(struct connection *c, bool good)
{
    count(c, good && c->status >= 200 && c->status < 300);
    if (now_us() >= until_us) {
        return;
    }
    if (!good || c->closes || options.reconnects) {
        close(c->fd);
        open_connection(c);
    } else {
        begin_request(c);
    }
}

/* The value of a header line, or NULL. */
static const char *header_value(const struct connection *c, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(c->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            return line + 3 + len + strspn(line + 3 + len, " ");
        }
    }
    return NULL;
}

static bool parse_head(struct connection *c)
{
    const char *length, *coding, *connection;

    /* The end of the last chunked response may have come with this one. */
    if (sscanf(c->head + strspn(c->head, "\r\n"), "HTTP/1.%*d %d",
               &c->status) != 1) {
        return false;
    }
    length = header_value(c, "Content-Length");
    coding = header_value(c, "Transfer-Encoding");
    connection = header_value(c, "Connection");
    c->closes = connection && strncasecmp(connection, "close", 5) == 0;
    c->head_len = 0;
    if (coding != NULL) {
        c->part = PART_CHUNK_SIZE;
    } else if (length != NULL) {
        c->part = PART_LENGTH;
        c->left = strtoull(length, NULL, 10);
    } else {
        c->part = PART_EOF;
        c->closes = true;
    }
    return true;
}

/* Take a line or header, to and with `mark`. Bytes used; 0: it is too long. */
static size_t collect(struct connection *c, const char *data, size_t len,
                      const char *mark, bool *whole_r)
{
    size_t used = 0, mark_len = strlen(mark);

    *whole_r = false;
    while (used < len && c->head_len < HEAD_MAX - 1 && !*whole_r) {
        c->head[c->head_len++] = data[used++];
        *whole_r = c->head_len >= mark_len &&
                   memcmp(c->head + c->head_len - mark_len, mark,
                          mark_len) == 0;
    }
    c->head[c->head_len] = '\0';
    return used;
}

/* Bytes used, or 0 for nonsense; *ended_r: the response is complete. */
static size_t feed(struct connection *c, const char *data, size_t len,
                   bool *ended_r)
{
    bool whole;
    size_t used = 0;

    *ended_r = false;
    switch (c->part) {
    case PART_HEAD:
        used = collect(c, data, len, "\r\n\r\n", &whole);
        if (whole && !parse_head(c)) {
            return 0;
        }
        *ended_r = whole && c->part == PART_LENGTH && c->left == 0;
        return used;
    case PART_CHUNK_SIZE:
        used = collect(c, data, len, "\r\n", &whole);
        if (whole && c->head_len > 2) { /* else the CRLF after a chunk */
            c->left = strtoull(c->head, NULL, 16);
            if (c->left == 0) {
                *ended_r = true;
                return used + 2 <= len ? used + 2 : used;
            }
            c->part = PART_CHUNK;
        }
        c->head_len = whole ? 0 : c->head_len;
        return used;
    case PART_LENGTH:
    case PART_CHUNK:
        used = len < c->left ? len : (size_t)c->left;
        c->left -= used;
        break;
    case PART_EOF:
        used = len;
        break;
    }
    if (c->pace == PACE_FULL && now_us() >= count_from_us) {
        c->kind->bytes += used;
    }
    if (c->part == PART_LENGTH) {
        *ended_r = c->left == 0;
    } else if (c->part == PART_CHUNK && c->left == 0) {
        c->part = PART_CHUNK_SIZE;
    }
    return used;
}

static void on_readable(struct connection *c)
{
    size_t most = c->pace == PACE_FULL ? sizeof(sink)
                                       : options.rate * TICK_MS / 1000;
    ssize_t n = recv(c->fd, sink, most, MSG_DONTWAIT);
    size_t at = 0;

    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        end_request(c, n == 0 && c->part == PART_EOF);
        return;
    }
    while (at < (size_t)n) {
        bool ended;
        size_t used = feed(c, sink + at, (size_t)n - at, &ended);

        if (used == 0 || ended) {
            end_request(c, ended);
            return;
        }
        at += used;
    }
}

static void tick_slow_ones(void)
{
    unsigned n = options.connections;

    for (unsigned i = n; i < n + options.slow_readers + options.slow_senders;
         i++) {
        send_some(&connections[i]);
        on_readable(&connections[i]);
    }
}

static void make_head(struct kind *k)
{
    char *text;
    int len;

    if (k->upload > 0) {
        len = asprintf(&text, "POST %s HTTP/1.1\r\nHost: %s\r\n"
                       "Content-Type: application/octet-stream\r\n"
                       "Content-Length: %zu\r\n\r\n", k->target, options.host,
                       k->upload);
    } else {
        len = asprintf(&text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                       k->target, options.host);
    }
    if (len < 0) {
        fail("memory");
    }
    k->head = text;
    k->head_len = (size_t)len;
}

static void open_all(void)
{
    unsigned n = options.connections;

    for (unsigned i = 0;
         i < n + options.slow_readers + options.slow_senders; i++) {
        struct connection *c = &connections[i];

        c->pace = i < n ? PACE_FULL
                        : i < n + options.slow_readers ? PACE_SLOW_READER
                                                       : PACE_SLOW_SENDER;
        c->head = malloc(HEAD_MAX);
        if (c->head == NULL) {
            fail("memory");
        }
        open_connection(c);
    }
}

static void run(void)
{
    int64_t tick_us = now_us();

    while (now_us() < until_us) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, TICK_MS);

        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;

            if (c->pace != PACE_FULL) {
                continue;
            }
            if (events[i].events & EPOLLOUT) {
                send_some(c);
            }
            if (events[i].events & ~(uint32_t)EPOLLOUT) {
                on_readable(c);
            }
        }
        if (now_us() - tick_us >= TICK_MS * 1000) {
            tick_us += TICK_MS * 1000;
            tick_slow_ones();
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static uint32_t percentile(const struct kind *k, double part)
{
    return k->n ? k->latency_us[(size_t)((double)(k->n - 1) * part)] : 0;
}

/* Jain's index over the connections: 1 = all alike, 1/n = one had it all. */
static double fairness(void)
{
    double sum = 0, squares = 0;

    for (unsigned i = 0; i < options.connections; i++) {
        double n = (double)connections[i].answered;

        sum += n;
        squares += n * n;
    }
    return squares > 0 ? sum * sum / (options.connections * squares) : 0;
}

static void print_kind(struct kind *k)
{
    qsort(k->latency_us, k->n, sizeof(uint32_t), by_size);
    printf("{\"target\": \"%s\", \"answered\": %llu, \"failed\": %llu, "
           "\"bytes\": %llu, \"p50\": %u, \"p99\": %u, \"p999\": %u}",
           k->target, (unsigned long long)k->answered,
           (unsigned long long)k->failed, (unsigned long long)k->bytes,
           percentile(k, 0.5), percentile(k, 0.99), percentile(k, 0.999));
}

static void add_kind(char *text)
{
    struct kind *k = &kinds[n_kinds];
    char *target = strchr(text, ':');

    if (n_kinds == KINDS_MAX || target == NULL || target[1] == '\0') {
        errno = EINVAL;
        fail("--request takes WEIGHT[+UPLOAD]:TARGET");
    }
    *target = '\0';
    k->target = target + 1;
    k->weight = (unsigned)strtoul(text, &text, 10);
    k->upload = *text == '+' ? strtoul(text + 1, NULL, 10) : 0;
    n_kinds++;
}

static void set_address(char *text)
{
    char *port = strchr(text, ':');

    if (port == NULL) {
        errno = EINVAL;
        fail("--address takes IP:PORT");
    }
    *port++ = '\0';
    options.address.sin_family = AF_INET;
    options.address.sin_port = htons((uint16_t)atoi(port));
    if (inet_pton(AF_INET, text, &options.address.sin_addr) != 1) {
        fail(text);
    }
}

static void parse(int argc, char **argv)
{
    static const struct option list[] = {
        {"address", 1, NULL, 'a'},      {"host", 1, NULL, 'h'},
        {"connections", 1, NULL, 'c'},  {"seconds", 1, NULL, 's'},
        {"warmup", 1, NULL, 'w'},       {"request", 1, NULL, 'r'},
        {"slow-readers", 1, NULL, 'R'}, {"slow-senders", 1, NULL, 'S'},
        {"slow-request", 1, NULL, 'q'}, {"rate", 1, NULL, 'b'},
        {"reconnect", 0, NULL, 'n'},    {NULL, 0, NULL, 0}};
    int o;

    while ((o = getopt_long(argc, argv, "", list, NULL)) != -1) {
        switch (o) {
        case 'a': set_address(optarg); break;
        case 'h': options.host = optarg; break;
        case 'c': options.connections = (unsigned)atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 'r': add_kind(optarg); break;
        case 'R': options.slow_readers = (unsigned)atoi(optarg); break;
        case 'S': options.slow_senders = (unsigned)atoi(optarg); break;
        case 'q': slow_kind.target = optarg; break;
        case 'b': options.rate = (unsigned)atoi(optarg); break;
        case 'n': options.reconnects = true; break;
        default: exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    if (n_kinds == 0 || options.address.sin_port == 0 ||
        options.connections + options.slow_readers + options.slow_senders >
            CONNECTIONS_MAX) {
        errno = EINVAL;
        fail("--address and --request are needed, 2048 connections at most");
    }
    memset(body, 'x', sizeof(body));
    for (unsigned i = 0; i < n_kinds; i++) {
        make_head(&kinds[i]);
    }
    if (slow_kind.target != NULL) {
        slow_kind.upload = options.slow_senders > 0 ? sizeof(body) : 0;
        make_head(&slow_kind);
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    count_from_us = now_us() + (int64_t)(options.warmup * 1e6);
    until_us = count_from_us + (int64_t)(options.seconds * 1e6);
    open_all();
    run();
    printf("{\"seconds\": %.3f, \"fairness\": %.4f, \"kinds\": [",
           options.seconds, fairness());
    for (unsigned i = 0; i < n_kinds; i++) {
        printf("%s", i ? ", " : "");
        print_kind(&kinds[i]);
    }
    puts("]}");
    return 0;
}
