/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario.c - a short life of a pool: start, some requests, status, end. Run
 * by ./run with one call that fails somewhere; says how it took that.
 *
 *   scenario SERVER SPAWN ROOT LOG RUNTIME-DIR
 *
 * Exit status: one of enum verdict. What went wrong on the way, though it went
 * on, is printed: each line has to name a cause.
 */
#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/server.h"
#include "apppool/session.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum verdict {
    GOOD = 0,
    NOT_STARTED = 10, /* the start failed, and said why */
    SERVER_DIED = 11,
    NEVER_WELL = 12,  /* no three requests in a row within PATIENCE_S */
    SLOW_END = 13
};

#define PATIENCE_S 20
#define WELL       3

static apr_pool_t *pool;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void complain(const char *what, const char *why)
{
    printf("%s: %s\n", what, why != NULL ? why : "(NO CAUSE)");
    fflush(stdout);
}

static void complain_of_status(const char *what, apr_status_t rv)
{
    char text[200];

    complain(what, apppool_strerror(rv, text, sizeof(text)));
}

/* One netstring of variables, and all that is answered. */
static int ask(const struct apppool_session *session)
{
    static const char variables[] =
        "CONTENT_LENGTH\0" "0\0SCGI\0" "1\0REQUEST_METHOD\0GET\0"
        "REQUEST_URI\0/\0QUERY_STRING\0\0SCRIPT_NAME\0\0PATH_INFO\0/\0"
        "SERVER_NAME\0localhost\0SERVER_PORT\0" "80\0"
        "SERVER_PROTOCOL\0HTTP/1.1\0REMOTE_ADDR\0" "127.0.0.1\0"
        "REQUEST_SCHEME\0http";
    char request[sizeof(variables) + 16];
    int digits = snprintf(request, sizeof(request), "%zu:", sizeof(variables));
    size_t size = (size_t)digits + sizeof(variables) + 1;
    int fd = apppool_session_writer(session);
    char answer[4096];
    ssize_t n, len = 0;

    memcpy(request + digits, variables, sizeof(variables));
    request[size - 1] = ',';
    if (write(fd, request, size) != (ssize_t)size) {
        return 0;
    }
    do {
        struct pollfd watched = { .fd = fd, .events = POLLIN };

        poll(&watched, 1, 5000);
        n = read(fd, answer + len, sizeof(answer) - 1 - (size_t)len);
        len += n > 0 ? n : 0;
    } while (n > 0 && len < (ssize_t)sizeof(answer) - 1);
    answer[len] = '\0';
    return strstr(answer, "fine") != NULL;
}

static int one_request(struct apppool_client *client, const char *root)
{
    struct apppool_get_options options = {
        .root = root, .timeout = 10 * APR_USEC_PER_SEC };
    struct apppool_failure failure;
    struct apppool_session *session;
    apr_status_t rv = apppool_get(client, &options, &session, &failure, pool);
    int good;

    if (rv != APR_SUCCESS) {
        complain("get", failure.message);
        return 0;
    }
    good = ask(session);
    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    if (!good) {
        complain("request", "no answer");
    }
    return good;
}

static struct apppool_client *connect_to(struct apppool_server *server)
{
    struct apppool_client *client;
    apr_status_t rv = apppool_server_connect(server, &client, pool);

    if (rv != APR_SUCCESS) {
        complain_of_status("connect", rv);
        return NULL;
    }
    return client;
}

static int is_there(const struct apppool_server *server)
{
    return waitpid(apppool_server_pid(server), NULL, WNOHANG) == 0;
}

/* Requests until three in a row are answered. */
static enum verdict get_well(struct apppool_server *server, const char *root)
{
    const double end = now_s() + PATIENCE_S;
    struct apppool_client *client = NULL;
    int well = 0;

    while (well < WELL) {
        if (!is_there(server)) {
            return SERVER_DIED;
        }
        if (now_s() > end) {
            return NEVER_WELL;
        }
        if (client == NULL || apppool_client_is_lost(client)) {
            client = connect_to(server);
        }
        well = client != NULL && one_request(client, root) ? well + 1 : 0;
        if (well == 0) {
            usleep(50000);
        }
    }
    return GOOD;
}

int main(int argc, char **argv)
{
    struct apppool_server_options options = { .user = "nobody" };
    struct apppool_server *server;
    const char *message = NULL;
    enum verdict verdict;
    apr_status_t rv;
    double began;

    if (argc != 6) {
        return 2;
    }
    if (apr_initialize() != APR_SUCCESS ||
        apr_pool_create(&pool, NULL) != APR_SUCCESS) {
        complain("start", "no memory");
        return NOT_STARTED;
    }
    options.server_executable = argv[1];
    options.spawn_server = argv[2];
    options.log_file = argv[4];
    options.runtime_dir = argv[5];
    rv = apppool_server_start(&server, &options, &message, pool);
    if (rv != APR_SUCCESS) {
        complain("start", message);
        return NOT_STARTED;
    }
    verdict = get_well(server, argv[3]);
    began = now_s();
    apppool_server_shutdown(server);
    return verdict != GOOD || now_s() - began < 7 ? verdict : SLOW_END;
}
