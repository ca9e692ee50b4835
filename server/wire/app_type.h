/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_type.h - what is known about each type of application, in one table that
 * module, engine and apppool-spawn share.
 */
#ifndef APPPOOL_WIRE_APP_TYPE_H
#define APPPOOL_WIRE_APP_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "apppool/protocol.h"

struct app_type {
    const char *name;          /* as PoolAppType has it; "auto" */
    enum apppool_protocol protocol; /* without PoolAppProtocol; 0: unknown */
    const char *directive;     /* that names its interpreter; NULL: none */
    const char *interpreter;   /* where none is named; NULL: none */
    unsigned concurrency;      /* default without threads; 0: no limit */
    bool has_threads;          /* PoolThreads */
    bool can_be_smart;         /* has a preloader */
    bool is_usually_direct;    /* smart only where PoolSpawnMethod says so */
    bool reports;              /* its loader says READY; else it is ready when
                                  it accepts a connection */
    bool takes_base_uri;       /* at its start, so processes differ by it */
};

/* Of an unknown number: TYPE_AUTO's. */
const struct app_type *app_type(enum apppool_type type);

/* By the name in PoolAppType; -1: none is called so. */
int app_type_of_name(const char *name);

/* PoolConcurrency where nobody said it; 0: no limit. protocol: 0 by type. A
 * FastCGI program serves one request at a time unless known to do more. */
unsigned app_type_concurrency(enum apppool_type type,
                              enum apppool_protocol protocol,
                              unsigned threads);

/* Startup files, the first that is there wins (DIRECTIVES). */
struct app_startup_file {
    const char *name;
    enum apppool_type type;
};

enum { APP_N_STARTUP_FILES = 6 };
extern const struct app_startup_file app_startup_files[APP_N_STARTUP_FILES];

/* Can number i of them start an application of this type (TYPE_AUTO: any)? */
bool app_startup_file_suits(size_t i, enum apppool_type type);

/* Of node alone, and after those: every tool of a front end has one. */
#define APP_NODE_PACKAGE "package.json"

/* By a startup file's name, or else its extension; TYPE_AUTO: it tells none. */
enum apppool_type app_type_of_file(const char *path);

#endif
