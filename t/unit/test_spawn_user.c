/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_spawn_user.c - the user that an application runs as.
 *
 * Tests that need root say so where they are skipped.
 */
#include <check.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "spawn_world.h"

#define UNNAMED_UID 1234567 /* nobody's */

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

int main(void)
{
    Suite *suite = suite_create("spawn_user");
    TCase *c =
        program_case(suite, "users", spawn_world_begin, spawn_world_end);

    tcase_add_test(
        c, application_runs_as_the_owner_with_his_groups_and_no_way_back);
    tcase_add_test(c, owner_is_who_made_the_startup_file_not_where_it_leads);
    tcase_add_test(c, what_root_or_nobody_known_owns_runs_as_the_lowest_user);
    tcase_add_test(c, owner_who_cannot_be_looked_up_is_an_error);
    tcase_add_test(c, without_switching_all_run_as_the_lowest_user);
    tcase_add_test(c, named_user_and_group_win);
    tcase_add_loop_test(c, unknown_users_and_root_are_refused, 0, 6);
    tcase_add_test(c, no_application_runs_as_the_pool_servers_own_user);
    tcase_add_test(c, started_by_an_ordinary_user_everything_runs_as_him);
    tcase_add_test(c, folder_that_keeps_the_user_out_is_named);
    return program_run(suite);
}
