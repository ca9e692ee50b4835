/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The FastCGI application in C that most tests ask: the first segment of
 * PATH_INFO says what to do, see ../README. One request at a time, by libfcgi.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcgiapp.h>
#include <grp.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sha256.h"

#define PIECE 65536

static FCGX_Request request;
static char piece[PIECE];

/* Answers ------------------------------------------------------------------ */

static void out(const char *data, size_t len)
{
    FCGX_PutStr(data, (int)len, request.out);
    FCGX_FFlush(request.out);
}

static void say(const char *text)
{
    out(text, strlen(text));
}

static void header(const char *type)
{
    FCGX_FPrintF(request.out, "Content-Type: %s\r\n\r\n", type);
}

static void plain(const char *data, size_t len)
{
    FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n"
                 "Content-Length: %d\r\n\r\n", (int)len);
    FCGX_PutStr(data, (int)len, request.out);
}

static void plain_text(const char *text)
{
    plain(text, strlen(text));
}

static void plain_number(long number)
{
    char text[24];

    snprintf(text, sizeof text, "%ld", number);
    plain_text(text);
}

static void as_json(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);

    plain_text(text);
    free(text);
    json_decref(value);
}

/* A string that is no UTF-8 is latin-1. */
static json_t *json_of(const char *text)
{
    json_t *value = json_string(text);
    char *wide, *at;

    if (value != NULL) {
        return value;
    }
    at = wide = malloc(2 * strlen(text) + 1);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x80) {
            *at++ = (char)(0xc0 | c >> 6);
            c = 0x80 | (c & 0x3f);
        }
        *at++ = (char)c;
    }
    *at = '\0';
    value = json_string(wide);
    free(wide);
    return value;
}

static json_t *json_of_pairs(char **pairs)
{
    json_t *object = json_object();

    for (; *pairs != NULL; pairs++) {
        char *end = strchr(*pairs, '=');
        char *name = strndup(*pairs, (size_t)(end - *pairs));

        json_object_set_new(object, name, json_of(end + 1));
        free(name);
    }
    return object;
}

/* What came ---------------------------------------------------------------- */

static const char *variable(const char *name)
{
    return FCGX_GetParam(name, request.envp);
}

static size_t read_some(char *to, size_t most)
{
    int n = FCGX_GetStr(to, (int)most, request.in);

    return n > 0 ? (size_t)n : 0;
}

static size_t read_all(void)
{
    size_t length = 0, n;

    while ((n = read_some(piece, PIECE)) > 0) {
        length += n;
    }
    return length;
}

static void do_env(char **arg)
{
    (void)arg;
    as_json(json_of_pairs(request.envp));
}

static void do_echo(char **arg)
{
    const char *length = variable("CONTENT_LENGTH");
    size_t size = length != NULL ? strtoul(length, NULL, 10) : 0, n = 0, more;
    char *body = malloc(size + 1);

    (void)arg;
    while (n < size && (more = read_some(body + n, size - n)) > 0) {
        n += more;
    }
    plain(body, n);
    free(body);
}

static void do_digest(char **arg)
{
    const char *said = variable("CONTENT_LENGTH");
    struct sha256 hash;
    char hex[65];
    size_t length = 0, n;

    (void)arg;
    sha256_begin(&hash);
    while ((n = read_some(piece, PIECE)) > 0) {
        sha256_add(&hash, piece, n);
        length += n;
    }
    sha256_end(&hash, hex);
    n = read_some(piece, 1);
    as_json(json_pack("{s:I,s:s,s:s?,s:s#}", "length", (json_int_t)length,
                      "sha256", hex, "content_length", said, "past_the_end",
                      piece, (int)n));
}

static void do_relay(char **arg)
{
    size_t n;

    (void)arg;
    header("application/octet-stream");
    while ((n = read_some(piece, PIECE)) > 0) {
        out(piece, n);
    }
}

static void xs(size_t left)
{
    memset(piece, 'x', PIECE);
    for (; left > 0; left -= left < PIECE ? left : PIECE) {
        out(piece, left < PIECE ? left : PIECE);
    }
}

static void do_early(char **arg)
{
    char text[48];

    header("text/plain");
    xs(strtoul(arg[0], NULL, 10));
    snprintf(text, sizeof text, "\nread %zu", read_all());
    say(text);
}

static void do_part(char **arg)
{
    size_t left = strtoul(arg[0], NULL, 10), n;
    char text[48];

    while (left > 0 &&
           (n = read_some(piece, left < PIECE ? left : PIECE)) > 0) {
        left -= n;
    }
    snprintf(text, sizeof text, "part %s", arg[0]);
    plain_text(text);
}

static void do_mark(char **arg)
{
    const char *said = variable("CONTENT_LENGTH");
    size_t length = read_all();
    FILE *file;

    if (length != (said != NULL ? strtoul(said, NULL, 10) : 0)) {
        return; /* it broke off */
    }
    file = fopen(arg[0], "w");
    fprintf(file, "%zu", length);
    fclose(file);
    plain_text("marked");
}

static void do_line(char **arg)
{
    FILE *file = fopen("lines", "a");

    fprintf(file, "%s\n", arg[0]);
    fclose(file);
    plain_text("noted");
}

static void do_ignore(char **arg)
{
    (void)arg;
    plain_text("ignored");
}

/* Headers ------------------------------------------------------------------ */

static void do_status(char **arg)
{
    bool bare = strncmp(arg[0], "204", 3) == 0 ||
                strncmp(arg[0], "304", 3) == 0;

    FCGX_FPrintF(request.out, "Status: %s\r\n%s\r\n%s", arg[0],
                 bare ? "" : "Content-Type: text/plain\r\n",
                 bare ? "" : "own body\n");
}

static void do_bodyful(char **arg)
{
    FCGX_FPrintF(request.out, "Status: %s\r\nContent-Type: text/plain\r\n"
                 "Content-Length: 9\r\nETag: \"x\"\r\n\r\nforbidden", arg[0]);
}

static size_t of_hex(const char *hex, char *to)
{
    size_t n = 0;

    for (; hex[0] != '\0' && hex[0] != '-'; hex += 2) {
        unsigned byte;

        sscanf(hex, "%2x", &byte);
        to[n++] = (char)byte;
    }
    return n;
}

static void do_reply(char **arg)
{
    char *bytes = malloc(strlen(arg[1]) + strlen(arg[2]) + 2);
    size_t n = of_hex(arg[1], bytes);

    FCGX_FPrintF(request.out, "Status: %s Reply\r\n", arg[0]);
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] == 0x1f) {
            FCGX_PutStr(": ", 2, request.out);
        } else if (bytes[i] == 0x1e) {
            FCGX_PutStr("\r\n", 2, request.out);
        } else {
            FCGX_PutStr(bytes + i, 1, request.out);
        }
    }
    FCGX_PutStr("\r\n\r\n", n > 0 ? 4 : 2, request.out);
    n = of_hex(arg[2], bytes);
    FCGX_PutStr(bytes, (int)n, request.out);
    free(bytes);
}

static void do_headers(char **arg)
{
    (void)arg;
    say("Content-Type: text/plain\r\nSet-Cookie: a=1; Path=/\r\n"
        "Set-Cookie: b=2, still b\r\nLink: </a>; rel=preload\r\n"
        "Link: </b>; rel=preload\r\nX-Bytes: caf\xe9\r\n"
        "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nok");
}

static void do_location(char **arg)
{
    FCGX_FPrintF(request.out, "Status: %s\r\nLocation: /env/elsewhere\r\n"
                 "Content-Type: text/plain\r\n\r\nlook there", arg[0]);
}

static void do_many(char **arg)
{
    size_t size = strtoul(arg[1], NULL, 10);
    char *value = malloc(size);

    memset(value, 'm', size);
    for (long n = 0; n < atol(arg[0]); n++) {
        FCGX_FPrintF(request.out, "X-Many-%d: ", (int)n);
        FCGX_PutStr(value, (int)size, request.out);
        FCGX_PutStr("\r\n", 2, request.out);
    }
    free(value);
    header("text/plain");
    say("many");
}

static void do_sendfile(char **arg)
{
    char *folder = getcwd(NULL, 0);

    FCGX_FPrintF(request.out, "X-Sendfile: %s/%s\r\n", folder, arg[0]);
    header("text/plain");
    say("not this");
    free(folder);
}

/* Bodies ------------------------------------------------------------------- */

static void do_size(char **arg)
{
    header("application/octet-stream");
    xs(strtoul(arg[0], NULL, 10));
}

static void do_length(char **arg)
{
    size_t left = strtoul(arg[0], NULL, 10), block = 251 * 256;

    for (size_t i = 0; i < block; i++) {
        piece[i] = (char)(i % 251);
    }
    FCGX_FPrintF(request.out, "Content-Length: %s\r\n", arg[0]);
    header("application/octet-stream");
    for (; left > 0; left -= left < block ? left : block) {
        out(piece, left < block ? left : block);
    }
}

static void do_sized(char **arg)
{
    FCGX_FPrintF(request.out, "Content-Length: %s\r\n", arg[0]);
    header("text/plain");
    xs(strtoul(arg[1], NULL, 10));
}

static void do_chunked(char **arg)
{
    (void)arg;
    say("Transfer-Encoding: chunked\r\n");
    header("text/plain");
    say("4\r\nbody\r\n0\r\n\r\n");
}

static void pause_for(const char *seconds)
{
    usleep((useconds_t)(atof(seconds) * 1e6));
}

/* Nobody raises anything in C: whether anyone listens has to be asked. */
static int is_heard(void)
{
    return FCGX_GetError(request.out) == 0;
}

static void slowly(const char *before, const char *after, char **arg)
{
    for (long number = 0; number < atol(arg[0]) && is_heard(); number++) {
        FCGX_FPrintF(request.out, "%s%d%s", before, (int)number, after);
        FCGX_FFlush(request.out);
        pause_for(arg[1]);
    }
}

static void do_trickle(char **arg)
{
    header("text/plain");
    slowly("piece ", "\n", arg);
}

static void do_sse(char **arg)
{
    header("text/event-stream");
    slowly("data: ", "\n\n", arg);
}

static void do_quiet(char **arg)
{
    header("text/plain");
    say("begin\n");
    pause_for(arg[0]);
    say("end\n");
}

/* Time and failure --------------------------------------------------------- */

static void do_pid(char **arg)
{
    (void)arg;
    plain_number(getpid());
}

static void do_sleep(char **arg)
{
    pause_for(arg[0]);
    do_pid(arg);
}

static void do_hold(char **arg)
{
    char name[256];

    snprintf(name, sizeof name, "%s.waits.%ld.%ld", arg[0], (long)getpid(),
             (long)clock());
    fclose(fopen(name, "w"));
    while (access(arg[0], F_OK) != 0) {
        usleep(10000);
    }
    do_pid(arg);
}

static void do_eat(char **arg)
{
    size_t size = strtoul(arg[0], NULL, 10) << 20;

    memset(malloc(size), 'x', size);
    do_pid(arg);
}

static void do_gone(char **arg)
{
    (void)arg;
    _exit(7);
}

static void do_late_gone(char **arg)
{
    header("text/plain");
    xs(100000);
    pause_for("0.1");
    do_gone(arg);
}

static void do_killed(char **arg)
{
    (void)arg;
    kill(getpid(), SIGKILL);
}

static void do_gone_once(char **arg)
{
    FILE *file = fopen(arg[0], "a+");

    fputs("asked\n", file);
    if (ftell(file) == 6) {
        fflush(file);
        _exit(7);
    }
    plain_number(ftell(file) / 6);
    fclose(file);
}

static void do_fork(char **arg)
{
    pid_t child = fork();

    (void)arg;
    if (child == 0) {
        signal(SIGHUP, SIG_IGN);
        sleep(600);
        _exit(0);
    }
    plain_number(child);
}

/* The process -------------------------------------------------------------- */

static void do_say(char **arg)
{
    (void)arg;
    dprintf(STDOUT_FILENO, "said on stdout\n");
    dprintf(STDERR_FILENO, "said on stderr\n");
    FCGX_FPrintF(request.err, "said on fastcgi.errors\n");
    plain_text("said");
}

static int compare_ids(const void *a, const void *b)
{
    return (int)*(const gid_t *)a - (int)*(const gid_t *)b;
}

static json_t *groups(void)
{
    gid_t ids[64];
    int n = getgroups(64, ids);
    json_t *list = json_array();

    qsort(ids, (size_t)n, sizeof *ids, compare_ids);
    for (int i = 0; i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

static void do_inside(char **arg)
{
    uid_t u[3];
    gid_t g[3];
    mode_t mask = umask(0);
    char *folder = getcwd(NULL, 0), input[256] = "";

    (void)arg;
    umask(mask);
    getresuid(&u[0], &u[1], &u[2]);
    getresgid(&g[0], &g[1], &g[2]);
    readlink("/proc/self/fd/0", input, sizeof input - 1);
    as_json(json_pack("{s:i,s:i,s:i,s:i,s:[i,i,i],s:[i,i,i],s:o,s:s,s:i,s:[s],"
                      "s:o,s:s}", "pid", getpid(), "ppid", getppid(), "sid",
                      getsid(0), "pgid", getpgid(0), "uids", u[0], u[1], u[2],
                      "gids", g[0], g[1], g[2], "groups", groups(), "cwd",
                      folder, "umask", mask, "argv", "probe", "environ",
                      json_of_pairs(environ), "stdin", input));
    free(folder);
}

/* Choosing ----------------------------------------------------------------- */

static void do_actions(char **arg);

static const struct {
    const char *name;
    void (*run)(char **arg);
} actions[] = {
    { "actions", do_actions }, { "env", do_env }, { "echo", do_echo },
    { "digest", do_digest }, { "relay", do_relay }, { "early", do_early },
    { "part", do_part }, { "mark", do_mark }, { "line", do_line },
    { "ignore", do_ignore }, { "status", do_status },
    { "bodyful", do_bodyful }, { "reply", do_reply },
    { "headers", do_headers }, { "location", do_location },
    { "many", do_many }, { "sendfile", do_sendfile }, { "size", do_size },
    { "length", do_length }, { "sized", do_sized }, { "chunked", do_chunked },
    { "trickle", do_trickle }, { "sse", do_sse }, { "quiet", do_quiet },
    { "pid", do_pid }, { "sleep", do_sleep }, { "hold", do_hold },
    { "eat", do_eat }, { "gone", do_gone }, { "late-gone", do_late_gone },
    { "killed", do_killed }, { "gone-once", do_gone_once },
    { "fork", do_fork }, { "say", do_say }, { "inside", do_inside },
};

static void do_actions(char **arg)
{
    json_t *names = json_array();

    (void)arg;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        json_array_append_new(names, json_string(actions[i].name));
    }
    as_json(names);
}

static void answer(void)
{
    char *path = strdup(variable("PATH_INFO"));
    char *rest = path + 1, *arg[8] = { "", "", "", "", "", "", "", "" };
    void (*run)(char **) = do_env;
    const char *name = strsep(&rest, "/");

    for (size_t i = 0; i < 4 && rest != NULL; i++) {
        arg[i] = strsep(&rest, "/");
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) == 0) {
            run = actions[i].run;
        }
    }
    run(arg);
    free(path);
}

int main(void)
{
    FCGX_Init();
    FCGX_InitRequest(&request, 0, 0);
    while (FCGX_Accept_r(&request) == 0) {
        answer();
        FCGX_Finish_r(&request);
    }
    return 0;
}
