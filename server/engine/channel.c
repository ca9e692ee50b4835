/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - see channel.h.
 */
#include "channel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "client.h"
#include "socket.h"

#define MAX_UNREAD 16384 /* bytes, where descriptors are under way */

/* Descriptors that nobody takes count against a limit that all clients share
 * (unix(7), ETOOMANYREFS). About twenty unread; one has some RESETs. */
static bool leaves_unread(const struct channel *channel)
{
    int unread = 0;

    return ioctl(channel->fd, SIOCOUTQ, &unread) == 0 && unread > MAX_UNREAD;
}

int channel_send(struct channel *channel, const struct wire_message *m)
{
    static struct log_quota quota;
    bool unread = m->n_fds > 0 && leaves_unread(channel);
    int rc = unread ? -ENOBUFS : wire_send(channel->fd, m);

    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
        log_some(&quota, LOG_LEVEL_WARN,
                 "client pid %ld: %s could not be sent: %s",
                 (long)channel->client->pid, wire_type_name(wire_type(m)),
                 unread ? "what was sent before is unread" : strerror(-rc));
    }
    /* Who waits there asks elsewhere. The first channel, where unread RESETs
     * may pile up, is the whole client. */
    if (rc < 0 && (rc != -EAGAIN || channel->number != 0)) {
        shutdown(channel->fd, SHUT_RDWR);
    }
    return rc;
}

void channel_refuse(struct channel *channel, uint32_t request_id,
                    enum wire_status status, const char *message,
                    const char *page, unsigned retry_after_s)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_REFUSED, request_id);
    wire_put_u32(&m, FIELD_STATUS, status);
    wire_put_text(&m, FIELD_MESSAGE, message);
    if (page != NULL) {
        wire_put_text(&m, FIELD_PAGE, page);
    }
    wire_put_u32(&m, FIELD_RETRY_AFTER, retry_after_s);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

void channel_answer(struct channel *channel, uint32_t request_id,
                    enum wire_type type)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, type, request_id);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

void channel_done(struct channel *channel, uint32_t request_id)
{
    channel_answer(channel, request_id, MSG_DONE);
}

void channel_value(struct channel *channel, uint32_t request_id,
                   uint32_t number)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_VALUE, request_id);
    wire_put_u32(&m, FIELD_NUMBER, number);
    channel_send(channel, &m);
    wire_message_clear(&m);
}
