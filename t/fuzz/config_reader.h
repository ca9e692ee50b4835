/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_reader.h - lines of a configuration, read by httpd itself.
 *
 * An input is text: lines whose first word begins with Pool are read as httpd
 * reads a file, with its own quoting, continuation and variables, into the
 * module's own directives. A line ">" makes those after it a section within
 * the ones before; "!" goes on in a virtual host, "." in a .htaccess.
 *
 * httpd's functions are in its executable: this is a library for LD_PRELOAD.
 */
#ifndef APPPOOL_FUZZ_CONFIG_READER_H
#define APPPOOL_FUZZ_CONFIG_READER_H

#include <stddef.h>
#include <stdint.h>

/* Once. */
void config_reader_begin(void);

/* Abort unless each line is refused with a sentence or keeps its promises. */
void config_reader_try(const uint8_t *data, size_t size);

#endif
