/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - see status.h. The text goes in a sealed memfd: it may be larger
 * than a packet, and a reader that is slow keeps nobody waiting.
 */
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metrics.h"
#include "socket.h"

/* 0 and a sealed memfd at its beginning, or -errno. */
static int report_write(const char *text, int *fd_r)
{
    int fd = memfd_create("apppool-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    if (fd_write_all(fd, text, strlen(text)) < 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        fd_close(&fd);
        return -EIO;
    }
    *fd_r = fd;
    return 0;
}

static void send_text(struct channel *channel, int *fd)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_STATUS_TEXT, channel->status_id);
    wire_put_fd(&m, fd);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

/* Each has a memfd of its own: who shares one shares its offset. */
static void answer(struct channel *channel, const char *text)
{
    int fd = -1;

    if (text == NULL || report_write(text, &fd) < 0) {
        channel_refuse(channel, channel->status_id, STATUS_FAILED,
                       "the status could not be written to memory", NULL, 0);
    } else {
        send_text(channel, &fd);
    }
}

/* Memory is as it was measured last; who looks again a second later sees it
 * as it is now. */
static void answer_all(void *baton)
{
    struct engine *engine = baton;
    json_t *report = status_report(engine);
    char *text = report != NULL ? json_dumps(report, JSON_COMPACT) : NULL;
    struct channel *channel;

    engine->answer = NULL;
    while ((channel = TAILQ_FIRST(&engine->asking)) != NULL) {
        status_channel_gone(channel);
        answer(channel, text);
    }
    free(text);
    json_decref(report);
    metrics_measure(engine, MEASURE_FRESH_US);
}

/* The report is long: however many ask in a turn of the loop, it is made once,
 * when that is over. */
void status_on_status(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;

    if (channel->asks_status && channel->status_id == wire_request_id(m)) {
        return; /* asked again after RESET: the engine before had not read it */
    }
    if (channel->asks_status) {
        client_fail(channel->client, "a second STATUS before the first's"
                    " answer");
        return;
    }
    channel->asks_status = true;
    channel->status_id = wire_request_id(m);
    TAILQ_INSERT_TAIL(&engine->asking, channel, next_asking);
    if (engine->answer == NULL) {
        engine->answer = loop_timer_add(engine->loop, 0, answer_all, engine);
    }
}

void status_channel_gone(struct channel *channel)
{
    if (channel->asks_status) {
        TAILQ_REMOVE(&channel->client->engine->asking, channel, next_asking);
        channel->asks_status = false;
    }
}
