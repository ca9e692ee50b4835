/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_limits.h - numbers that contradict each other, and files that are not
 * there.
 */
#ifndef MOD_APPPOOL_CONFIG_LIMITS_H
#define MOD_APPPOOL_CONFIG_LIMITS_H

#include "definitions.h"

/* Of one application; each begins with its directive's name. NULL: none. */
const char *limits_contradiction(apr_pool_t *p,
                                 const struct pool_settings *once,
                                 const struct definition *d);

/* Of an application's variables, which go in one message. NULL: they fit. */
const char *limits_too_many_variables(apr_pool_t *p,
                                      const struct definition *d);

/* With a NUL behind each; texts may be NULL. */
apr_size_t limits_len_of_texts(const apr_array_header_t *texts);

/* A PoolLogFile where not only who opens it decides what it is. NULL: none. */
const char *limits_open_to_others(apr_pool_t *p, const char *file);

/* What is missing on disk; a deployment may still bring it. NULL: nothing. */
const char *limits_missing(apr_pool_t *p, const struct definition *d);

/* What works, but hardly as it was meant, is added to all->notes. */
void limits_note(apr_pool_t *p, const struct pool_settings *once,
                 struct definitions *all);

#endif
