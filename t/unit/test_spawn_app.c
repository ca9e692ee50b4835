/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spawn_app.c - which application a definition means, and which root.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "spawn_world.h"

START_TEST(first_startup_file_decides_the_type)
{
    static const char *const files[] = { "app.psgi", "app.js", "asgi.py",
                                         "wsgi.py", "passenger_wsgi.py",
                                         "config.ru" };
    static const unsigned types[] = { TYPE_PSGI, TYPE_NODE, TYPE_ASGI,
                                      TYPE_WSGI, TYPE_WSGI, TYPE_RACK };
    char start[32];

    set_wsgi();
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        make_file(files[i]);
        run();
        snprintf(start, sizeof(start), "SPAWN type=%u uid=", types[i]);
        ck_assert_int_eq(strncmp(reports[0], start, strlen(start)), 0);
    }
}
END_TEST

START_TEST(given_type_looks_for_its_own_files_only)
{
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_WSGI);
    make_file("config.ru");
    run();
    assert_error("it has none of passenger_wsgi.py, wsgi.py ");
}
END_TEST

START_TEST(package_json_starts_what_is_said_to_be_node)
{
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_NODE);
    wire_put_bytes(&define, FIELD_INTERPRETERS, "PoolNode=/bin/echo", 19);
    options.loaders = root;
    make_file("node_loader.cjs");
    run();
    assert_error("it has none of app.js, package.json ");
    make_file("package.json");
    run();
    assert_printed("/package.json ");
    make_file("app.js");
    run();
    assert_printed("/app.js ");
}
END_TEST

START_TEST(startup_file_may_have_another_name)
{
    wire_put_text(&define, FIELD_STARTUP_FILE, "main.py");
    wire_put_text(&define, FIELD_ROOT, root);
    put_interpreter("/bin/echo");
    wire_put_u32(&define, FIELD_TYPE, TYPE_WSGI);
    options.loaders = root;
    make_file("wsgi_loader.py");
    run();
    assert_error("There is no startup file main.py in ");
    make_file("main.py");
    run();
    assert_printed("/main.py ");
}
END_TEST

START_TEST(each_language_runs_its_loader_with_its_interpreter)
{
    static const struct {
        const char *directive, *startup_file, *loader;
    } all[] = { { "PoolPerl", "app.psgi", "psgi_loader.pl" },
                { "PoolNode", "app.js", "node_loader.cjs" },
                { "PoolPython", "asgi.py", "asgi_loader.py" },
                { "PoolPython", "wsgi.py", "wsgi_loader.py" },
                { "PoolRuby", "config.ru", "rack_loader.rb" } };
    char text[256];

    options.loaders = root;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        wire_message_begin(&define, MSG_DEFINE, 0);
        wire_put_u32(&define, FIELD_APP, 1);
        wire_put_text(&define, FIELD_ROOT, root);
        wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
        snprintf(text, sizeof(text), "%s=/bin/echo", all[i].directive);
        wire_put_bytes(&define, FIELD_INTERPRETERS, text, strlen(text) + 1);
        make_file(all[i].startup_file);
        make_file(all[i].loader);
        run();
        snprintf(text, sizeof(text),
                 "%s/%s --mode direct --startup-file %s/%s ", root,
                 all[i].loader, root, all[i].startup_file);
        assert_printed(text);
    }
}
END_TEST

START_TEST(preloading_what_has_no_preloader_ends_after_its_report)
{
    char start[32];

    set_wsgi();
    make_file("app.js");
    options.preload = true;
    run();
    snprintf(start, sizeof(start), "SPAWN type=%u uid=", TYPE_NODE);
    ck_assert_uint_eq(n_reports, 1);
    ck_assert_int_eq(strncmp(reports[0], start, strlen(start)), 0);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(output, "");
}
END_TEST

static void set_php(void)
{
    static const char script[] =
        "#!/bin/sh\nreadlink /proc/$$/fd/0; ls /proc/$$/fd\n"
        "env | grep PHP_FCGI\n";
    char named[256];
    int fd = open(path_of("php"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    int n = snprintf(named, sizeof(named), "PoolPhp=%s", path_of("php"));

    ck_assert_int_eq(write(fd, script, sizeof(script) - 1),
                     (ssize_t)sizeof(script) - 1);
    close(fd);
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_PHP);
    wire_put_bytes(&define, FIELD_INTERPRETERS, named, (size_t)n + 1);
}

START_TEST(php_finds_its_listener_at_0_only)
{
    set_php();
    run();
    assert_printed("socket:");
    assert_printed("\n0\n1\n10\n2\n"); /* 10: the script, held by the shell */
}
END_TEST

START_TEST(php_neither_forks_nor_ends_by_itself)
{
    static const char setenv[] = "PHP_FCGI_CHILDREN=4\0PHP_FCGI_MAX_REQUESTS=5";

    set_php();
    wire_put_bytes(&define, FIELD_SETENV, setenv, sizeof(setenv));
    run();
    assert_printed("PHP_FCGI_CHILDREN=0\n");
    assert_printed("PHP_FCGI_MAX_REQUESTS=0\n");
}
END_TEST

START_TEST(front_controller_that_is_not_there_is_named)
{
    set_php();
    wire_put_text(&define, FIELD_STARTUP_FILE, "public/front.php");
    run();
    assert_error("no file public/front.php");
}
END_TEST

START_TEST(missing_root_says_which_part_is_missing)
{
    char text[256];

    wire_put_text(&define, FIELD_ROOT, path_of("here/not/there"));
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    snprintf(text, sizeof(text), "there is no %s/here.", root);
    run();
    assert_error(text);
}
END_TEST

START_TEST(root_that_is_a_file_or_relative_is_refused)
{
    make_file("file");
    wire_put_text(&define, FIELD_ROOT, path_of("file"));
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    run();
    assert_error("is not a folder");
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
    wire_put_text(&define, FIELD_ROOT, "tmp");
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    run();
    assert_error("is not an absolute path");
}
END_TEST

START_TEST(link_to_the_public_folder_leads_to_the_root_around_it)
{
    char target[256], line[256];

    ck_assert_int_eq(mkdir(path_of("release"), 0755), 0);
    ck_assert_int_eq(mkdir(path_of("release/public"), 0755), 0);
    snprintf(target, sizeof(target), "%s", path_of("release/public"));
    ck_assert_int_eq(symlink(target, path_of("link")), 0);
    set_command("pwd");
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
    wire_put_u32(&define, FIELD_TYPE, TYPE_COMMAND);
    wire_put_u32(&define, FIELD_FLAGS, DEFINE_LINK);
    wire_put_text(&define, FIELD_ROOT, path_of("link"));
    wire_put_bytes(&define, FIELD_COMMAND, "/bin/pwd", 9);
    run();
    snprintf(line, sizeof(line), "%s/release\n", root);
    ck_assert_str_eq(output, line);
}
END_TEST

static void set_dynamic(const char *path)
{
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
    wire_put_u32(&define, FIELD_TYPE, TYPE_COMMAND);
    wire_put_u32(&define, FIELD_FLAGS, DEFINE_DYNAMIC);
    wire_put_text(&define, FIELD_ROOT, path);
    wire_put_bytes(&define, FIELD_COMMAND, "/bin/pwd", 9);
}

START_TEST(root_of_a_client_has_to_match_where_it_really_leads)
{
    char patterns[256];
    int n = snprintf(patterns, sizeof(patterns), "/nowhere/*%c%s/sites/*", 0,
                     root);

    wire_put_bytes(&rules, FIELD_ALLOW_ROOTS, patterns, (size_t)n + 1);
    ck_assert_int_eq(mkdir(path_of("sites"), 0755), 0);
    ck_assert_int_eq(mkdir(path_of("sites/one"), 0755), 0);
    ck_assert_int_eq(mkdir(path_of("private"), 0755), 0);
    ck_assert_int_eq(symlink("../private", path_of("sites/evil")), 0);
    set_dynamic(path_of("sites/one"));
    run();
    assert_printed("/sites/one\n");
    set_dynamic(path_of("sites/evil"));
    run();
    assert_error("/private is not allowed as an application's root");
    set_dynamic(path_of("sites/one/../../private"));
    run();
    assert_error("/private is not allowed as an application's root");
}
END_TEST

START_TEST(root_of_a_client_never_leads_through_links_of_proc)
{
    char path[128];

    snprintf(path, sizeof(path), "/proc/self/root%s", root);
    set_dynamic(path);
    run();
    assert_error("leads through links of /proc");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spawn_app");
    TCase *what =
        program_case(suite, "what", spawn_world_begin, spawn_world_end);
    TCase *where =
        program_case(suite, "where", spawn_world_begin, spawn_world_end);

    tcase_add_test(what, first_startup_file_decides_the_type);
    tcase_add_test(what, given_type_looks_for_its_own_files_only);
    tcase_add_test(what, package_json_starts_what_is_said_to_be_node);
    tcase_add_test(what, startup_file_may_have_another_name);
    tcase_add_test(what, each_language_runs_its_loader_with_its_interpreter);
    tcase_add_test(what,
                   preloading_what_has_no_preloader_ends_after_its_report);
    tcase_add_test(what, php_finds_its_listener_at_0_only);
    tcase_add_test(what, php_neither_forks_nor_ends_by_itself);
    tcase_add_test(what, front_controller_that_is_not_there_is_named);
    tcase_add_test(where, missing_root_says_which_part_is_missing);
    tcase_add_test(where, root_that_is_a_file_or_relative_is_refused);
    tcase_add_test(where,
                   link_to_the_public_folder_leads_to_the_root_around_it);
    tcase_add_test(where, root_of_a_client_has_to_match_where_it_really_leads);
    tcase_add_test(where, root_of_a_client_never_leads_through_links_of_proc);
    return program_run(suite);
}
