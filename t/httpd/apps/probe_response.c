/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_response.c - actions whose header or body is out of the ordinary.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

void pause_for(const char *seconds)
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

const struct action response_actions[] = {
    { "status", do_status }, { "bodyful", do_bodyful }, { "reply", do_reply },
    { "headers", do_headers }, { "location", do_location }, { "many", do_many },
    { "sendfile", do_sendfile }, { "size", do_size }, { "length", do_length },
    { "sized", do_sized }, { "chunked", do_chunked }, { "trickle", do_trickle },
    { "sse", do_sse }, { "quiet", do_quiet }, { NULL, NULL },
};
