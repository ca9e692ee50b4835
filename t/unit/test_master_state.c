/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_state.c - a master's state from one image to the next: nothing
 * is lost on the way, and what another version wrote is refused.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master_world.h"
#include "processes.h"
#include "program.h"
#include "socket.h"
#include "state.h"

static char *text_of(int fd)
{
    size_t len = (size_t)lseek(fd, 0, SEEK_END);
    char *text = calloc(1, len + 1);

    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(pread(fd, text, len, 0), (ssize_t)len);
    lseek(fd, 0, SEEK_SET);
    return text;
}

static char *saved(const struct master *m, int *fd_r, size_t *n_r)
{
    int *fds;

    ck_assert_int_eq(state_save(m, fd_r, &fds, n_r), 0);
    free(fds);
    return text_of(*fd_r);
}

static int load(int fd, struct master **m_r, size_t *n_r, const char **why_r)
{
    struct master_options options = { .resume = fd };
    int *fds = NULL;
    int rc;

    *m_r = master_new(&options, world.m->pool);
    rc = state_load(*m_r, fd, &fds, n_r, why_r);
    free(fds);
    return rc;
}

/* The next image has all to itself: here, in a process that ends with it. */
static void as_next_image(void (*check)(int fd, const void *baton), int fd,
                          const void *baton)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        check(fd, baton);
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static void make_something_of_everything(void)
{
    int channel;
    uint32_t client = world_client(&channel);
    uint32_t process = world_process("printf READY >&4; exec sleep 1000");

    world_expect(MSG_REPORTED);
    world_say(MSG_READY, FIELD_PROCESS, process, 0);
    world_say(MSG_GREETED, FIELD_CLIENT, client, FIELD_GENERATION, 3,
              FIELD_LEASES, 1, 0);
    world_say(MSG_MAKE_CHANNEL, FIELD_CLIENT, client, FIELD_CHANNEL, 1, 0);
    world_expect(MSG_CHANNEL_NEW);
    world_say(MSG_CONNECT, FIELD_CLIENT, client, FIELD_SLOT, 5, FIELD_PROCESS,
              process, 0);
    world_expect(MSG_CONNECTED);
    close(channel);
}

struct before {
    const char *text;
    size_t n;
};

/* Lists may come back in another order: the length tells enough. */
static void check_loaded(int fd, const void *baton)
{
    const struct before *before = baton;
    struct master *next;
    const char *why = NULL;
    size_t n_loaded, n_again;
    int again;
    char *after;

    ck_assert_int_eq(load(fd, &next, &n_loaded, &why), 0);
    after = saved(next, &again, &n_again);
    ck_assert_uint_eq(n_loaded, before->n);
    ck_assert_uint_eq(strlen(after), strlen(before->text));
    ck_assert_ptr_nonnull(process_find(next, 1));
    ck_assert(process_find(next, 1)->ready);
    free(after);
}

START_TEST(everything_comes_over)
{
    struct before before;
    int fd;
    char *text;

    make_something_of_everything();
    text = saved(world.m, &fd, &before.n);
    ck_assert_uint_ge(before.n, 8);
    before.text = text;
    as_next_image(check_loaded, fd, &before);
    free(text);
    close(fd);
}
END_TEST

static void check_refused(int fd, const void *words)
{
    struct master *next;
    const char *why = NULL;
    size_t n;

    ck_assert_int_eq(load(fd, &next, &n, &why), -EPROTO);
    ck_assert_ptr_nonnull(strstr(why, words));
}

static void assert_refused(const char *from, const char *to, const char *words)
{
    size_t n;
    int fd, other;
    char *text = saved(world.m, &fd, &n);
    char *at = strstr(text, from);

    ck_assert_ptr_nonnull(at);
    memcpy(at, to, strlen(to));
    other = memfd_create("other", MFD_CLOEXEC);
    ck_assert_int_eq(write(other, text, strlen(text)), (ssize_t)strlen(text));
    lseek(other, 0, SEEK_SET);
    as_next_image(check_refused, other, words);
    free(text);
    close(fd);
    close(other);
}

START_TEST(state_of_another_version_is_refused)
{
    make_something_of_everything();
    assert_refused("\"format\":1", "\"format\":9", "format");
    assert_refused("\"wire\":", "\"wine\":", "wire");
    assert_refused("\"slot\":5", "\"slop\":5", "slot");
    assert_refused("\"reports\":[", "\"retorts\":[", "reports");
    assert_refused("{", "[", "JSON");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master: state");
    TCase *tcase = program_case(suite, "state", world_begin, world_end);

    tcase_add_test(tcase, everything_comes_over);
    tcase_add_test(tcase, state_of_another_version_is_refused);
    return program_run(suite);
}
