/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.c - see program.h.
 *
 * The folder of all tests' folders is made before Check forks for the first
 * test and removed after its last.
 */
#include "program.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CASE_S 60

static char all[] = "/tmp/apppool-unit.XXXXXX";

TCase *program_case(Suite *suite, const char *name, SFun set_up,
                    SFun tear_down)
{
    TCase *tcase = tcase_create(name);

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, CASE_S);
    if (set_up != NULL) {
        tcase_add_checked_fixture(tcase, set_up, tear_down);
    }
    return tcase;
}

void program_add(TCase *tcase, const TTest *const *tests)
{
    for (; *tests != NULL; tests++) {
        tcase_add_test(tcase, *tests);
    }
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *place)
{
    (void)st, (void)type, (void)place;
    return remove(path);
}

int program_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    if (mkdtemp(all) == NULL || chmod(all, 0755) < 0) {
        perror(all);
        return EXIT_FAILURE;
    }
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (nftw(all, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
        perror(all);
        return EXIT_FAILURE;
    }
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

const char *program_scratch(void)
{
    static char path[sizeof(all) + sizeof("/XXXXXX")];

    snprintf(path, sizeof(path), "%s/XXXXXX", all);
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(chmod(path, 0755), 0);
    return path;
}
