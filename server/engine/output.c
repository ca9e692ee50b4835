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

struct output {
    int fd;                    /* -1: at its end */
    struct loop_watch *watch;
    output_line_fn *line;
    void *baton;
    size_t len;                /* of the unfinished line in buffer */
    char *tail;                /* owned; NULL: not kept any more */
    size_t tail_len;           /* <= OUTPUT_TAIL */
    char buffer[OUTPUT_LINE_MAX];
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

static void give_line(struct output *output)
{
    output->line(output->baton, output->buffer, output->len);
    output->len = 0;
}

/* Add what has no newline inside to the line at hand. */
static void add_piece(struct output *output, const char *piece, size_t len)
{
    while (len > 0) {
        size_t room = OUTPUT_LINE_MAX - output->len;
        size_t n = len < room ? len : room;

        memcpy(output->buffer + output->len, piece, n);
        output->len += n;
        piece += n;
        len -= n;
        if (len > 0) {
            give_line(output);
        }
    }
}

static void take_bytes(struct output *output, const char *bytes, size_t len)
{
    const char *newline;

    keep_tail(output, bytes, len);
    while ((newline = memchr(bytes, '\n', len)) != NULL) {
        add_piece(output, bytes, (size_t)(newline - bytes));
        give_line(output);
        len -= (size_t)(newline + 1 - bytes);
        bytes = newline + 1;
    }
    add_piece(output, bytes, len);
}

static void on_end(struct output *output)
{
    loop_unwatch(&output->watch);
    fd_close(&output->fd);
}

void output_drain(struct output *output)
{
    char bytes[8192];

    if (output == NULL) {
        return;
    }
    for (size_t taken = 0; output->fd >= 0 && taken < OUTPUT_TURN;) {
        ssize_t n = read(output->fd, bytes, sizeof bytes);

        if (n > 0) {
            taken += (size_t)n;
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
                           void *baton)
{
    struct output *output = calloc(1, sizeof *output);

    if (output == NULL) {
        abort();
    }
    output->fd = fd;
    output->line = line;
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

void output_close(struct output **output)
{
    if (*output == NULL) {
        return;
    }
    if ((*output)->len > 0) {
        give_line(*output);
    }
    loop_unwatch(&(*output)->watch);
    fd_close(&(*output)->fd);
    free((*output)->tail);
    free(*output);
    *output = NULL;
}
