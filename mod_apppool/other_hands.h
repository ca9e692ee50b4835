/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_hands.h - who else may decide where a path of root's leads.
 */
#ifndef MOD_APPPOOL_OTHER_HANDS_H
#define MOD_APPPOOL_OTHER_HANDS_H

#include <apr_pools.h>

/*
 * The first folder on the way to `folder`, itself included, in which somebody
 * else than root or who starts httpd may put, rename or remove things: what is
 * opened there may be a link to anything. NULL: none; or it is not there.
 *
 * `folder` is absolute. Links on the way are followed as the kernel does it.
 */
const char *in_other_hands(apr_pool_t *p, const char *folder);

#endif
