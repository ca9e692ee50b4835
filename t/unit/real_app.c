/* SPDX-License-Identifier: Apache-2.0 */
/*
 * real_app.c - see real_app.h.
 */
#include "real_app.h"

#include "installed.h"

#include <apr_strings.h>
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char real_good_app[] =
    "import os\n"
    "def application(environ, start_response):\n"
    "    path = environ['PATH_INFO']\n"
    "    body = ('%s %d ' % (path, os.getpid())).encode() + VERSION\n"
    "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
    "    return [body]\n"
    "VERSION = b'one'\n";

/* An application is its owner's, so that it runs as somebody of its own. */
static void give_away(const char *path)
{
    const struct passwd *user = getpwnam("daemon");

    ck_assert_ptr_nonnull(user);
    ck_assert_int_eq(chown(path, user->pw_uid, user->pw_gid), 0);
}

void real_write(const char *path, const char *text)
{
    char fresh[4096];
    int fd;
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    if (geteuid() == 0) {
        give_away(fresh);
    }
    ck_assert_int_eq(rename(fresh, path), 0);
}

/* An application in a folder of its own; its root. */
char *real_app(apr_pool_t *pool, const char *folder, const char *name,
               const char *code)
{
    char *root = apr_pstrcat(pool, folder, "/", name, NULL);

    ck_assert_int_eq(mkdir(root, 0755), 0);
    real_write(apr_pstrcat(pool, root, "/passenger_wsgi.py", NULL), code);
    if (geteuid() == 0) {
        give_away(root);
    }
    return root;
}

struct apppool_server_options real_options(apr_pool_t *pool,
                                           const char *folder)
{
    const char *stage = getenv("APPPOOL_STAGE");

    stage = stage == NULL ? "" : stage;
    return (struct apppool_server_options){
        .server_executable = apr_pstrcat(pool, stage, APPPOOL_SERVER_PATH,
                                         NULL),
        .spawn_server = apr_pstrcat(pool, stage, APPPOOL_SPAWN_PATH, NULL),
        .log_file = apr_pstrcat(pool, folder, "/log", NULL),
    };
}

int64_t real_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void send_request(const struct apppool_session *session,
                         const char *path)
{
    const char *const words[] = {
        "CONTENT_LENGTH", "0", "SCGI", "1", "REQUEST_METHOD", "GET",
        "REQUEST_URI", path, "QUERY_STRING", "", "SCRIPT_NAME", "",
        "PATH_INFO", path, "SERVER_NAME", "localhost", "SERVER_PORT", "80",
        "SERVER_PROTOCOL", "HTTP/1.1", "SERVER_SOFTWARE", "test",
        "REQUEST_SCHEME", "http", "REMOTE_ADDR", "127.0.0.1",
        "HTTP_HOST", "localhost", "APPPOOL_KEEPALIVE", "1",
    };
    char variables[2048], request[2100];
    size_t len = 0;
    int n;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        strcpy(variables + len, words[i]);
        len += strlen(words[i]) + 1;
    }
    n = snprintf(request, sizeof(request), "%zu:", len);
    memcpy(request + n, variables, len);
    request[n + (int)len] = ',';
    len += (size_t)n + 1;
    ck_assert_int_eq(send(apppool_session_writer(session), request, len,
                          MSG_NOSIGNAL), (ssize_t)len);
}

/* One whole response; its body, of a length that its frame tells. */
static const char *read_response(const struct apppool_session *session)
{
    static _Thread_local char text[4096];
    const int64_t end = real_now_ms() + REAL_PATIENCE_MS;
    size_t len = 0;

    for (;;) {
        struct pollfd poller = { .fd = apppool_session_reader(session),
                                 .events = POLLIN };
        const char *body, *frame;
        ssize_t n;

        ck_assert_int_eq(poll(&poller, 1, (int)(end - real_now_ms())), 1);
        n = recv(poller.fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
        ck_assert_msg(n > 0, "cut off: %s", text);
        len += (size_t)n;
        text[len] = '\0';
        body = strstr(text, "\r\n\r\n");
        frame = strstr(text, "X-Apppool-Frame: ");
        if (body != NULL) {
            ck_assert_msg(frame != NULL && frame < body, "%s", text);
            if (strlen(body + 4) >= strtoul(frame + 17, NULL, 10)) {
                return body + 4;
            }
        }
    }
}

const char *real_ask(const struct apppool_session *session, const char *path)
{
    send_request(session, path);
    return read_response(session);
}

/* The engine: the server's child that was started with --engine. */
pid_t real_engine(pid_t server)
{
    const int64_t end = real_now_ms() + REAL_PATIENCE_MS;

    while (real_now_ms() < end) {
        DIR *processes = opendir("/proc");
        struct dirent *entry;
        pid_t found = 0;

        while ((entry = readdir(processes)) != NULL) {
            char words[512] = "", path[300];
            long parent = 0;
            FILE *file;

            snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
            file = fopen(path, "re");
            if (file == NULL) {
                continue;
            }
            if (fscanf(file, "%*d (%*[^)]) %*c %ld", &parent) != 1) {
                parent = 0;
            }
            fclose(file);
            snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
            file = fopen(path, "re");
            if (file != NULL) {
                size_t n = fread(words, 1, sizeof(words) - 1, file);

                fclose(file);
                if (parent == server &&
                    memmem(words, n, "--engine", sizeof("--engine")) != NULL) {
                    found = (pid_t)atoi(entry->d_name);
                }
            }
        }
        closedir(processes);
        if (found != 0) {
            return found;
        }
        poll(NULL, 0, 5);
    }
    ck_abort_msg("no engine");
}

