/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source.c - see source.h.
 */
#include "source.h"

#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apppool/error.h"
#include "apppool/pool.h"
#include "apppool/server.h"
#include "find.h"

#define PAGE_MAX (64 * 1024 * 1024)
/* Of curl: --fail and the answer was an error; the rest: there was none. */
#define CURL_HTTP_ERROR 22
#define CURL_IS_MISSING 127

/* A pool server ------------------------------------------------------------ */

static apr_status_t close_source(void *baton)
{
    struct source *source = baton;

    apppool_client_close(source->client);
    if (source->fd >= 0) {
        close(source->fd);
    }
    return APR_SUCCESS;
}

static int open_client(struct source *source, int fd, const char **why_r,
                       apr_pool_t *p)
{
    char text[256];
    apr_status_t rv = apppool_client_from_admin(fd, &source->client, p);

    if (rv != APR_SUCCESS) {
        close(fd);
        *why_r = apr_pstrcat(p, "the pool server does not let us in: ",
                             apppool_strerror(rv, text, sizeof text), NULL);
        return -1;
    }
    source->fd = fd;
    apr_pool_cleanup_register(p, source, close_source,
                              apr_pool_cleanup_null);
    return 0;
}

static int open_server(const struct source_options *options,
                       struct source *source, const char **why_r,
                       apr_pool_t *p)
{
    const struct found_server *server =
        options->conf != NULL ? find_server_of_conf(options->conf, why_r, p)
                              : find_server(options->pid, why_r, p);
    int fd;

    if (server == NULL || find_admin(server->pid, &fd, why_r, p) < 0) {
        return -1;
    }
    return open_client(source, fd, why_r, p);
}

/* Its PoolControlSocket ---------------------------------------------------- */

/* An order given to somebody else's socket could be answered by anybody. */
static const char *check_socket(const char *path, apr_pool_t *p)
{
    struct stat st;

    if (lstat(path, &st) < 0) {
        return apr_psprintf(p, "%s: %s", path, strerror(errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return apr_psprintf(p, "%s is not a socket", path);
    }
    if ((st.st_uid != 0 && st.st_uid != geteuid()) ||
        (st.st_mode & 077) != 0) {
        return apr_psprintf(p, "%s must have mode 0600 and belong to root or"
                            " to you", path);
    }
    return NULL;
}

static int open_socket(const char *path, struct source *source,
                       const char **why_r, apr_pool_t *p)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    *why_r = check_socket(path, p);
    if (*why_r == NULL && strlen(path) >= sizeof address.sun_path) {
        *why_r = "this path is too long for a socket";
    }
    if (*why_r == NULL) {
        strcpy(address.sun_path, path);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
            *why_r = apr_psprintf(p, "%s: %s", path, strerror(errno));
        }
    }
    if (*why_r != NULL) {
        close(fd);
        return -1;
    }
    return open_client(source, fd, why_r, p);
}

const struct source *source_open(const struct source_options *options,
                                 const char **why_r, apr_pool_t *p)
{
    struct source *source = apr_palloc(p, sizeof *source);
    int rc = 0;

    *source = (struct source){ .url = options->url, .fd = -1 };
    if (options->socket != NULL && options->url == NULL) {
        rc = open_socket(options->socket, source, why_r, p);
    } else if (options->url == NULL) {
        rc = open_server(options, source, why_r, p);
    }
    return rc == 0 ? source : NULL;
}

/* A status page ------------------------------------------------------------ */

/* curl knows TLS, proxies and passwords; it is asked without a shell. */
static void run_curl(const char *url, int out)
{
    if (dup2(out, STDOUT_FILENO) >= 0) {
        execlp("curl", "curl", "--silent", "--show-error", "--fail",
               "--max-time", "10", "--", url, (char *)NULL);
    }
    _exit(CURL_IS_MISSING);
}

static char *grow(char *text, size_t size)
{
    char *larger = realloc(text, size);

    if (larger == NULL) {
        free(text);
    }
    return larger;
}

static char *read_all(int fd, apr_size_t *len_r)
{
    size_t size = 65536, len = 0;
    char *text = malloc(size);

    while (text != NULL && len < PAGE_MAX) {
        ssize_t n = read(fd, text + len, size - len - 1);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        if (size - len < 2) {
            size *= 2;
            text = grow(text, size);
        }
    }
    *len_r = len;
    return text;
}

static enum source_end end_of_curl(int status, const char *url,
                                   const char **why_r, apr_pool_t *p)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (code == 0) {
        return SOURCE_TOLD;
    }
    *why_r = code == CURL_IS_MISSING
                 ? "--url needs the program curl"
                 : apr_pstrcat(p, "there is no status at ", url, NULL);
    return code == CURL_HTTP_ERROR ? SOURCE_REFUSED : SOURCE_UNREACHABLE;
}

static enum source_end fetch(const char *url, const char **json_r,
                             apr_size_t *len_r, const char **why_r,
                             apr_pool_t *p)
{
    int ends[2];
    int status = -1;
    char *text;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        *why_r = strerror(errno);
        return SOURCE_UNREACHABLE;
    }
    pid = fork();
    if (pid == 0) {
        run_curl(url, ends[1]);
    }
    close(ends[1]);
    text = read_all(ends[0], len_r);
    close(ends[0]);
    waitpid(pid, &status, 0);
    *json_r = text != NULL ? apr_pstrmemdup(p, text, *len_r) : "";
    free(text);
    return end_of_curl(status, url, why_r, p);
}

enum source_end source_status(const struct source *source,
                              const char **json_r, apr_size_t *len_r,
                              const char **why_r, apr_pool_t *p)
{
    char text[256];
    apr_status_t rv;

    if (source->client == NULL) {
        const char *query = strchr(source->url, '?');
        size_t len = query != NULL ? (size_t)(query - source->url)
                                   : strlen(source->url);

        return fetch(apr_psprintf(p, "%.*s?format=json", (int)len,
                                  source->url), json_r, len_r, why_r, p);
    }
    rv = apppool_status(source->client, json_r, len_r, p);
    if (rv != APR_SUCCESS) {
        *why_r = apr_pstrdup(p, apppool_strerror(rv, text, sizeof text));
        return SOURCE_REFUSED;
    }
    return SOURCE_TOLD;
}
