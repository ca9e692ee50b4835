/* SPDX-License-Identifier: Apache-2.0 */
/*
 * page.h - a failed start as an HTML page for a person.
 */
#ifndef APPPOOL_ENGINE_PAGE_H
#define APPPOOL_ENGINE_PAGE_H

/*
 * A whole page around `text` (escaped; its end is cut so that the page fits a
 * message). Freed by the caller.
 */
char *page_of_failure(const char *text);

#endif
