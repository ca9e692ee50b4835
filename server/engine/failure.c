/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failure.c - see failure.h.
 */
#include "failure.h"

#include <apr_general.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_type.h"
#include "outlet.h"
#include "page.h"

static char *format(const char *form, const char *a, const char *b,
                    const char *c)
{
    char *text;

    if (asprintf(&text, form, a, b, c) < 0) {
        abort();
    }
    return text;
}

/* What those who waited for this start are told. Freed by the caller. */
static char *describe(const struct running *running, const char *end)
{
    const char *printed = outlet_tail(running);

    if (running->error != NULL) {
        return format("%s", running->error, "", "");
    }
    return format("The application %s before it was ready.%s%s", end,
                  *printed != '\0' ? " It printed:\n" : "", printed);
}

/* Short, and never the same within a log that anybody reads. */
static void name_it(struct definition *definition)
{
    unsigned char random[ERROR_ID_LEN / 2];

    apr_generate_random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(definition->error_id + 2 * i, 3, "%02x", random[i]);
    }
    definition->error_us = engine_now(definition->engine);
}

static void log_lines(const struct running *running, const char *what,
                      const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        running_log(running, LOG_LEVEL_ERROR, "error %s: %s%.*s",
                    running->definition->error_id, what, (int)len, text);
        text += len + (text[len] == '\n');
    }
}

/* A traceback stays readable: one line of the log for each of its lines. */
static void log_it(const struct running *running, const char *text)
{
    running_log(running, LOG_LEVEL_ERROR, "could not be started (error %s):",
                running->definition->error_id);
    log_lines(running, "  ", text);
    if (running->story != NULL) {
        log_lines(running, "step at ", running->story->steps);
    }
}

static void make_page(struct running *running, const char *text)
{
    struct definition *definition = running->definition;
    const struct story *story = running->story;
    struct page_facts facts = {
        .id = definition->error_id,
        .root = definition->root,
        .type = app_type(running->type)->name,
        .user = running->user,
        .environment = definition->environment,
        .error = text,
        .output = outlet_tail(running),
        .steps = story != NULL ? story->steps : "",
        .variables = story != NULL ? story->env : "",
        .limits = &definition->limits,
    };

    free(definition->error_page);
    definition->error_page = page_of_failure(&facts);
}

static void log_back_off(const struct running *running)
{
    struct core_app_view view;
    int64_t left_us;

    core_app_view(running->definition->app, &view);
    left_us = view.retry_at_us - engine_now(running->engine);
    if (left_us > 0) {
        running_log(running, LOG_LEVEL_ERROR, "error %s: no new try for %.0f s,"
                    " unless its code changes or it is restarted",
                    running->definition->error_id, (double)left_us / 1e6);
    }
}

void failure_of_start(struct running *running, const char *end)
{
    char *text = describe(running, end);

    running->failed = true;
    story_step(running->story, engine_now(running->engine), end);
    name_it(running->definition);
    make_page(running, text);
    log_it(running, text);
    core_spawn_failed(running->core, text, engine_now(running->engine));
    if (running->definition->app != NULL) {
        log_back_off(running);
    }
    free(text);
}

void failure_of_patience(struct running *running)
{
    char *text = format("It was not ready within PoolStartTimeout.%s%s%s",
                        "", "", "");

    if (!running->failed) {
        running->failed = true;
        story_step(running->story, engine_now(running->engine),
                   "not ready in time: SIGABRT shows where it hangs");
        name_it(running->definition);
        log_it(running, text);
    }
    make_page(running, text);
    free(text);
}
