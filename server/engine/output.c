/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - see output.h.
 */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"

#define OUTPUT_READ 8192 /* bytes at a time */

struct output {
    struct loop *loop;
    int fd;                    /* -1: at its end */
    struct loop_watch *watch;
    output_line_fn *line;
    output_lost_fn *lost;
    void *baton;
    struct loop_timer *retry;  /* the log takes nothing just now; NULL */
    int64_t waits_since_us;    /* since when */
    unsigned n_lost;           /* lines given up since a line was taken */
    size_t len;                /* of the line at hand in buffer */
    bool is_whole;             /* that line ends there and waits for the log */
    size_t held_len;           /* bytes read behind it, in held */
    char *tail;                /* owned; NULL: not kept any more */
    size_t tail_len;           /* <= OUTPUT_TAIL */
    char buffer[OUTPUT_LINE_MAX];
    char held[OUTPUT_READ];
};

static void keep_tail(struct output *output, const char *bytes, size_t len)
{
    size_t excess;

    if (output->tail == NULL) {
        return;
    }
    if (len > OUTPUT_TAIL) {
        bytes += len - OUTPUT_TAIL;
        len = OUTPUT_TAIL;
    }
    if (output->tail_len + len > OUTPUT_TAIL) {
        excess = output->tail_len + len - OUTPUT_TAIL;
        output->tail_len -= excess;
        memmove(output->tail, output->tail + excess, output->tail_len);
    }
    memcpy(output->tail + output->tail_len, bytes, len);
    output->tail_len += len;
    output->tail[output->tail_len] = '\0';
}

/* Lines -------------------------------------------------------------------- */

static void wait_for_log(struct output *output);

static void line_taken(struct output *output)
{
    output->waits_since_us = 0;
    output->is_whole = false;
    output->len = 0;
    if (output->n_lost > 0) {
        output->lost(output->baton, output->n_lost);
        output->n_lost = 0;
    }
}

static bool has_patience(struct output *output)
{
    int64_t now = loop_now(output->loop);

    if (output->waits_since_us == 0) {
        output->waits_since_us = now;
    }
    return now - output->waits_since_us < OUTPUT_PATIENCE_US;
}

/* True: the line at hand is out of the way, for good or ill. */
static bool give_line(struct output *output)
{
    enum output_fate fate = output->line(output->baton, output->buffer,
                                         output->len);

    output->is_whole = true;
    if (fate == OUTPUT_TAKEN) {
        line_taken(output);
        return true;
    }
    if (fate == OUTPUT_LATER && has_patience(output)) {
        return false;
    }
    output->n_lost++;
    output->is_whole = false;
    output->len = 0;
    return true;
}

/* Take one piece or the end of a line; returns how many bytes it was. */
static size_t take_piece(struct output *output, const char *bytes, size_t len)
{
    const char *newline = memchr(bytes, '\n', len);
    size_t piece = newline != NULL ? (size_t)(newline - bytes) : len;
    size_t room = OUTPUT_LINE_MAX - output->len;
    size_t n = piece < room ? piece : room;

    memcpy(output->buffer + output->len, bytes, n);
    output->len += n;
    if (n == piece && newline != NULL) {
        output->is_whole = true;
        return n + 1;
    }
    output->is_whole = n < piece; /* full: it goes on in the next */
    return n;
}

/* Take bytes until they are all taken or the log waits; the rest is held. */
static void take_bytes(struct output *output, const char *bytes, size_t len)
{
    while (len > 0 || output->is_whole) {
        size_t n;

        if (output->is_whole && !give_line(output)) {
            break;
        }
        n = len > 0 ? take_piece(output, bytes, len) : 0;
        bytes += n;
        len -= n;
    }
    memmove(output->held, bytes, len);
    output->held_len = len;
    if (output->is_whole) {
        wait_for_log(output);
    }
}

static bool is_waiting(const struct output *output)
{
    return output->retry != NULL;
}

static void on_retry(void *baton)
{
    struct output *output = baton;
    char bytes[OUTPUT_READ];
    size_t len = output->held_len;

    output->retry = NULL;
    memcpy(bytes, output->held, len);
    take_bytes(output, bytes, len);
    if (!is_waiting(output) && output->watch != NULL) {
        loop_watch_set(output->watch, LOOP_READ);
    }
}

static void wait_for_log(struct output *output)
{
    if (output->watch != NULL) {
        loop_watch_set(output->watch, 0);
    }
    output->retry = loop_timer_add(output->loop, OUTPUT_RETRY_US, on_retry,
                                   output);
}

/* Reading ------------------------------------------------------------------ */

static void on_end(struct output *output)
{
    loop_unwatch(&output->watch);
    fd_close(&output->fd);
}

void output_drain(struct output *output)
{
    char bytes[OUTPUT_READ];

    if (output == NULL) {
        return;
    }
    for (size_t taken = 0; output->fd >= 0 && !is_waiting(output) &&
                           taken < OUTPUT_TURN;) {
        ssize_t n = read(output->fd, bytes, sizeof bytes);

        if (n > 0) {
            taken += (size_t)n;
            keep_tail(output, bytes, (size_t)n);
            take_bytes(output, bytes, (size_t)n);
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        } else {
            on_end(output);
        }
    }
}

static void on_ready(void *baton, int fd, unsigned events)
{
    (void)fd;
    (void)events;
    output_drain(baton);
}

struct output *output_open(struct loop *loop, int fd, output_line_fn *line,
                           output_lost_fn *lost, void *baton)
{
    struct output *output = calloc(1, sizeof *output);

    if (output == NULL) {
        abort();
    }
    output->loop = loop;
    output->fd = fd;
    output->line = line;
    output->lost = lost;
    output->baton = baton;
    output->tail = calloc(1, OUTPUT_TAIL + 1);
    fd_set_nonblocking(fd, 1);
    output->watch = loop_watch(loop, fd, LOOP_READ, on_ready, output);
    return output;
}

const char *output_tail(struct output *output)
{
    return output != NULL && output->tail != NULL ? output->tail : "";
}

void output_remember(struct output *output)
{
    if (output != NULL && output->tail == NULL) {
        output->tail = calloc(1, OUTPUT_TAIL + 1);
        output->tail_len = 0;
    }
}

void output_forget(struct output *output)
{
    if (output != NULL) {
        free(output->tail);
        output->tail = NULL;
    }
}

/* The last words, as far as the log takes them now. */
static void give_rest(struct output *output)
{
    char bytes[OUTPUT_READ];
    size_t len = output->held_len;

    memcpy(bytes, output->held, len);
    output->waits_since_us = 1; /* no patience left */
    take_bytes(output, bytes, len);
    if (output->len > 0) {
        give_line(output);
    }
    if (output->n_lost > 0) {
        output->lost(output->baton, output->n_lost);
    }
}

void output_close(struct output **output)
{
    if (*output == NULL) {
        return;
    }
    loop_timer_cancel(&(*output)->retry);
    loop_unwatch(&(*output)->watch);
    give_rest(*output);
    loop_timer_cancel(&(*output)->retry);
    fd_close(&(*output)->fd);
    free((*output)->tail);
    free(*output);
    *output = NULL;
}
