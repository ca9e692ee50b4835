/* SPDX-License-Identifier: Apache-2.0 */
/*
 * show_text.c - see show.h.
 */
#include "show.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *show_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text != NULL ? text : "";
}

double show_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

const char *show_duration(char *text, size_t size, double seconds)
{
    long s = (long)seconds;

    if (seconds < 10) {
        snprintf(text, size, "%.1fs", seconds);
    } else if (s < 60) {
        snprintf(text, size, "%lds", s);
    } else if (s < 3600) {
        snprintf(text, size, "%ldm%lds", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(text, size, "%ldh%ldm", s / 3600, s / 60 % 60);
    } else {
        snprintf(text, size, "%ldd%ldh", s / 86400, s / 3600 % 24);
    }
    return text;
}

const char *show_memory_size(char *text, size_t size, double kib)
{
    if (kib <= 0) {
        snprintf(text, size, "-");
    } else if (kib < 10 * 1024) {
        snprintf(text, size, "%.1fM", kib / 1024);
    } else {
        snprintf(text, size, "%.0fM", kib / 1024);
    }
    return text;
}

/* Bytes that continue a character of UTF-8 take no column. */
void show_clean(FILE *out, const char *text, size_t max)
{
    size_t columns = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        columns += (c & 0xc0) != 0x80;
        if (max != 0 && columns > max) {
            return;
        }
        fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
    }
}

unsigned show_columns(FILE *out)
{
    struct winsize size;

    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20) {
        return size.ws_col;
    }
    return 80;
}
