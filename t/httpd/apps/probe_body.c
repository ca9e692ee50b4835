/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_body.c - actions that look at the request, and at its body.
 */
#define _GNU_SOURCE
#include "probe.h"
#include "sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void xs(size_t left)
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

const struct action body_actions[] = {
    { "env", do_env }, { "echo", do_echo }, { "digest", do_digest },
    { "relay", do_relay }, { "early", do_early }, { "part", do_part },
    { "mark", do_mark }, { "line", do_line }, { "ignore", do_ignore },
    { NULL, NULL },
};
