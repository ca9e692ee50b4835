/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe.h - the configuration in words, for apppoolctl config: what is in
 * force for each application, and where it was said.
 */
#ifndef MOD_APPPOOL_DESCRIBE_H
#define MOD_APPPOOL_DESCRIBE_H

#include "definitions.h"

/*
 * A sealed memfd with JSON about server s and all definitions. *fd_r is yours.
 * 0 or -errno.
 */
int describe(apr_pool_t *p, const server_rec *s,
             const struct definitions *definitions, int *fd_r);

#endif
