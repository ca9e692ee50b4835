/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spawn.c - apppool-spawn, from its definition to the program it executes.
 *
 * Each test lets a child become an application: a shell script that prints
 * what it finds, or /bin/echo in the place of an interpreter. Tests of users
 * need root and say so where they are skipped.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "leaks.h"
#include "program.h"
#include "socket.h"
#include "spawn.h"

#define PATIENCE_MS 20000
#define UNNAMED_UID 1234567 /* nobody's */

static const char *root;             /* of the application */
static struct wire_message rules, define;
static struct spawn_options options;
static uid_t run_as;                 /* 0: as the test itself */
static char output[65536];           /* what it printed */
static char reports[8][8192];        /* what it reported */
static unsigned n_reports;
static char story[65536];
static int status;
static pid_t last_pid;

static void set_up(void)
{
    leaks_begin();
    root = program_scratch();
    run_as = 0;
    options = (struct spawn_options){ .listeners = 1, .engine_uid = 61234,
                                      .loaders = "/tmp" };
    wire_message_init(&rules);
    wire_message_begin(&rules, MSG_CONFIGURE, 0);
    wire_put_u32(&rules, FIELD_GENERATION, 1);
    wire_put_u32(&rules, FIELD_MAX, 6);
    wire_put_u32(&rules, FIELD_MAX_IDLE_S, 300);
    wire_message_init(&define);
    wire_message_begin(&define, MSG_DEFINE, 0);
    wire_put_u32(&define, FIELD_APP, 1);
}

static void tear_down(void)
{
    wire_message_clear(&rules);
    wire_message_clear(&define);
    leaks_end();
}

/* The application ----------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static void make_file(const char *name)
{
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void set_command(const char *script)
{
    char words[4096];
    size_t len = sizeof("/bin/sh") + sizeof("-c") + strlen(script) + 1;

    snprintf(words, sizeof(words), "/bin/sh%c-c%c%s", 0, 0, script);
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_COMMAND);
    ck_assert_int_eq(wire_put_bytes(&define, FIELD_COMMAND, words, len), 0);
}

static void put_interpreter(const char *program)
{
    char list[256];
    int len = snprintf(list, sizeof(list), "PoolRuby=/no/ruby%cPoolPython=%s",
                       0, program);

    ck_assert_int_eq(wire_put_bytes(&define, FIELD_INTERPRETERS, list,
                                    (size_t)len + 1), 0);
}

static void set_wsgi(void)
{
    wire_put_text(&define, FIELD_ROOT, root);
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    put_interpreter("/bin/echo");
    make_file("wsgi_loader.py");
    options.loaders = root;
}

static int make_definition(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    ck_assert_int_eq(write(fd, rules.data, rules.len), (ssize_t)rules.len);
    ck_assert_int_eq(write(fd, define.data, define.len), (ssize_t)define.len);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int make_listener(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)),
                     0); /* a name of the kernel's choice */
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

/* Never returns; in the child. */
static void become(int definition, int out, int listener, int report)
{
    int fds[] = { definition, out, out, listener, report };

    for (int i = 0; i < 5; i++) {
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    }
    for (int i = 0; i < 5; i++) {
        dup2(fds[i], i);
    }
    setenv("SECRET", "of the server", 1);
    setenv("RAILS_ENV", "as it was", 1);
    if (run_as != 0 && (setgroups(0, NULL) < 0 || setgid(run_as) < 0 ||
                        setuid(run_as) < 0)) {
        _exit(3);
    }
    spawn_application(&options);
}

/* The story of the start is told between the other reports. */
static void add_story(const char *packet)
{
    size_t len = strlen(story);

    snprintf(story + len, sizeof(story) - len, "%s\n", packet);
}

/* 1: there was one; 0: the end. */
static int collect_report(int fd)
{
    static char packet[8192];
    ssize_t n = read(fd, packet, sizeof(packet) - 1);

    if (n <= 0) {
        return 0;
    }
    packet[n] = '\0';
    if (strncmp(packet, "STEP ", 5) == 0 || strncmp(packet, "ENV ", 4) == 0) {
        add_story(packet);
    } else if (n_reports < 8) {
        strcpy(reports[n_reports++], packet);
    }
    return 1;
}

/* Until the application has closed its output. */
static void collect(int out, int report)
{
    struct pollfd poller = { .fd = out, .events = POLLIN };
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0) {
        ck_assert_int_eq(poll(&poller, 1, PATIENCE_MS), 1);
        n = read(out, output + len, sizeof(output) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    output[len] = '\0';
    n_reports = 0;
    story[0] = '\0';
    while (wire_wait_readable(report, 0) == 1 && collect_report(report) == 1) {
    }
}

static void run(void)
{
    int out[2], report[2];
    int definition = make_definition();
    int listener = make_listener();

    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(wire_pair(report), 0);
    fd_set_nonblocking(report[1], 0);
    last_pid = fork();
    if (last_pid == 0) {
        become(definition, out[1], listener, report[1]);
    }
    close(definition);
    close(listener);
    close(out[1]);
    close(report[1]);
    collect(out[0], report[0]);
    ck_assert_int_eq(waitpid(last_pid, &status, 0), last_pid);
    close(out[0]);
    close(report[0]);
}

static const char *last_report(void)
{
    return n_reports > 0 ? reports[n_reports - 1] : "";
}

static void assert_error(const char *part)
{
    ck_assert_msg(strncmp(last_report(), "ERROR ", 6) == 0 &&
                      strstr(last_report(), part) != NULL,
                  "\"%s\" does not say \"%s\"", last_report(), part);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert_str_eq(output, "");
}

static void assert_printed(const char *part)
{
    ck_assert_msg(strstr(output, part) != NULL,
                  "\"%s\" is not in \"%s\"; reported \"%s\"", part, output,
                  last_report());
}

static bool need_root(const char *test)
{
    if (geteuid() != 0) {
        printf("%s: skipped, it needs root\n", test);
        return false;
    }
    return true;
}

/* Some user who is neither root nor nobody. */
static const struct passwd *somebody(void)
{
    const struct passwd *user = getpwnam("games");

    return user != NULL ? user : getpwuid(1);
}

/* What it finds -------------------------------------------------------------- */

START_TEST(command_finds_its_listener_and_nothing_else)
{
    char pid[64];

    set_command("ls /proc/$$/fd; readlink /proc/$$/fd/0; echo $LISTEN_FDS $LISTEN_PID $$");
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
    wire_put_bytes(&rules, FIELD_RLIMITS, &limits, sizeof(limits));
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

/* Which application ---------------------------------------------------------- */

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
        snprintf(text, sizeof(text), "%s/%s --mode direct --startup-file %s/%s ",
                 root, all[i].loader, root, all[i].startup_file);
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

/* Which root ----------------------------------------------------------------- */

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

/* As whom -------------------------------------------------------------------- */

static const char id_script[] = "echo $(id -u) $(id -g)";
static int lookup_error; /* errno of getpwuid(); 0: it answers */

/* In the place of libc's. */
struct passwd *getpwuid(uid_t uid)
{
    static struct passwd entry;
    static char text[4096];
    struct passwd *found = NULL;

    if (lookup_error != 0) {
        errno = lookup_error;
    } else {
        getpwuid_r(uid, &entry, text, sizeof(text), &found);
    }
    return found;
}

static void assert_runs_as(uid_t uid, gid_t gid)
{
    char line[64];

    snprintf(line, sizeof(line), "%u %u\n", (unsigned)uid, (unsigned)gid);
    ck_assert_msg(strcmp(output, line) == 0, "ran as \"%s\", not \"%s\" (%s)",
                  output, line, last_report());
}

START_TEST(application_runs_as_the_owner_with_his_groups_and_no_way_back)
{
    const struct passwd *user = somebody();

    if (!need_root("application_runs_as_the_owner")) {
        return;
    }
    ck_assert_int_eq(chown(root, user->pw_uid, 0), 0);
    set_command("echo $(id -u) $(id -g); grep -E '^(Uid|Gid|CapPrm|CapAmb)' "
                "/proc/self/status; cat /proc/1/environ >&- 2>&1 || echo no");
    run();
    ck_assert_int_eq(atoi(output), (int)user->pw_uid);
    assert_printed("CapPrm:\t0000000000000000\n");
    assert_printed("CapAmb:\t0000000000000000\n");
    ck_assert_ptr_nonnull(strstr(reports[0], user->pw_name));
}
END_TEST

START_TEST(owner_is_who_made_the_startup_file_not_where_it_leads)
{
    const struct passwd *user = somebody();
    char start[64];

    if (!need_root("owner_is_who_made_the_startup_file")) {
        return;
    }
    set_wsgi();
    make_file("target");
    ck_assert_int_eq(symlink("target", path_of("wsgi.py")), 0);
    ck_assert_int_eq(lchown(path_of("wsgi.py"), user->pw_uid, 0), 0);
    run();
    snprintf(start, sizeof(start), "SPAWN type=2 uid=%u user=%s",
             (unsigned)user->pw_uid, user->pw_name);
    ck_assert_str_eq(reports[0], start);
}
END_TEST

START_TEST(what_root_or_nobody_known_owns_runs_as_the_lowest_user)
{
    const struct passwd *user = somebody();

    if (!need_root("what_root_or_nobody_known_owns")) {
        return;
    }
    wire_put_text(&rules, FIELD_LOWEST_USER, user->pw_name);
    set_command(id_script);
    run();
    assert_runs_as(user->pw_uid, user->pw_gid);
    ck_assert_int_eq(chown(root, UNNAMED_UID, UNNAMED_UID), 0);
    run();
    assert_runs_as(user->pw_uid, user->pw_gid);
}
END_TEST

START_TEST(owner_who_cannot_be_looked_up_is_an_error)
{
    const struct passwd *user = somebody();

    if (!need_root("owner_who_cannot_be_looked_up_is_an_error")) {
        return;
    }
    ck_assert_int_eq(chown(root, user->pw_uid, 0), 0);
    set_command(id_script);
    lookup_error = EMFILE;
    run();
    lookup_error = 0;
    assert_error("cannot be looked up: Too many open files");
}
END_TEST

START_TEST(without_switching_all_run_as_the_lowest_user)
{
    const struct passwd *user = somebody();

    if (!need_root("without_switching_all_run_as_the_lowest_user")) {
        return;
    }
    wire_put_u32(&rules, FIELD_USER_SWITCHING, 0);
    wire_put_text(&rules, FIELD_LOWEST_USER, user->pw_name);
    ck_assert_int_eq(chown(root, 1, 1), 0);
    set_command(id_script);
    run();
    assert_runs_as(user->pw_uid, user->pw_gid);
}
END_TEST

START_TEST(named_user_and_group_win)
{
    const struct passwd *user = somebody();
    const struct group *group = getgrnam("tty");

    if (!need_root("named_user_and_group_win")) {
        return;
    }
    ck_assert_ptr_nonnull(group);
    wire_put_text(&define, FIELD_USER, user->pw_name);
    wire_put_text(&define, FIELD_GROUP, "tty");
    set_command(id_script);
    run();
    assert_runs_as(user->pw_uid, group->gr_gid);
}
END_TEST

struct refusal {
    enum wire_field field;
    const char *name;
    const char *says;
};

START_TEST(unknown_users_and_root_are_refused)
{
    static const struct refusal refusals[] = {
        { FIELD_USER, "no-such-user", "of PoolUser is not known" },
        { FIELD_GROUP, "no-such-group", "of PoolGroup is not known" },
        { FIELD_LOWEST_USER, "no-such-user", "of PoolLowestUser is not known" },
        { FIELD_USER, "root", "would run as root" },
        { FIELD_LOWEST_USER, "root", "would run as root" },
        { FIELD_GROUP, "root", "in the group of root" },
    };

    if (!need_root("unknown_users_and_root_are_refused")) {
        return;
    }
    wire_put_text(&define, refusals[_i].field, refusals[_i].name);
    set_command(id_script);
    run();
    assert_error(refusals[_i].says);
}
END_TEST

START_TEST(no_application_runs_as_the_pool_servers_own_user)
{
    const struct passwd *user = somebody();

    if (!need_root("no_application_runs_as_the_pool_servers_own_user")) {
        return;
    }
    options.engine_uid = user->pw_uid;
    ck_assert_int_eq(chown(root, user->pw_uid, 0), 0);
    set_command(id_script);
    run();
    assert_error("the user of the pool server itself");
}
END_TEST

START_TEST(started_by_an_ordinary_user_everything_runs_as_him)
{
    const struct passwd *user = somebody();

    run_as = geteuid() == 0 ? user->pw_uid : 0;
    wire_put_text(&define, FIELD_USER, "nobody");
    set_command("id -u");
    run();
    ck_assert_int_eq(atoi(output), (int)(run_as != 0 ? run_as : getuid()));
}
END_TEST

START_TEST(folder_that_keeps_the_user_out_is_named)
{
    const struct passwd *user = somebody();
    char text[256];

    if (!need_root("folder_that_keeps_the_user_out_is_named")) {
        return;
    }
    wire_put_text(&define, FIELD_USER, user->pw_name);
    put_interpreter("/bin/echo");
    wire_put_u32(&define, FIELD_TYPE, TYPE_AUTO);
    ck_assert_int_eq(mkdir(path_of("closed"), 0700), 0);
    ck_assert_int_eq(mkdir(path_of("closed/app"), 0755), 0);
    make_file("closed/app/wsgi.py");
    wire_put_text(&define, FIELD_ROOT, path_of("closed/app"));
    run();
    snprintf(text, sizeof(text), "the folder %s/closed is not accessible",
             root);
    assert_error(text);
}
END_TEST

/* What goes wrong ------------------------------------------------------------ */

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

START_TEST(front_controller_that_is_not_there_is_named)
{
    set_php();
    wire_put_text(&define, FIELD_STARTUP_FILE, "public/front.php");
    run();
    assert_error("no file public/front.php");
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

static void add_users(Suite *suite)
{
    TCase *c = program_case(suite, "users", set_up, tear_down);

    tcase_add_test(c,
                   application_runs_as_the_owner_with_his_groups_and_no_way_back);
    tcase_add_test(c, owner_is_who_made_the_startup_file_not_where_it_leads);
    tcase_add_test(c, what_root_or_nobody_known_owns_runs_as_the_lowest_user);
    tcase_add_test(c, owner_who_cannot_be_looked_up_is_an_error);
    tcase_add_test(c, without_switching_all_run_as_the_lowest_user);
    tcase_add_test(c, named_user_and_group_win);
    tcase_add_loop_test(c, unknown_users_and_root_are_refused, 0, 6);
    tcase_add_test(c, no_application_runs_as_the_pool_servers_own_user);
    tcase_add_test(c, started_by_an_ordinary_user_everything_runs_as_him);
    tcase_add_test(c, folder_that_keeps_the_user_out_is_named);
}

int main(void)
{
    Suite *suite = suite_create("spawn");
    TCase *finds = program_case(suite, "finds", set_up, tear_down);
    TCase *what = program_case(suite, "what", set_up, tear_down);
    TCase *wrong = program_case(suite, "wrong", set_up, tear_down);

    tcase_add_test(finds, command_finds_its_listener_and_nothing_else);
    tcase_add_test(finds, command_with_a_port_finds_it_in_its_words_and_no_listener);
    tcase_add_test(finds, fastcgi_command_finds_its_listener_at_0_too);
    tcase_add_test(finds, environment_is_what_was_promised_and_no_more);
    tcase_add_test(finds, the_story_has_the_steps_and_no_secret);
    tcase_add_test(finds, definition_names_the_environment_and_keeping_leaves_it);
    tcase_add_test(finds,
                   process_is_its_own_session_in_its_root_with_a_plain_umask);
    tcase_add_test(finds, limits_of_httpd_apply);
    tcase_add_test(finds, loader_is_told_everything);
    tcase_add_test(what, first_startup_file_decides_the_type);
    tcase_add_test(what, given_type_looks_for_its_own_files_only);
    tcase_add_test(what, package_json_starts_what_is_said_to_be_node);
    tcase_add_test(what, startup_file_may_have_another_name);
    tcase_add_test(what, each_language_runs_its_loader_with_its_interpreter);
    tcase_add_test(what, preloading_what_has_no_preloader_ends_after_its_report);
    tcase_add_test(what, php_finds_its_listener_at_0_only);
    tcase_add_test(what, php_neither_forks_nor_ends_by_itself);
    tcase_add_test(what, missing_root_says_which_part_is_missing);
    tcase_add_test(what, root_that_is_a_file_or_relative_is_refused);
    tcase_add_test(what, link_to_the_public_folder_leads_to_the_root_around_it);
    tcase_add_test(what, root_of_a_client_has_to_match_where_it_really_leads);
    tcase_add_test(what, root_of_a_client_never_leads_through_links_of_proc);
    add_users(suite);
    tcase_add_test(wrong, missing_interpreter_is_named_with_its_directive);
    tcase_add_test(wrong, missing_usual_interpreter_is_named_with_its_package);
    tcase_add_test(wrong, front_controller_that_is_not_there_is_named);
    tcase_add_test(wrong, application_does_not_outlive_a_master_that_has_gone);
    tcase_add_test(wrong, damaged_definition_is_an_error);
    tcase_add_test(wrong, type_that_nobody_knows_is_an_error);
    return program_run(suite);
}
