/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_answer.c - what every action reads and answers with.
 */
#define _GNU_SOURCE
#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

FCGX_Request request;
char piece[PIECE];

void out(const char *data, size_t len)
{
    FCGX_PutStr(data, (int)len, request.out);
    FCGX_FFlush(request.out);
}

void say(const char *text)
{
    out(text, strlen(text));
}

void header(const char *type)
{
    FCGX_FPrintF(request.out, "Content-Type: %s\r\n\r\n", type);
}

void plain(const char *data, size_t len)
{
    FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n"
                 "Content-Length: %d\r\n\r\n", (int)len);
    FCGX_PutStr(data, (int)len, request.out);
}

void plain_text(const char *text)
{
    plain(text, strlen(text));
}

void plain_number(long number)
{
    char text[24];

    snprintf(text, sizeof text, "%ld", number);
    plain_text(text);
}

void as_json(json_t *value)
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

json_t *json_of_pairs(char **pairs)
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

const char *variable(const char *name)
{
    return FCGX_GetParam(name, request.envp);
}

size_t read_some(char *to, size_t most)
{
    int n = FCGX_GetStr(to, (int)most, request.in);

    return n > 0 ? (size_t)n : 0;
}

size_t read_all(void)
{
    size_t length = 0, n;

    while ((n = read_some(piece, PIECE)) > 0) {
        length += n;
    }
    return length;
}
