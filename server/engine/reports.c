/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reports.c - see reports.h.
 */
#include "reports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app_type.h"
#include "running.h"

/* An application may report whatever it likes, as often as it likes. */
static void log_odd(struct running *running, const char *what)
{
    if (running->n_odd < LOG_QUOTA_LINES) {
        running_log(running, LOG_LEVEL_WARN, "%s: ignored%s", what,
                    ++running->n_odd == LOG_QUOTA_LINES
                        ? "; no more is told of such reports"
                        : "");
    }
}

/* "SPAWN type=2 uid=5 user=games", by apppool-spawn before it executes. */
static void on_spawn_says(struct running *running, const char *text)
{
    unsigned type;

    if (running->user[0] != '\0' || /* by then it is the application's word */
        sscanf(text, "type=%u uid=%*u user=%32s", &type, running->user) != 2 ||
        type > TYPE_COMMAND) {
        log_odd(running, "odd report of its start");
        return;
    }
    running->type = type;
    free(running->definition->user);
    running->definition->user = strdup(running->user);
    if (running->definition->user == NULL) {
        abort();
    }
    definition_set_type(running->definition, type);
    if (running->core != NULL) {
        running_act_on_type(running);
    }
}

/* "READY", or from a fork "READY K": that it serves on the listener which it
 * was told to keep. */
static bool is_ready_for(const struct running *running, const char *text)
{
    char expected[32] = "READY";

    if (running->forked_by != 0) {
        snprintf(expected, sizeof expected, "READY %u", running->listener);
    }
    return strcmp(text, expected) == 0;
}

static void on_ready_says(struct running *running, const char *text)
{
    char odd[128];

    if (is_ready_for(running, text)) {
        running_is_ready(running);
    } else {
        snprintf(odd, sizeof odd, "says \"%.40s\", not that it serves on the "
                 "listener it has (%u)", text, running->listener);
        log_odd(running, odd);
    }
}

/* One packet: a word, perhaps a space and more. */
void reports_on_reported(struct engine *engine, struct wire_message *m)
{
    struct running *running =
        running_find(engine, wire_get_u32(m, FIELD_PROCESS, 0));
    size_t len;
    const char *bytes = wire_get_text(m, FIELD_REPORT, &len);
    char text[8192 + 1];
    char *rest;

    if (running == NULL || len >= sizeof text) {
        return;
    }
    memcpy(text, bytes, len);
    text[len] = '\0';
    rest = strchr(text, ' ');
    rest = rest != NULL ? rest + 1 : text + strlen(text);
    if (strncmp(text, "SPAWN ", 6) == 0) {
        on_spawn_says(running, rest);
    } else if (running->ready) {
        return; /* it has nothing more to say that counts */
    } else if (strncmp(text, "READY", 5) == 0) {
        on_ready_says(running, text);
    } else if (strncmp(text, "STEP ", 5) == 0) {
        story_step(running->story, engine_now(engine), rest);
    } else if (strncmp(text, "ENV ", 4) == 0) {
        story_env(running->story, rest);
    } else if (strncmp(text, "ERROR ", 6) == 0 ||
               strncmp(text, "FAILED ", 7) == 0) {
        running_add_error(running, rest, len - (size_t)(rest - text));
    } else {
        log_odd(running, "an unknown report");
    }
}
