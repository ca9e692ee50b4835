/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.c - keeps the parts of a request that wait to be sent.
 */
#include "sender.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define PARTS (sizeof(((struct sender *)NULL)->parts) / sizeof(struct iovec))

/* sendmsg() only reads it. */
static struct iovec part(const char *data, apr_size_t len)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = len};
}

/* Parts lie at the end of the array, so that sent ones need no moving. */
static void set_parts(struct sender *s, const struct iovec *parts, unsigned n)
{
    s->n_parts = n;
    memcpy(s->parts + PARTS - n, parts, n * sizeof(*parts));
}

void sender_init(struct sender *sender, const struct protocol *protocol,
                 const struct app_request *request, struct body *body,
                 const char *head, apr_size_t head_len)
{
    const struct iovec first = part(head, head_len);

    *sender = (struct sender){.protocol = protocol, .request = request,
                              .body = body, .state = SENDER_FULL};
    set_parts(sender, &first, 1);
}

bool sender_is_active(const struct sender *sender)
{
    return sender->state == SENDER_FULL || sender->state == SENDER_WAITS;
}

static unsigned add(struct iovec *parts, unsigned n, const char *data,
                    apr_size_t len)
{
    if (len > 0) {
        parts[n++] = part(data, len);
    }
    return n;
}

static unsigned add_ending(struct sender *s, struct iovec *parts, unsigned n)
{
    s->ending = (struct app_wrapping){.before_len = 0};
    s->protocol->wrap(s->request, 0, &s->ending);
    s->ends = true;
    return add(parts, n, s->ending.before, s->ending.before_len);
}

/* The next piece, with what stands around it. */
static unsigned add_piece(struct sender *s, struct iovec *parts, unsigned n,
                          const char *data, apr_size_t len)
{
    s->wrapping = (struct app_wrapping){.before_len = 0};
    s->piece_len = s->protocol->wrap(s->request, len, &s->wrapping);
    n = add(parts, n, s->wrapping.before, s->wrapping.before_len);
    n = add(parts, n, data, s->piece_len);
    n = add(parts, n, s->wrapping.after, s->wrapping.after_len);
    return body_ends_after(s->body, s->piece_len) ? add_ending(s, parts, n)
                                                  : n;
}

/* Behind what waits (the head) put the next piece of body. */
static void refill(struct sender *s)
{
    struct iovec parts[PARTS];
    const char *data;
    apr_size_t len;
    unsigned n = s->n_parts;
    apr_status_t rv;

    if (s->piece_len > 0 || s->ends) {
        return;
    }
    memcpy(parts, s->parts + PARTS - n, n * sizeof(*parts));
    rv = body_peek(s->body, &data, &len);
    if (rv == APR_SUCCESS) {
        n = add_piece(s, parts, n, data, len);
    } else if (rv == APR_EOF) {
        n = add_ending(s, parts, n);
    } else {
        s->state = APR_STATUS_IS_EAGAIN(rv) ? SENDER_WAITS : SENDER_CUT;
    }
    set_parts(s, parts, n);
}

static void on_sent(struct sender *s, apr_size_t len)
{
    s->sent_any = true;
    while (s->n_parts > 0) {
        struct iovec *next = &s->parts[PARTS - s->n_parts];

        if (len < next->iov_len) {
            next->iov_base = (char *)next->iov_base + len;
            next->iov_len -= len;
            s->state = SENDER_FULL;
            return;
        }
        len -= next->iov_len;
        s->n_parts--;
    }
    if (s->piece_len > 0) {
        body_sent(s->body, s->piece_len);
        s->piece_len = 0;
    }
    if (s->ends) {
        s->state = SENDER_DONE;
    }
}

static bool send_parts(struct sender *s, int fd)
{
    struct msghdr msg = {.msg_iov = s->parts + PARTS - s->n_parts,
                         .msg_iovlen = s->n_parts};
    ssize_t sent;

    do {
        sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        on_sent(s, (apr_size_t)sent);
    } else {
        s->state = errno == EAGAIN ? SENDER_FULL : SENDER_CLOSED;
    }
    return sent > 0;
}

int sender_first(struct sender *sender, const struct iovec **parts_r)
{
    if (sender->body->streamed) {
        return 0;
    }
    refill(sender);
    *parts_r = sender->parts + PARTS - sender->n_parts;
    return sender->state == SENDER_CUT ? 0 : (int)sender->n_parts;
}

void sender_skip(struct sender *sender, apr_size_t len)
{
    if (len > 0) {
        on_sent(sender, len);
    }
}

bool sender_send(struct sender *sender, int fd)
{
    bool sent_now = false, goes_on = sender_is_active(sender);

    while (goes_on) {
        sender->state = SENDER_FULL;
        refill(sender);
        if (sender->n_parts == 0) {
            sender->state = sender->ends ? SENDER_DONE : sender->state;
            break;
        }
        goes_on = sender->state != SENDER_CUT && send_parts(sender, fd);
        sent_now |= goes_on;
        goes_on &= sender->state == SENDER_FULL;
    }
    return sent_now;
}
