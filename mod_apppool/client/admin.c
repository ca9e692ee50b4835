/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin.c - numbers, limits, status: one question, one short answer.
 */
#include "refusal.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A status longer than this is not from our server. */
#define STATUS_MAX (64 * 1024 * 1024)
#define STATUS_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/* A question with its channel, while an admin operation lasts. */
struct exchange {
    struct apppool_client *client;
    struct patience patience;
    struct channel *channel;
    bool is_answered; /* then the channel can take the next question */
};

static apr_status_t exchange_open(struct exchange *x,
                                  struct apppool_client *client,
                                  enum wire_type type,
                                  apr_interval_time_t timeout)
{
    apr_status_t rv = client_enter(client);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *x = (struct exchange){ .client = client };
    x->patience = patience_until(client, timeout > 0 ? client_now() + timeout
                                                     : INT64_MAX);
    rv = channel_get(client, &x->patience, &x->channel);
    if (rv != APR_SUCCESS) {
        client_leave(client);
        return rv;
    }
    channel_begin(x->channel, type);
    return APR_SUCCESS;
}

static void exchange_close(struct exchange *x)
{
    channel_put(x->client, &x->channel, x->is_answered);
    client_leave(x->client);
}

/* Ask; APR_SUCCESS: an answer of this type is in x->channel->in. After a
 * REFUSED, its status, and its words in failure_r (may be NULL). */
static apr_status_t exchange_ask(struct exchange *x, enum wire_type expected,
                                 struct apppool_failure *failure_r,
                                 apr_pool_t *p)
{
    const struct wire_message *answer = &x->channel->in;
    apr_status_t rv = channel_ask(x->client, x->channel, &x->patience);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (wire_type(answer) == MSG_REFUSED) {
        rv = refusal_status(answer);
        refusal_tell(answer, failure_r, p);
    } else if (wire_type(answer) != expected) {
        return APPPOOL_EPROTO;
    }
    x->is_answered = true;
    return rv;
}

/* A question with at most one number and an answer with at most one. */
static apr_status_t ask_number(struct apppool_client *client,
                               enum wire_type type, enum wire_field field,
                               uint32_t argument, enum wire_type expected,
                               uint32_t *number_r)
{
    struct exchange x;
    apr_status_t rv = exchange_open(&x, client, type, CLIENT_PATIENCE);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (field != 0) {
        wire_put_u32(&x.channel->out, field, argument);
    }
    rv = exchange_ask(&x, expected, NULL, NULL);
    if (rv == APR_SUCCESS && number_r != NULL) {
        *number_r = wire_get_u32(&x.channel->in, FIELD_NUMBER, 0);
    }
    exchange_close(&x);
    return rv;
}

apr_status_t apppool_clear(struct apppool_client *client)
{
    return ask_number(client, MSG_CLEAR, 0, 0, MSG_DONE, NULL);
}

apr_status_t apppool_set_max(struct apppool_client *client, unsigned max)
{
    if (max == 0) {
        return APR_EINVAL;
    }
    return ask_number(client, MSG_SET_MAX, FIELD_NUMBER, max, MSG_DONE, NULL);
}

apr_status_t apppool_set_max_idle_time(struct apppool_client *client,
                                       unsigned seconds)
{
    return ask_number(client, MSG_SET_MAX_IDLE_TIME, FIELD_NUMBER, seconds,
                      MSG_DONE, NULL);
}

apr_status_t apppool_get_active(struct apppool_client *client,
                                unsigned *active_r)
{
    return ask_number(client, MSG_GET_ACTIVE, 0, 0, MSG_VALUE, active_r);
}

apr_status_t apppool_get_count(struct apppool_client *client,
                               unsigned *count_r)
{
    return ask_number(client, MSG_GET_COUNT, 0, 0, MSG_VALUE, count_r);
}

apr_status_t apppool_get_spawn_server_pid(struct apppool_client *client,
                                          pid_t *pid_r)
{
    uint32_t pid = 0;
    apr_status_t rv = ask_number(client, MSG_GET_SERVER_PID, 0, 0, MSG_VALUE,
                                 &pid);

    if (rv == APR_SUCCESS) {
        *pid_r = (pid_t)pid;
    }
    return rv;
}

apr_status_t apppool_detach_process(struct apppool_client *client, pid_t pid)
{
    return ask_number(client, MSG_DETACH_PROCESS, FIELD_PID, (uint32_t)pid,
                      MSG_DONE, NULL);
}

static apr_status_t restart(struct apppool_client *client, const char *root,
                            struct apppool_failure *failure_r, apr_pool_t *p)
{
    struct exchange x;
    apr_status_t rv;

    if (root != NULL && strlen(root) > WIRE_MAX_ROOT) {
        return APR_ENAMETOOLONG;
    }
    rv = exchange_open(&x, client, MSG_RESTART, 0);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (root != NULL) {
        wire_put_text(&x.channel->out, FIELD_ROOT, root);
    }
    rv = exchange_ask(&x, MSG_DONE, failure_r, p);
    exchange_close(&x);
    return rv;
}

apr_status_t apppool_restart(struct apppool_client *client, const char *root,
                             const char **message_r, apr_pool_t *p)
{
    struct apppool_failure failure = { 0 };
    apr_status_t rv = restart(client, root, &failure, p);

    if (rv != APR_SUCCESS && failure.message == NULL) {
        refusal_tell_status(rv, &failure, p);
    }
    if (message_r != NULL) {
        *message_r = failure.message;
    }
    return rv;
}

/* Read a sealed memfd whole; it cannot change under us. */
static apr_status_t read_text(int fd, const char **text_r, apr_size_t *len_r,
                              apr_pool_t *p)
{
    struct stat st;
    apr_size_t done = 0;
    char *text;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & STATUS_SEALS) != STATUS_SEALS ||
        fstat(fd, &st) < 0 || st.st_size > STATUS_MAX) {
        return APPPOOL_EPROTO;
    }
    text = apr_palloc(p, (apr_size_t)st.st_size + 1);
    while (done < (apr_size_t)st.st_size) {
        ssize_t n = pread(fd, text + done, (apr_size_t)st.st_size - done,
                          (off_t)done);

        if (n == 0) {
            return APPPOOL_EPROTO;
        }
        if (n < 0 && errno != EINTR) {
            return APR_FROM_OS_ERROR(errno);
        }
        done += n > 0 ? (apr_size_t)n : 0;
    }
    text[done] = '\0';
    *text_r = text;
    *len_r = done;
    return APR_SUCCESS;
}

/* A question whose answer is a text in a memfd. */
static apr_status_t ask_text(struct apppool_client *client,
                             enum wire_type type, const char **text_r,
                             apr_size_t *len_r, apr_pool_t *p)
{
    struct exchange x;
    apr_status_t rv = exchange_open(&x, client, type, CLIENT_PATIENCE);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = exchange_ask(&x, MSG_STATUS_TEXT, NULL, p);
    if (rv == APR_SUCCESS) {
        int fd = wire_take_fd(&x.channel->in, 0);

        rv = read_text(fd, text_r, len_r, p);
        fd_close(&fd);
    }
    exchange_close(&x);
    return rv;
}

apr_status_t apppool_status(struct apppool_client *client,
                            const char **json_r, apr_size_t *len_r,
                            apr_pool_t *p)
{
    return ask_text(client, MSG_STATUS, json_r, len_r, p);
}

apr_status_t apppool_config(struct apppool_client *client,
                            const char **json_r, apr_size_t *len_r,
                            apr_pool_t *p)
{
    return ask_text(client, MSG_CONFIG, json_r, len_r, p);
}

apr_status_t apppool_drain(struct apppool_client *client, int draining)
{
    return ask_number(client, MSG_DRAIN, FIELD_NUMBER, draining ? 1 : 0,
                      MSG_DONE, NULL);
}

apr_status_t apppool_backtrace(struct apppool_client *client, pid_t pid,
                               const char **text_r, apr_pool_t *p)
{
    struct apppool_failure failure = { 0 };
    struct exchange x;
    apr_status_t rv = exchange_open(&x, client, MSG_BACKTRACE,
                                    CLIENT_PATIENCE);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    wire_put_u32(&x.channel->out, FIELD_PID, (uint32_t)pid);
    rv = exchange_ask(&x, MSG_DONE, &failure, p);
    *text_r = failure.message;
    if (rv == APR_SUCCESS && wire_has(&x.channel->in, FIELD_MESSAGE)) {
        *text_r = apr_pstrdup(p, wire_get_text(&x.channel->in, FIELD_MESSAGE,
                                               NULL));
    }
    exchange_close(&x);
    return rv;
}

apr_status_t apppool_ping(struct apppool_client *client,
                          apr_interval_time_t timeout)
{
    struct exchange x;
    apr_status_t rv = exchange_open(&x, client, MSG_PING,
                                    timeout > 0 ? timeout : 1);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = exchange_ask(&x, MSG_PONG, NULL, NULL);
    exchange_close(&x);
    return rv;
}
