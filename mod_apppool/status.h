/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status.h - SetHandler apppool-status: what the pool does, as a page or JSON.
 */
#ifndef MOD_APPPOOL_STATUS_H
#define MOD_APPPOOL_STATUS_H

#include <httpd.h>

int status_handler(request_rec *r);

#endif
