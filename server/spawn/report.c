/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.c - packets to the pool (server/loaders/README).
 */
#include "spawn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REPORT_MAX 8000

static void send_text(const struct spawn *spawn, const char *word,
                      const char *format, va_list args)
{
    char text[REPORT_MAX];
    int word_len = snprintf(text, sizeof(text), "%s ", word);
    int len = vsnprintf(text + word_len, sizeof(text) - (size_t)word_len,
                        format, args);

    len = len < 0 ? 0 : len;
    len += word_len;
    if (len >= (int)sizeof(text)) {
        len = (int)sizeof(text) - 1;
    }
    send(spawn->report, text, (size_t)len, MSG_NOSIGNAL);
}

void report_send(const struct spawn *spawn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_text(spawn, "SPAWN", format, args);
    va_end(args);
}

void spawn_fail(const struct spawn *spawn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_text(spawn, "ERROR", format, args);
    va_end(args);
    _exit(1);
}
