/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.c - see page.h.
 */
#include "page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apppool/protocol.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>The application could not be started</title>\n<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;"
    " margin: 3rem auto; padding: 0 1rem; }\n"
    "pre { overflow-x: auto; padding: 1rem; border-radius: .5rem;"
    " background: color-mix(in srgb, CanvasText 8%, Canvas); }\n"
    "</style></head><body>\n<h1>The application could not be started</h1>\n"
    "<pre>";
static const char foot[] =
    "</pre>\n<p>The same stands in the error log. A request after the cause is"
    " mended starts it again; <code>apppoolctl restart</code> or touching"
    " <code>tmp/restart.txt</code> does so at once.</p>\n</body></html>\n";

static const char *escape_of(char c)
{
    switch (c) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

/* Room for the longest escape, the foot and the NUL is always left. */
static size_t escape_into(char *to, size_t size, const char *text)
{
    size_t len = 0;

    for (; *text != '\0' && len + sizeof "&quot;" < size; text++) {
        const char *escape = escape_of(*text);
        size_t n = escape != NULL ? strlen(escape) : 1;

        memcpy(to + len, escape != NULL ? escape : text, n);
        len += n;
    }
    return len;
}

char *page_of_failure(const char *text)
{
    char *page = malloc(WIRE_MAX_STRING);
    size_t len = sizeof head - 1;

    if (page == NULL) {
        abort();
    }
    memcpy(page, head, len);
    len += escape_into(page + len, WIRE_MAX_STRING - len - sizeof foot, text);
    memcpy(page + len, foot, sizeof foot);
    return page;
}
