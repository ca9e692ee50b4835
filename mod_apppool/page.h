/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - what a person sees of an application that does not start.
 */
#ifndef MOD_APPPOOL_PAGE_H
#define MOD_APPPOOL_PAGE_H

#include "apppool/pool.h"
#include "config.h"

/*
 * Answer with status 500: the details where PoolFriendlyErrorPages is on, else
 * the admin's ErrorDocument or a plain page. Returns what the handler returns.
 */
int page_spawn_error(request_rec *r, const struct place_config *place,
                     const struct apppool_failure *failure);

#endif
