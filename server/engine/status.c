/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.c - see status.h. The text goes in a sealed memfd: it may be larger
 * than a packet, and a reader that is slow keeps nobody waiting.
 */
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "metrics.h"
#include "socket.h"

static int write_text(const json_t *json, int fd)
{
    char *text = json_dumps(json, JSON_COMPACT);
    int rc = text != NULL ? fd_write_all(fd, text, strlen(text)) : -ENOMEM;

    free(text);
    return rc;
}

/* 0 and a sealed memfd at its beginning, or -errno. */
static int report_write(json_t *report, int *fd_r)
{
    int fd = memfd_create("apppool-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    if (write_text(report, fd) < 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        fd_close(&fd);
        return -EIO;
    }
    *fd_r = fd;
    return 0;
}

static void answer(struct channel *channel, uint32_t id, int *fd)
{
    struct wire_message m;

    wire_message_init(&m);
    wire_message_begin(&m, MSG_STATUS_TEXT, id);
    wire_put_fd(&m, fd);
    channel_send(channel, &m);
    wire_message_clear(&m);
}

/* Memory is as it was measured last; who looks again a second later sees it
 * as it is now. */
void status_on_status(struct channel *channel, struct wire_message *m)
{
    struct engine *engine = channel->client->engine;
    json_t *report = status_report(engine);
    int fd = -1;
    int rc = report != NULL ? report_write(report, &fd) : -ENOMEM;

    json_decref(report);
    metrics_measure(engine, MEASURE_FRESH_US);
    if (rc < 0) {
        channel_refuse(channel, wire_request_id(m), STATUS_FAILED,
                       "the status could not be written to memory", NULL, 0);
        return;
    }
    answer(channel, wire_request_id(m), &fd);
}
