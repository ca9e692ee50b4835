/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_app_type.c - what the table of application types says.
 */
#include <check.h>

#include "app_type.h"
#include "program.h"

START_TEST(each_type_is_found_by_its_name)
{
    for (int i = TYPE_RACK; i <= TYPE_COMMAND; i++) {
        ck_assert_int_eq(
            app_type_of_name(app_type((enum apppool_type)i)->name), i);
    }
    ck_assert_int_eq(app_type_of_name("auto"), -1);
    ck_assert_int_eq(app_type_of_name("cobol"), -1);
}
END_TEST

START_TEST(names_of_files_tell_the_type_before_extensions)
{
    ck_assert_int_eq(app_type_of_file("/srv/a/asgi.py"), TYPE_ASGI);
    ck_assert_int_eq(app_type_of_file("main.py"), TYPE_WSGI);
    ck_assert_int_eq(app_type_of_file("lib.d/server.mjs"), TYPE_NODE);
    ck_assert_int_eq(app_type_of_file("bin/app.psgi"), TYPE_PSGI);
    ck_assert_int_eq(app_type_of_file("other.ru"), TYPE_RACK);
    ck_assert_int_eq(app_type_of_file("index.php"), TYPE_PHP);
    ck_assert_int_eq(app_type_of_file("lib.py/server"), TYPE_AUTO);
}
END_TEST

START_TEST(threads_count_where_a_type_has_them)
{
    ck_assert_uint_eq(app_type_concurrency(TYPE_WSGI, 0, 5), 5);
    ck_assert_uint_eq(app_type_concurrency(TYPE_PHP, 0, 5), 1);
    ck_assert_uint_eq(app_type_concurrency(TYPE_PSGI, 0, 5), 1);
    ck_assert_uint_eq(app_type_concurrency(TYPE_NODE, 0, 5), 0);
    ck_assert_uint_eq(app_type_concurrency(TYPE_ASGI, 0, 1), 0);
    ck_assert_uint_eq(app_type_concurrency(TYPE_COMMAND, 0, 1), 0);
}
END_TEST

START_TEST(a_fastcgi_program_serves_one_request_at_a_time)
{
    ck_assert_uint_eq(app_type_concurrency(TYPE_COMMAND, PROTOCOL_FASTCGI, 1),
                      1);
}
END_TEST

START_TEST(unknown_numbers_are_taken_for_auto)
{
    ck_assert_ptr_eq(app_type((enum apppool_type)77), app_type(TYPE_AUTO));
    ck_assert_int_eq(app_type(TYPE_AUTO)->protocol, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("app_type");
    TCase *tcase = program_case(suite, "table", NULL, NULL);

    tcase_add_test(tcase, each_type_is_found_by_its_name);
    tcase_add_test(tcase, names_of_files_tell_the_type_before_extensions);
    tcase_add_test(tcase, threads_count_where_a_type_has_them);
    tcase_add_test(tcase, a_fastcgi_program_serves_one_request_at_a_time);
    tcase_add_test(tcase, unknown_numbers_are_taken_for_auto);
    return program_run(suite);
}
