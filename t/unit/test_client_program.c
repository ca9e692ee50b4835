/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_client_program.c - what a server program finds, and which it is.
 */
#include "apppool/server.h"
#include "launcher_world.h"
#include "program.h"

#include <apr_strings.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(program_finds_what_was_promised)
{
    struct apppool_server_options options = options_for("report");
    struct apppool_server *server;
    sigset_t some;
    char *text;
    int high, inherited = open("/dev/null", O_RDONLY);

    setenv("APPPOOL_TEST", "kept", 1);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    high = fcntl(inherited, F_DUPFD, 200);
    options.environment = "";
    options.user = "auto";
    options.runtime_dir = "/run/x y";
    options.admin = 1;
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    text = wait_for_log("stderr kept\n");
    ck_assert_str_eq(text,
                     "argv [--spawn-server] [/bin/true] [--environment] [] "
                     "[--ruby] [report] [--user] [auto] "
                     "[--runtime-dir] [/run/x y] [--admin]\n"
                     "fds 0 1 2 3\n"
                     "blocked 0 handled 0 session 1\n"
                     "stderr kept\n");
    sigprocmask(SIG_BLOCK, NULL, &some);
    ck_assert_int_eq(sigismember(&some, SIGTERM), 1);
    ck_assert_int_eq(sigismember(&some, SIGINT), 0);
    close(high);
    close(inherited);
}
END_TEST

START_TEST(defaults_are_the_originals)
{
    started("report");
    ck_assert_str_eq(wait_for_log("stderr"),
                     "argv [--spawn-server] [/bin/true] "
                     "[--environment] [production] "
                     "[--ruby] [report] [--user] [nobody]\n"
                     "fds 0 1 2 3\n"
                     "blocked 0 handled 0 session 1\n"
                     "stderr -\n");
}
END_TEST

/* Descriptors may be where the child wants to put others. */
START_TEST(standard_descriptors_may_be_closed)
{
    int saved[3];

    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
        close(i);
    }
    for (int round = 0; round < 2; round++) {
        struct apppool_server_options options = options_for("report");
        struct apppool_server *server;

        options.log_file = round == 0 ? log_file : "";
        ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool),
                         0);
        wait_for_log("stderr");
        ck_assert_int_eq(apppool_server_shutdown(server), 0);
    }
    for (int i = 0; i < 3; i++) {
        dup2(saved[i], i);
        close(saved[i]);
    }
    ck_assert_ptr_nonnull(strstr(read_log(), "fds 0 1 2 3\n"));
}
END_TEST

START_TEST(log_goes_to_our_own_output_or_is_appended)
{
    struct apppool_server_options options = options_for("report");
    struct apppool_server *server;
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);
    int fd = open(log_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    const char *first, *second;

    options.log_file = NULL;
    dup2(fd, STDERR_FILENO);
    close(fd);
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    first = wait_for_log("stderr");
    dup2(saved, STDERR_FILENO);
    close(saved);
    ck_assert_str_eq(first, "stderr -\n");
    started("report");
    second = wait_for_log("session");
    ck_assert_int_eq(strncmp(second, first, strlen(first)), 0);
}
END_TEST

START_TEST(failures_to_start_name_path_and_reason)
{
    struct apppool_server_options options = options_for("serve");
    char *path = apr_psprintf(pool, "%s/program", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    close(fd);
    options.server_executable = "/nowhere/apppool-server";
    expect_failure(&options, APR_ENOENT,
                   "/nowhere/apppool-server: No such file");
    options.server_executable = "apppool-no-such-program";
    expect_failure(&options, APR_ENOENT, "not found in PATH");
    options.server_executable = folder;
    expect_failure(&options, APR_EACCES, "not a regular file");
    options.server_executable = path;
    expect_failure(&options, APR_EACCES, "Permission denied");
    ck_assert_int_eq(chmod(path, 0757), 0);
    expect_failure(&options, APR_EACCES, "everybody can write it");
    ck_assert_int_eq(chmod(path, 0755), 0);
    options = options_for("serve");
    options.spawn_server = "/nowhere/apppool-spawn";
    expect_failure(&options, APR_ENOENT,
                   "spawn server: /nowhere/apppool-spawn: No such file");
    options = options_for("serve");
    options.log_file = "/nowhere/log";
    expect_failure(&options, APR_ENOENT, "/nowhere/log: No such file");
    options.log_file = folder;
    expect_failure(&options, APR_FROM_OS_ERROR(EISDIR), folder);
    unlink(path);
}
END_TEST

START_TEST(failed_exec_is_told)
{
    struct apppool_server_options options = options_for("serve");
    char *path = apr_psprintf(pool, "%s/program", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

    ck_assert_int_eq(write(fd, "#!/nowhere/sh\n", 14), 14);
    close(fd);
    options.server_executable = path;
    expect_failure(&options, APR_ENOENT, path);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "no program\n", 11), 11);
    close(fd);
    expect_failure(&options, APR_FROM_OS_ERROR(ENOEXEC), path);
    /* Whoever ignores SIGCHLD has no child to wait for. */
    signal(SIGCHLD, SIG_IGN);
    expect_failure(&options, APR_FROM_OS_ERROR(ENOEXEC), path);
    signal(SIGCHLD, SIG_DFL);
    unlink(path);
}
END_TEST

START_TEST(program_is_found_along_the_path)
{
    struct apppool_server_options options = options_for("serve");
    struct apppool_server *server;
    char *path = apr_psprintf(pool, "%s/program", folder);
    char *search = apr_psprintf(pool, ".::/nowhere:%s:/bin", folder);

    ck_assert_int_eq(symlink("/proc/self/exe", path), 0);
    setenv("PATH", search, 1);
    options.server_executable = "program";
    ck_assert_int_eq(apppool_server_start(&server, &options, NULL, pool), 0);
    connected(server);
    unlink(path);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("client_program");
    TCase *c = program_case(suite, "launcher", launcher_world_begin,
                            launcher_world_end);

    if (launched_is(argc, argv)) {
        return launched_main(argv);
    }
    tcase_add_test(c, program_finds_what_was_promised);
    tcase_add_test(c, defaults_are_the_originals);
    tcase_add_test(c, standard_descriptors_may_be_closed);
    tcase_add_test(c, log_goes_to_our_own_output_or_is_appended);
    tcase_add_test(c, failures_to_start_name_path_and_reason);
    tcase_add_test(c, failed_exec_is_told);
    tcase_add_test(c, program_is_found_along_the_path);
    return program_run(suite);
}
