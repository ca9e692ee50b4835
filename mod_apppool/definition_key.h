/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition_key.h - the key by which processes are shared (DIRECTIVES).
 */
#ifndef MOD_APPPOOL_DEFINITION_KEY_H
#define MOD_APPPOOL_DEFINITION_KEY_H

#include "site.h"

/* root: site->root, or DYNAMIC_ROOT for the template of a place. From p. */
#define DYNAMIC_ROOT "*"
const char *definition_key(apr_pool_t *p, const struct place_config *place,
                           const struct site *site, const char *root);

#endif
