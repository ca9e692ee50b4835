/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_bytes.c - what goes to the application and what comes from it.
 *
 * The response is read as fast as the process writes it.
 */
#include "exchange_internal.h"

#include <apr_strings.h>
#include <errno.h>
#include <sys/socket.h>

#include "clock.h"

void exchange_stop(struct exchange *x, enum exchange_end how,
                   enum log_number number, const char *why)
{
    if (!x->has_ended) {
        x->has_ended = true;
        x->end = how;
        x->number = number;
        x->why = why;
    }
}

/* As the reader says. */
static void end_by_reader(struct exchange *x)
{
    static const enum log_number numbers[] = {
        [FAULT_NOTHING] = LOG_NOTHING, [FAULT_HEADER_CUT] = LOG_HEADER_CUT,
        [FAULT_HEADER_LARGE] = LOG_HEADER_LARGE,
        [FAULT_HEADER_BAD] = LOG_HEADER_BAD, [FAULT_BODY_CUT] = LOG_BODY_CUT,
        [FAULT_BODY_BAD] = LOG_BODY_BAD, [FAULT_REFUSED] = LOG_OVERLOADED};

    exchange_stop(x, x->reader->error ? EXCHANGE_BROKEN : EXCHANGE_WHOLE,
                  numbers[x->reader->fault], x->reader->error);
}

void exchange_send_some(struct exchange *x)
{
    if (sender_send(&x->sender, x->fd)) {
        x->active_at = x->client_at = clock_now();
    }
    if (x->sender.state == SENDER_CUT) {
        exchange_stop(x, EXCHANGE_UPLOAD_CUT, LOG_UPLOAD_CUT,
                      "the client broke its request off");
    } else if (x->sender.state == SENDER_CLOSED) {
        x->was_stale = !x->sender.sent_any;
    }
}

bool exchange_wants_client(const struct exchange *x)
{
    return x->sender.state == SENDER_WAITS;
}

/* Receiving */

static void keep_body(struct exchange *x, const char *data, apr_size_t len)
{
    apr_status_t rv = response_add(x->response, data, len);

    if (rv != APR_SUCCESS) {
        char text[120];

        exchange_stop(x, EXCHANGE_NO_ROOM, LOG_NO_ROOM_RESPONSE,
                      apr_psprintf(x->r->pool, "its response cannot be kept in "
                                   "PoolBufferDir: %s",
                                   apr_strerror(rv, text, sizeof(text))));
    }
    if (response_drops_too_much(x->response)) {
        exchange_stop(x, EXCHANGE_WHOLE, 0, NULL);
        x->is_past_end = true;
    }
}

static void take_piece(struct exchange *x, const struct app_piece *piece)
{
    switch (piece->kind) {
    case PIECE_BODY:
        keep_body(x, piece->data, piece->len);
        break;
    case PIECE_LOG:
        request_log_add(&x->log, piece->data, piece->len);
        break;
    case PIECE_INTERIM:
        response_interim(x->response, &x->reader->interim);
        break;
    case PIECE_NONE:
        break;
    }
}

static void take(struct exchange *x, const char *data, size_t len)
{
    while (len > 0 && !x->has_ended) {
        struct app_piece piece;
        size_t used = x->protocol->feed(x->reader, data, len, &piece);

        if (x->reader->is_upgraded) {
            x->early = apr_pmemdup(x->r->pool, data + used, len - used);
            x->early_len = len - used;
            exchange_stop(x, EXCHANGE_UPGRADED, 0, NULL);
            return;
        }
        if (x->reader->header_done && !x->response->started) {
            response_start(x->response, x->reader, x->place);
        }
        take_piece(x, &piece);
        data += used;
        len -= used;
        if (x->reader->error != NULL) {
            end_by_reader(x);
        } else if (x->reader->has_ended) {
            x->is_past_end |= len > 0;
            exchange_stop(x, EXCHANGE_WHOLE, 0, NULL);
        }
    }
}

static void on_eof(struct exchange *x)
{
    if (!x->has_answered) {
        exchange_stop(x, EXCHANGE_NOTHING, LOG_NOTHING,
                      "it ended without a response");
        return;
    }
    x->protocol->eof(x->reader);
    end_by_reader(x);
}

/* A client that takes it as fast as it comes: it need not be kept. */
static void flow(struct exchange *x)
{
    if (!x->has_ended && response_can_flow(x->response)) {
        response_flow(x->response);
    }
    if (x->response->broken != APR_SUCCESS) {
        exchange_stop(x, EXCHANGE_CLIENT_GONE, LOG_CLIENT_GONE,
                      "the client has gone");
    }
}

/* As much is kept as may be: no more is read before the client has taken it. */
bool exchange_is_held_back(const struct exchange *x)
{
    return x->response->may_flow && response_is_full(x->response);
}

void exchange_receive_some(struct exchange *x)
{
    char buffer[READ_SIZE];
    ssize_t n = sizeof(buffer);

    while (n == sizeof(buffer) && !x->has_ended && !exchange_is_held_back(x)) {
        do {
            n = recv(x->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        } while (n < 0 && errno == EINTR);
        if (n > 0) {
            x->has_answered = true;
            x->active_at = x->read_at = clock_now();
            take(x, buffer, (size_t)n);
        } else if (n == 0 || errno != EAGAIN) {
            on_eof(x);
        }
        flow(x);
        if (response_is_full(x->response) && !x->response->may_flow) {
            response_flush(x->response, 0);
        }
    }
}
