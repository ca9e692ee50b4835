/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spawn.c - what an application finds when it starts, and what is said of
 * one that cannot start.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "spawn_world.h"

START_TEST(command_finds_its_listener_and_nothing_else)
{
    char pid[64];

    set_command("ls /proc/$$/fd; readlink /proc/$$/fd/0; "
                "echo $LISTEN_FDS $LISTEN_PID $$");
    run();
    ck_assert_int_eq(status, 0);
    assert_printed("0\n1\n2\n3\n/dev/null\n");
    snprintf(pid, sizeof(pid), "1 %ld %ld\n", (long)last_pid, (long)last_pid);
    assert_printed(pid);
}
END_TEST

START_TEST(fastcgi_command_finds_its_listener_at_0_too)
{
    set_command("test $(readlink /proc/$$/fd/0) = $(readlink /proc/$$/fd/3) &&"
                "echo same");
    wire_put_u32(&define, FIELD_PROTOCOL, PROTOCOL_FASTCGI);
    run();
    assert_printed("same\n");
}
END_TEST

START_TEST(command_with_a_port_finds_it_in_its_words_and_no_listener)
{
    options.port = 4711;
    set_command("echo at $PORT and 127.0.0.1:$PORT. ${PORT} ${LISTEN_FDS-none};"
                "ls /proc/$$/fd");
    run();
    ck_assert_str_eq(output,
                     "at 4711 and 127.0.0.1:4711. 4711 none\n0\n1\n2\n");
}
END_TEST

START_TEST(environment_is_what_was_promised_and_no_more)
{
    static const char inherited[] = "TZ=Europe/Berlin\0USER=mallory\0";
    static const char own[] = "COLOUR=red\0LANG=de_DE\0LOGNAME=mallory\0";

    wire_put_text(&rules, FIELD_ENVIRONMENT, "staging");
    wire_put_bytes(&rules, FIELD_INHERITED_ENV, inherited,
                   sizeof(inherited) - 1);
    wire_put_bytes(&define, FIELD_SETENV, own, sizeof(own) - 1);
    set_command("exec /usr/bin/env");
    run();
    assert_printed("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:");
    assert_printed("\nTZ=Europe/Berlin\n");
    assert_printed("\nCOLOUR=red\n");
    assert_printed("\nLANG=de_DE\n");
    assert_printed("\nRAILS_ENV=staging\n");
    assert_printed("\nAPP_ENV=staging\n");
    assert_printed("\nHOME=/");
    ck_assert_ptr_null(strstr(output, "SECRET"));
    ck_assert_ptr_null(strstr(output, "mallory"));
}
END_TEST

START_TEST(the_story_has_the_steps_and_no_secret)
{
    static const char own[] = "API_KEY=hidden1\0db_password=hidden2\0"
        "DATABASE_URL=postgres://me:hidden3@db/blog\0COLOUR=blue";

    wire_put_bytes(&define, FIELD_SETENV, own, sizeof(own));
    set_command("true");
    run();
    ck_assert_ptr_nonnull(strstr(story, "STEP opened its root /"));
    ck_assert_ptr_nonnull(strstr(story, "STEP executes "));
    ck_assert_ptr_nonnull(strstr(story, "\nCOLOUR=blue\n"));
    ck_assert_ptr_nonnull(strstr(story, "\nAPI_KEY=********\n"));
    ck_assert_ptr_nonnull(strstr(story, "postgres://me:********@db/blog"));
    ck_assert_ptr_null(strstr(story, "hidden"));
}
END_TEST

START_TEST(definition_names_the_environment_and_keeping_leaves_it)
{
    wire_put_text(&define, FIELD_ENVIRONMENT, "test");
    set_command("echo $RAILS_ENV, $RACK_ENV.");
    run();
    assert_printed("test, test.\n");
    options.keep_environment = true;
    run();
    assert_printed("as it was, .\n");
}
END_TEST

START_TEST(process_is_its_own_session_in_its_root_with_a_plain_umask)
{
    char line[256];

    set_command("set -- $(cat /proc/$$/stat); echo $6 $(pwd) $(umask);"
                "grep SigBlk /proc/self/status; grep CapEff /proc/self/status");
    umask(077);
    run();
    umask(022);
    snprintf(line, sizeof(line), "%ld %s 0022\n", (long)last_pid, root);
    assert_printed(line);
    assert_printed("SigBlk:\t0000000000000000\n");
    assert_printed("CapEff:\t0000000000000000\n");
}
END_TEST

START_TEST(limits_of_httpd_apply)
{
    struct wire_rlimits limits = {
        .cpu = { 100, 200 }, .mem = { ~UINT64_C(0), ~UINT64_C(0) },
        .nproc = { 500, 500 },
    };

    options.nofile = 99;
    wire_put_bytes(&define, FIELD_RLIMITS, &limits, sizeof(limits));
    set_command("cat /proc/self/limits");
    run();
    assert_printed("Max cpu time              100                  200 ");
    assert_printed("Max processes             500                  500 ");
    assert_printed("Max open files            99 ");
    assert_printed("Max address space         unlimited");
}
END_TEST

START_TEST(loader_is_told_everything)
{
    char line[512];

    set_wsgi();
    make_file("wsgi.py");
    wire_put_u32(&define, FIELD_THREADS, 4);
    wire_put_text(&define, FIELD_BASE_URI, "/shop");
    run();
    snprintf(line, sizeof(line),
             "%s/wsgi_loader.py --mode direct --startup-file %s/wsgi.py "
             "--listen 3 --listeners 1 --report 4 --threads 4 "
             "--base-uri /shop\n", root, root);
    ck_assert_str_eq(output, line);
    options.preload = true;
    run();
    assert_printed("--mode preload ");
}
END_TEST

START_TEST(missing_interpreter_is_named_with_its_directive)
{
    set_wsgi();
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    put_interpreter("no-such-python");
    make_file("wsgi.py");
    run();
    assert_error("no-such-python cannot be run");
    ck_assert_ptr_nonnull(strstr(last_report(), "PoolPython"));
}
END_TEST

START_TEST(missing_usual_interpreter_is_named_with_its_package)
{
    static const char own[] = "PATH=/nowhere";

    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    wire_put_bytes(&define, FIELD_SETENV, own, sizeof(own));
    options.loaders = root;
    make_file("node_loader.cjs");
    make_file("app.js");
    run();
    assert_error("The program node cannot be run");
    if (access("/etc/debian_version", F_OK) == 0) {
        ck_assert_ptr_nonnull(strstr(last_report(), "apt install nodejs"));
    }
}
END_TEST

START_TEST(application_does_not_outlive_a_master_that_has_gone)
{
    options.parent = 1; /* not who started it */
    set_command("echo ran");
    run();
    assert_error("The pool server has ended meanwhile");
}
END_TEST

START_TEST(damaged_definition_is_an_error)
{
    define.len--;
    run();
    assert_error("DEFINE is not valid");
}
END_TEST

START_TEST(type_that_nobody_knows_is_an_error)
{
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_COMMAND + 1);
    make_file("app.js");
    wire_put_text(&define, FIELD_STARTUP_FILE, "app.js");
    run();
    assert_error("DEFINE is not valid: its type is unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spawn");
    TCase *finds =
        program_case(suite, "finds", spawn_world_begin, spawn_world_end);
    TCase *wrong =
        program_case(suite, "wrong", spawn_world_begin, spawn_world_end);

    tcase_add_test(finds, command_finds_its_listener_and_nothing_else);
    tcase_add_test(finds,
                   command_with_a_port_finds_it_in_its_words_and_no_listener);
    tcase_add_test(finds, fastcgi_command_finds_its_listener_at_0_too);
    tcase_add_test(finds, environment_is_what_was_promised_and_no_more);
    tcase_add_test(finds, the_story_has_the_steps_and_no_secret);
    tcase_add_test(finds,
                   definition_names_the_environment_and_keeping_leaves_it);
    tcase_add_test(finds,
                   process_is_its_own_session_in_its_root_with_a_plain_umask);
    tcase_add_test(finds, limits_of_httpd_apply);
    tcase_add_test(finds, loader_is_told_everything);
    tcase_add_test(wrong, missing_interpreter_is_named_with_its_directive);
    tcase_add_test(wrong, missing_usual_interpreter_is_named_with_its_package);
    tcase_add_test(wrong, application_does_not_outlive_a_master_that_has_gone);
    tcase_add_test(wrong, damaged_definition_is_an_error);
    tcase_add_test(wrong, type_that_nobody_knows_is_an_error);
    return program_run(suite);
}
