/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - what every Check program does alike: its cases, its end, and a
 * place for the files of its tests.
 */
#ifndef APPPOOL_TEST_PROGRAM_H
#define APPPOOL_TEST_PROGRAM_H

#include <check.h>

/* A case of suite, with a minute for each of its tests: the machine may be
 * busy. */
TCase *program_case(Suite *suite, const char *name, SFun set_up,
                    SFun tear_down);

/* A case with all of these tests. */
#define ADD(suite, name, set_up, tear_down, ...)                              \
    do {                                                                      \
        const TTest *const tests[] = { __VA_ARGS__, NULL };                   \
        program_add(program_case(suite, name, set_up, tear_down), tests);     \
    } while (0)
void program_add(TCase *tcase, const TTest *const *tests);

/* Run all tests; what main() returns. */
int program_run(Suite *suite);

/* A new, empty folder that everybody may look into; valid until the next one.
 * After the last test it is removed with all that is in it, whatever became of
 * its own test. */
const char *program_scratch(void);

#endif
