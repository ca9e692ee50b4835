/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_watched_files.c - which changes of restart.txt and its kin count, and
 * whose memory may be looked at.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apppool/protocol.h"
#include "files.h"
#include "memory.h"
#include "program.h"

static const char *root;
static struct files files;

static const char *in_root(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static void setup(void)
{
    root = program_scratch();
    ck_assert_int_eq(mkdir(in_root("tmp"), 0755), 0);
    files_init(&files, root, "tmp", "wsgi.py", TYPE_AUTO);
}

static void teardown(void)
{
    static const char *const names[] = { "tmp/restart.txt", "wsgi.py",
                                         "tmp/always_restart.txt" };

    files_clear(&files);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        unlink(in_root(names[i]));
    }
    ck_assert_int_eq(rmdir(in_root("tmp")), 0);
    ck_assert_int_eq(rmdir(root), 0);
}

/* Make it with this modification time, seconds. */
static void touch(const char *name, time_t at)
{
    const struct timespec times[2] = { { at, 0 }, { at, 0 } };
    int fd = open(in_root(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(futimens(fd, times), 0);
    close(fd);
}

START_TEST(a_first_appearance_counts_once)
{
    files_remember(&files);
    touch("tmp/restart.txt", 1000);
    ck_assert_uint_eq(files_look(&files), SEEN_RESTART);
    ck_assert_uint_eq(files_look(&files), 0);
}
END_TEST

START_TEST(one_that_was_there_before_does_not_count)
{
    touch("tmp/restart.txt", 1000);
    files_remember(&files);
    ck_assert_uint_eq(files_look(&files), 0);
}
END_TEST

START_TEST(another_time_counts_even_an_older_one)
{
    touch("tmp/restart.txt", 1000);
    files_remember(&files);
    touch("tmp/restart.txt", 999);
    ck_assert_uint_eq(files_look(&files), SEEN_RESTART);
}
END_TEST

START_TEST(deletion_never_counts)
{
    touch("tmp/restart.txt", 1000);
    files_remember(&files);
    ck_assert_int_eq(unlink(in_root("tmp/restart.txt")), 0);
    ck_assert_uint_eq(files_look(&files), 0);
    touch("tmp/restart.txt", 1001);
    ck_assert_uint_eq(files_look(&files), SEEN_RESTART);
}
END_TEST

START_TEST(always_restart_is_told_as_long_as_it_is_there)
{
    files_remember(&files);
    touch("tmp/always_restart.txt", 1000);
    ck_assert_uint_eq(files_look(&files), SEEN_ALWAYS);
    ck_assert_uint_eq(files_look(&files), SEEN_ALWAYS);
    ck_assert_int_eq(unlink(in_root("tmp/always_restart.txt")), 0);
    ck_assert_uint_eq(files_look(&files), 0);
}
END_TEST

START_TEST(a_changed_startup_file_is_told)
{
    touch("wsgi.py", 1000);
    files_remember(&files);
    touch("wsgi.py", 1001);
    ck_assert_uint_eq(files_look(&files), SEEN_STARTUP);
}
END_TEST

static uint32_t seen_of(const char *startup, enum apppool_type type,
                        const char *changed)
{
    struct files own;
    uint32_t seen;

    files_init(&own, root, "tmp", startup, type);
    files_remember(&own);
    touch(changed, 1000);
    seen = files_look(&own);
    files_clear(&own);
    ck_assert_int_eq(unlink(in_root(changed)), 0);
    return seen;
}

START_TEST(without_a_name_every_file_that_may_start_it_is_watched)
{
    for (size_t i = 0; i < APP_N_STARTUP_FILES; i++) {
        const struct app_startup_file *file = &app_startup_files[i];

        ck_assert_uint_eq(seen_of(NULL, TYPE_AUTO, file->name), SEEN_STARTUP);
        ck_assert_uint_eq(seen_of(NULL, file->type, file->name), SEEN_STARTUP);
        ck_assert_uint_eq(seen_of(NULL, TYPE_COMMAND, file->name), 0);
        ck_assert_uint_eq(seen_of("other", TYPE_AUTO, file->name), 0);
    }
    ck_assert_uint_eq(seen_of(NULL, TYPE_NODE, "package.json"), SEEN_STARTUP);
    ck_assert_uint_eq(seen_of(NULL, TYPE_AUTO, "package.json"), 0);
}
END_TEST

START_TEST(a_fifo_keeps_nobody_waiting)
{
    files_remember(&files);
    ck_assert_int_eq(mkfifo(in_root("tmp/restart.txt"), 0644), 0);
    ck_assert_uint_eq(files_look(&files), SEEN_RESTART);
}
END_TEST

START_TEST(a_link_is_looked_at_itself_and_not_followed)
{
    files_remember(&files);
    ck_assert_int_eq(symlink("/proc/self/stat", in_root("tmp/restart.txt")),
                     0);
    ck_assert_uint_eq(files_look(&files), SEEN_RESTART);
    ck_assert_uint_eq(files_look(&files), 0); /* its target always changes */
}
END_TEST

/* As the master has it opened. */
static int measure(pid_t pid, const char *name, pid_t parent,
                   struct memory *memory_r)
{
    char path[64];
    int fds[2], rc;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    fds[0] = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fds[1] = open(path, O_RDONLY | O_CLOEXEC);
    rc = memory_of(fds[0], fds[1], parent, memory_r);
    close(fds[0]);
    close(fds[1]);
    return rc;
}

START_TEST(memory_is_told_of_children_only)
{
    struct memory memory;
    clock_t begin = clock();

    while (clock() - begin < CLOCKS_PER_SEC / 50) {
    }
    ck_assert_int_eq(measure(getpid(), "smaps_rollup", getppid(), &memory), 0);
    ck_assert_uint_gt(memory.pss_kib, 100);
    ck_assert_uint_le(memory.private_kib, memory.pss_kib);
    ck_assert_uint_ge(memory.cpu_us, 10000);
    ck_assert_int_eq(measure(1, "statm", getpid(), &memory), -EPERM);
}
END_TEST

#define EATEN (16u << 20)

START_TEST(where_the_proportional_size_is_refused_its_own_pages_are_told)
{
    struct memory before, after;
    void *own;

    ck_assert_int_eq(measure(getpid(), "statm", getppid(), &before), 0);
    own = mmap(NULL, EATEN, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ck_assert_ptr_ne(own, MAP_FAILED);
    ck_assert_int_eq(measure(getpid(), "statm", getppid(), &after), 0);
    munmap(own, EATEN);
    ck_assert_uint_ge(after.pss_kib, before.pss_kib + EATEN / 1024);
    ck_assert_uint_eq(after.private_kib, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watched files");
    TCase *tcase = program_case(suite, "files", setup, teardown);

    tcase_add_test(tcase, a_first_appearance_counts_once);
    tcase_add_test(tcase, one_that_was_there_before_does_not_count);
    tcase_add_test(tcase, another_time_counts_even_an_older_one);
    tcase_add_test(tcase, deletion_never_counts);
    tcase_add_test(tcase, always_restart_is_told_as_long_as_it_is_there);
    tcase_add_test(tcase, a_changed_startup_file_is_told);
    tcase_add_test(tcase,
                   without_a_name_every_file_that_may_start_it_is_watched);
    tcase_add_test(tcase, a_fifo_keeps_nobody_waiting);
    tcase_add_test(tcase, a_link_is_looked_at_itself_and_not_followed);
    tcase_add_test(tcase, memory_is_told_of_children_only);
    tcase_add_test(
        tcase, where_the_proportional_size_is_refused_its_own_pages_are_told);
    return program_run(suite);
}
