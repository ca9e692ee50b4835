/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_hostile_child.c - an httpd child that somebody has taken over.
 *
 * A fork with the user of httpd's children speaks the wire with the real pool
 * server as it likes, while another client sends requests: it is served all the
 * time, by the same engine.
 */
#include "apppool/pool.h"
#include "apppool/protocol.h"
#include "hostile.h"
#include "leaks.h"
#include "program.h"
#include "real_app.h"
#include "socket.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVED_MS 5000     /* a request of the other client, at the very most */

static apr_pool_t *pool;
static const char *folder;
static struct apppool_server *server;
static struct apppool_server_state state;
static struct apppool_client *client;
static pid_t engine;
static unsigned engine_fds;

/* The configuration ------------------------------------------------------- */

static uid_t child_uid(void)
{
    const struct passwd *user = getpwnam("bin");

    ck_assert_ptr_nonnull(user);
    return geteuid() == 0 ? user->pw_uid : geteuid();
}

static void tell(int config, struct wire_message *m)
{
    ck_assert_int_eq(wire_wait_writable(config, HOSTILE_PATIENCE_MS), 1);
    ck_assert_int_eq(wire_send(config, m), 0);
}

static void define(int config, struct wire_message *m, unsigned number,
                   const char *root, unsigned flags)
{
    wire_message_begin(m, MSG_DEFINE, number);
    wire_put_u32(m, FIELD_APP, number);
    wire_put_text(m, FIELD_ROOT, root);
    wire_put_u32(m, FIELD_TYPE, TYPE_WSGI);
    wire_put_u32(m, FIELD_MAX_PER_APP, 1);
    wire_put_u32(m, FIELD_QUEUE_TIMEOUT_S, 10);
    wire_put_u32(m, FIELD_FLAGS, flags);
    tell(config, m);
}

static void configure(void)
{
    const char *pattern = apr_pstrcat(pool, folder, "/admitted/*", NULL);
    struct wire_message m;
    int config;

    ck_assert_int_eq(rendezvous_ask(state.admin, RENDEZVOUS_CONFIG,
                                    HOSTILE_PATIENCE_MS, &config), 0);
    wire_message_init(&m);
    wire_message_begin(&m, MSG_CONFIGURE, 1);
    wire_put_u32(&m, FIELD_GENERATION, 1);
    wire_put_u32(&m, FIELD_MAX, 6);
    wire_put_u32(&m, FIELD_MAX_IDLE_S, 300);
    wire_put_u32(&m, FIELD_USER_SWITCHING, 1);
    wire_put_u32(&m, FIELD_CHILD_UID, child_uid());
    wire_put_bytes(&m, FIELD_ALLOW_ROOTS, pattern, strlen(pattern) + 1);
    tell(config, &m);
    define(config, &m, HOSTILE_GOOD,
           real_app(pool, folder, "good", real_good_app), 0);
    define(config, &m, HOSTILE_BAIT,
           real_app(pool, folder, "bait", real_good_app), 0);
    define(config, &m, HOSTILE_TEMPLATE, "/", DEFINE_DYNAMIC);
    wire_message_begin(&m, MSG_COMMIT, 3);
    wire_put_u32(&m, FIELD_GENERATION, 1);
    tell(config, &m);
    ck_assert_int_eq(wire_wait_readable(config, HOSTILE_PATIENCE_MS), 1);
    ck_assert_int_eq(wire_receive(config, &m, FROM_MASTER | FROM_ENGINE, NULL),
                     1);
    ck_assert_int_eq(wire_type(&m), MSG_DONE);
    wire_message_clear(&m);
    fd_close(&config);
}

/* Fixture ----------------------------------------------------------------- */

static const char *read_log(void)
{
    char *text = apr_pcalloc(pool, 1024 * 1024);
    int fd = open(apr_pstrcat(pool, folder, "/log", NULL),
                  O_RDONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_ge(read(fd, text, 1024 * 1024 - 1), 0);
    close(fd);
    return text;
}

static unsigned count_engine_fds(void)
{
    DIR *fds = opendir(apr_psprintf(pool, "/proc/%ld/fd", (long)engine));
    unsigned n = 0;

    ck_assert_ptr_nonnull(fds);
    while (readdir(fds) != NULL) {
        n++;
    }
    closedir(fds);
    return n;
}

/* One request of the client that behaves; how long it took. */
static int64_t use_app(unsigned app, const char *root)
{
    const char *answer;
    const struct apppool_get_options o = { .app = app, .root = root,
                                           .timeout = SERVED_MS * 1000 };
    const int64_t began = real_now_ms();
    struct apppool_session *session;
    struct apppool_failure failure;
    apr_pool_t *p;

    apr_pool_create(&p, pool);
    ck_assert_msg(apppool_get(client, &o, &session, &failure, p) == 0,
                  "%s\n%s", failure.message, read_log());
    answer = real_ask(session, "/good");
    ck_assert_int_eq(strncmp(answer, "/good ", 6), 0);
    hostile_victims[2] = (pid_t)atol(answer + 6);
    apppool_session_close(session, APPPOOL_SESSION_ENDED);
    apr_pool_destroy(p);
    return real_now_ms() - began;
}

static int64_t use_good(void)
{
    return use_app(HOSTILE_GOOD, NULL);
}

static void set_up(void)
{
    struct apppool_server_options o;
    const char *message = NULL;

    apr_initialize();
    leaks_begin();
    apr_pool_create(&pool, NULL);
    folder = program_scratch();
    ck_assert_int_eq(mkdir(apr_pstrcat(pool, folder, "/admitted", NULL), 0755),
                     0);
    o = real_options(pool, folder);
    o.admin = 1;
    ck_assert_msg(apppool_server_start(&server, &o, &message, pool) == 0,
                  "%s", message);
    apppool_server_export(server, &state);
    configure();
    state.generation = 1;
    ck_assert_int_eq(apppool_server_import(&server, &state, pool), 0);
    ck_assert_int_eq(apppool_server_connect(server, &client, pool), 0);
    engine = real_engine(state.pid);
    use_good();
    engine_fds = count_engine_fds();
}

static void tear_down(void)
{
    ck_assert_int_eq(apppool_server_shutdown(server), 0);
    apr_pool_destroy(pool);
    leaks_end();
    apr_terminate();
}

static void attack_as_child(void (*attack)(void))
{
    if (geteuid() == 0) {
        MUST(setgroups(0, NULL) == 0);
        MUST(setuid(child_uid()) == 0);
    }
    fd_close(&state.admin);
    hostile_rendezvous = state.rendezvous;
    hostile_victims[0] = state.pid;
    hostile_victims[1] = engine;
    hostile_folder = folder;
    attack();
    _exit(0);
}

/* All goes back to what it was, but for what the bait's process keeps open. */
static void wait_for_calm(void)
{
    const int64_t end = real_now_ms() + REAL_PATIENCE_MS;

    while (count_engine_fds() > engine_fds + 10) {
        ck_assert_msg(real_now_ms() < end, "the engine has %u descriptors more",
                      count_engine_fds() - engine_fds);
        poll(NULL, 0, 5);
    }
}

static void survive(void (*attack)(void))
{
    pid_t child = fork();
    int status = 0;
    int64_t longest = 0;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        attack_as_child(attack);
    }
    do {
        int64_t took = use_good();

        longest = took > longest ? took : longest;
    } while (waitpid(child, &status, WNOHANG) == 0);
    ck_assert_msg(status == 0, "the attack saw what it should not: %s",
                  read_log());
    ck_assert_int_lt(longest, SERVED_MS);
    ck_assert_msg(real_engine(state.pid) == engine, "another engine: %s",
                  read_log());
    wait_for_calm();
}

/* Tests ------------------------------------------------------------------- */

START_TEST(another_client_is_served_while_a_child_attacks)
{
    const struct hostile_attack *attack = &hostile_attacks[_i];

    survive(attack->attack);
    if (attack->logged != NULL) {
        ck_assert_msg(strstr(read_log(), attack->logged) != NULL, "%s",
                      read_log());
    }
}
END_TEST

START_TEST(no_application_starts_outside_the_admitted_roots)
{
    const char *outside = real_app(
        pool, folder, "outside",
        "import os\n"
        "open(os.path.join(os.path.dirname(__file__), 'ran'), 'w')\n");

    ck_assert_int_eq(symlink(outside, apr_pstrcat(pool, folder,
                                                  "/admitted/link", NULL)), 0);
    survive(hostile_roots_outside);
    ck_assert_int_ne(access(apr_pstrcat(pool, outside, "/ran", NULL), F_OK),
                     0);
    use_app(HOSTILE_TEMPLATE, real_app(pool, folder, "admitted/inside",
                               real_good_app)); /* so it can be had at all */
}
END_TEST

START_TEST(log_is_not_flooded)
{
    unsigned lines = 0;

    survive(hostile_lines_for_the_log);
    for (const char *at = read_log();
         (at = strstr(at, "its channels are closed")) != NULL; at++) {
        lines++;
    }
    ck_assert_uint_gt(lines, 0);
    ck_assert_uint_le(lines, 60);
}
END_TEST

static int count_attacks(void)
{
    int n = 0;

    while (hostile_attacks[n].attack != NULL) {
        n++;
    }
    return n;
}

int main(void)
{
    Suite *suite = suite_create("hostile_child");
    TCase *c = program_case(suite, "hostile", set_up, tear_down);

    tcase_set_timeout(c, 90);
    tcase_add_loop_test(c, another_client_is_served_while_a_child_attacks, 0,
                        count_attacks());
    tcase_add_test(c, no_application_starts_outside_the_admitted_roots);
    tcase_add_test(c, log_is_not_flooded);
    return program_run(suite);
}
