/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules.h - who may say which message when, and what it leads to.
 */
#ifndef APPPOOL_ENGINE_RULES_H
#define APPPOOL_ENGINE_RULES_H

/* A channel, the baton, can be read: for loop_watch(). */
void rules_on_ready(void *channel, int fd, unsigned events);

#endif
