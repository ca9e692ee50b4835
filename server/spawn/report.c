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

void report_step(const struct spawn *spawn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_text(spawn, "STEP", format, args);
    va_end(args);
}

static void send_variables(const struct spawn *spawn, const char *lines)
{
    char text[REPORT_MAX];
    int len = snprintf(text, sizeof(text), "ENV %s", lines);

    send(spawn->report, text, (size_t)len, MSG_NOSIGNAL);
}

/* As many packets as it takes; a line too long for one is left out. */
void report_environment(const struct spawn *spawn, char *const *variables)
{
    char lines[REPORT_MAX - 8];
    size_t len = 0;

    lines[0] = '\0';
    for (; *variables != NULL; variables++) {
        char line[2048];
        int n = mask_variable(line, sizeof(line) - 1, *variables);

        if (n < 0 || (size_t)n >= sizeof(line) - 1) {
            continue;
        }
        if (len + (size_t)n + 2 > sizeof(lines)) {
            send_variables(spawn, lines);
            len = 0;
        }
        len += (size_t)sprintf(lines + len, "%s\n", line);
    }
    if (len > 0) {
        send_variables(spawn, lines);
    }
}

void spawn_fail(const struct spawn *spawn, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_text(spawn, "ERROR", format, args);
    va_end(args);
    _exit(1);
}
