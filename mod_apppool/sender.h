/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sender.h - a request on its way to the application: head, then body.
 *
 * Head, a piece of body and what its protocol puts around it go out in one
 * sendmsg() where they fit.
 */
#ifndef MOD_APPPOOL_SENDER_H
#define MOD_APPPOOL_SENDER_H

#include <stdbool.h>
#include <sys/uio.h>

#include "body.h"
#include "protocol.h"

enum sender_state {
    SENDER_FULL,   /* the application takes no more for now */
    SENDER_WAITS,  /* the client has not sent the next bytes yet */
    SENDER_DONE,   /* all is sent */
    SENDER_CUT,    /* the client broke its request off */
    SENDER_CLOSED  /* the application reads no more; what it has answered may
                      still be there */
};

struct sender {
    const struct protocol *protocol;
    const struct app_request *request;
    struct body *body;
    struct app_wrapping wrapping, ending;
    struct iovec parts[5]; /* head, before, piece, after, ending */
    unsigned n_parts;      /* of them, not sent yet: the last n_parts */
    apr_size_t piece_len;  /* of body in parts; 0: none */
    bool ends;             /* the ending is in parts, or sent */
    bool sent_any;
    enum sender_state state;
};

/* A request from its beginning. head is borrowed. */
void sender_init(struct sender *sender, const struct protocol *protocol,
                 const struct app_request *request, struct body *body,
                 const char *head, apr_size_t head_len);

/*
 * What will be sent first, for somebody else to send; *parts_r is borrowed.
 * Nothing where the client has to be read for it. What became of it is told
 * with sender_skip(), before anything else.
 */
int sender_first(struct sender *sender, const struct iovec **parts_r);
void sender_skip(struct sender *sender, apr_size_t len);

/* Send what can be sent without waiting. True: some bytes went out. */
bool sender_send(struct sender *sender, int fd);

/* Can it go on, once fd is writable or the client has sent? */
bool sender_is_active(const struct sender *sender);

#endif
