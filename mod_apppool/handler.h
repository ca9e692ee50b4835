/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handler.h - answers the requests that resolve.c has claimed.
 */
#ifndef MOD_APPPOOL_HANDLER_H
#define MOD_APPPOOL_HANDLER_H

#include <httpd.h>

int handler_application(request_rec *r);

#endif
