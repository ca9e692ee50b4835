/* SPDX-License-Identifier: Apache-2.0 */
/*
 * story.h - what happened since a process was asked for, until it is ready: for
 * the page and the log of a start that fails.
 */
#ifndef APPPOOL_ENGINE_STORY_H
#define APPPOOL_ENGINE_STORY_H

#include <stddef.h>
#include <stdint.h>

#define STORY_STEPS_MAX 8192
#define STORY_ENV_MAX   16384

struct story {
    int64_t began_us;
    size_t steps_len, env_len;
    char steps[STORY_STEPS_MAX]; /* lines "0.012 text" */
    char env[STORY_ENV_MAX];     /* lines "NAME=value", secrets masked */
};

struct story *story_new(int64_t now_us);
void story_free(struct story **story);

/* What does not fit is left out. NULL is fine. */
void story_step(struct story *story, int64_t now_us, const char *text);
void story_env(struct story *story, const char *lines);

#endif
