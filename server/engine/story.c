/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story.c - see story.h.
 */
#include "story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct story *story_new(int64_t now_us)
{
    struct story *story = calloc(1, sizeof *story);

    if (story == NULL) {
        abort();
    }
    story->began_us = now_us;
    return story;
}

void story_free(struct story **story)
{
    free(*story);
    *story = NULL;
}

static void add(char *to, size_t size, size_t *len, const char *format,
                double time, const char *text)
{
    int n = snprintf(to + *len, size - *len, format, time, text);

    if (n < 0 || (size_t)n >= size - *len) {
        to[*len] = '\0'; /* no half lines */
    } else {
        *len += (size_t)n;
    }
}

void story_step(struct story *story, int64_t now_us, const char *text)
{
    if (story != NULL) {
        add(story->steps, sizeof story->steps, &story->steps_len,
            "%.3f %s\n", (double)(now_us - story->began_us) / 1e6, text);
    }
}

void story_env(struct story *story, const char *lines)
{
    size_t len = strlen(lines);

    if (story != NULL && len < sizeof story->env - story->env_len) {
        memcpy(story->env + story->env_len, lines, len + 1);
        story->env_len += len;
    }
}
