/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.c - see page.h.
 */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apppool/protocol.h"

/* Escaped bytes that each part may take; with head, tags and foot they stay
 * below WIRE_MAX_STRING. */
#define ERROR_MAX  20000
#define OUTPUT_MAX 20000
#define STEPS_MAX  8000
#define ENV_MAX    12000
#define HINTS_MAX  4

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<title>The application could not be started</title>\n<style>\n"
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
    "pre,code,td{font-family:ui-monospace,monospace;font-size:.9rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:.8rem 1rem;"
    "border-radius:.5rem;margin:0;"
    "background:color-mix(in srgb,CanvasText 7%,Canvas)}"
    "pre.error{border-left:.3rem solid #c5283d}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}"
    "dt,summary,footer{color:color-mix(in srgb,CanvasText 65%,Canvas)}"
    "dd{margin:0;overflow-wrap:anywhere}summary{cursor:pointer;margin:1rem 0"
    " .4rem}footer{margin-top:2rem;font-size:.9rem}"
    "\n</style></head><body>\n<h1>The application could not be started</h1>\n";
static const char foot[] =
    "<footer>The next request after a change of the startup file starts it"
    " again; <code>apppoolctl restart</code> or touching"
    " <code>tmp/restart.txt</code> does so at once. Who administers this site"
    " turns this page off with <code>PoolFriendlyErrorPages"
    " off</code>.</footer>\n</body></html>\n";

struct page {
    char *text;
    size_t len; /* < WIRE_MAX_STRING - sizeof foot */
};

/* Room --------------------------------------------------------------------- */

static void put_bytes(struct page *page, const char *bytes, size_t len)
{
    if (len < WIRE_MAX_STRING - sizeof foot - page->len) {
        memcpy(page->text + page->len, bytes, len);
        page->len += len;
    }
}

static void put(struct page *page, const char *html)
{
    put_bytes(page, html, strlen(html));
}

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

/* At most `max` bytes of the page. */
static void put_text(struct page *page, const char *text, size_t len,
                     size_t max)
{
    size_t end = page->len + max;

    for (size_t i = 0; i < len && page->len + sizeof "&quot;" < end; i++) {
        const char *escape = escape_of(text[i]);

        if (escape != NULL) {
            put(page, escape);
        } else {
            put_bytes(page, text + i, 1);
        }
    }
}

/* Parts -------------------------------------------------------------------- */

static void put_fact(struct page *page, const char *name, const char *value)
{
    if (*value != '\0') {
        put(page, "<dt>");
        put(page, name);
        put(page, "</dt><dd>");
        put_text(page, value, strlen(value), 5000);
        put(page, "</dd>\n");
    }
}

static void put_number(struct page *page, const char *name, int64_t value,
                       const char *unit)
{
    char text[64];

    snprintf(text, sizeof text, value == 0 ? "none" : "%lld%s",
             (long long)value, unit);
    put_fact(page, name, text);
}

/* The end of what was printed tells more than its beginning. */
static const char *last_part(const char *text, size_t max)
{
    size_t len = strlen(text);

    return len > max / 2 ? text + len - max / 2 : text;
}

static void put_pre(struct page *page, const char *before, const char *text,
                    size_t max, const char *after)
{
    if (*text != '\0') {
        put(page, before);
        put(page, "<pre>");
        put_text(page, text, strlen(text), max);
        put(page, "</pre>");
        put(page, after);
    }
}

static void put_hints(struct page *page, const struct page_facts *facts)
{
    const char *hints[HINTS_MAX];
    unsigned n = hints_of_failure(facts, hints, HINTS_MAX);

    put(page, n > 0 ? "<h2>What to try</h2>\n<ul>\n" : "");
    for (unsigned i = 0; i < n; i++) {
        put(page, "<li>");
        put(page, hints[i]);
        put(page, "</li>\n");
    }
    put(page, n > 0 ? "</ul>\n" : "");
}

static void put_steps(struct page *page, const char *steps)
{
    size_t end = page->len + STEPS_MAX;

    put(page, *steps != '\0' ? "<h2>Steps</h2>\n<dl>\n" : "");
    for (const char *at = steps; *at != '\0' && page->len + 1024 < end;) {
        size_t time = strcspn(at, " \n");
        size_t len = strcspn(at, "\n");

        put(page, "<dt>");
        put_text(page, at, time, 64);
        put(page, " s</dt><dd>");
        put_text(page, at + time, len - time, 900);
        put(page, "</dd>\n");
        at += len + (at[len] == '\n');
    }
    put(page, *steps != '\0' ? "</dl>\n" : "");
}

static void put_limits(struct page *page, const struct core_app_limits *limits)
{
    put(page, "<details><summary>Limits</summary><dl>\n");
    put_number(page, "PoolStartTimeout", limits->start_timeout_us / 1000000,
               " s");
    put_number(page, "PoolMemoryLimit", limits->memory_mib, " MiB");
    put_number(page, "PoolMaxPerApp", limits->max_per_app, "");
    put_number(page, "PoolConcurrency", limits->concurrency, "");
    put_fact(page, "PoolSpawnMethod", limits->smart ? "smart" : "direct");
    put(page, "</dl></details>\n");
}

static void put_facts(struct page *page, const struct page_facts *facts)
{
    put(page, "<dl>\n");
    put_fact(page, "Application", facts->root);
    put_fact(page, "Type", facts->type);
    put_fact(page, "User", facts->user);
    put_fact(page, "Environment", facts->environment);
    put_fact(page, "Error", facts->id);
    put(page, "</dl>\n");
}

char *page_of_failure(const struct page_facts *facts)
{
    struct page page = { malloc(WIRE_MAX_STRING), 0 };

    if (page.text == NULL) {
        abort();
    }
    put(&page, head);
    put(&page, "<pre class=\"error\">");
    put_text(&page, facts->error, strlen(facts->error), ERROR_MAX);
    put(&page, "</pre>\n");
    put_hints(&page, facts);
    put(&page, "<h2>What was to be started</h2>\n");
    put_facts(&page, facts);
    put_steps(&page, facts->steps);
    if (strstr(facts->error, facts->output) == NULL) {
        put_pre(&page, "<h2>What it printed</h2>\n",
                last_part(facts->output, OUTPUT_MAX), OUTPUT_MAX, "\n");
    }
    put_pre(&page, "<details><summary>Environment variables (secrets are"
            " masked)</summary>", facts->variables, ENV_MAX,
            "</details>\n");
    put_limits(&page, facts->limits);
    memcpy(page.text + page.len, foot, sizeof foot);
    return page.text;
}
