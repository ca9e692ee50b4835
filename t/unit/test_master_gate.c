/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_master_gate.c - who is let in, who may configure, what is kept of it.
 */
#include <check.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adopt.h"
#include "config.h"
#include "engine_keeper.h"
#include "master_world.h"
#include "program.h"

#define STRANGER 4242 /* neither root nor anybody who may */

static int config; /* the parent's end of the config channel */

/* Letting in --------------------------------------------------------------- */

START_TEST(client_gets_a_channel_to_the_engine_and_a_board)
{
    int channel;
    uint32_t client = world_client(&channel);
    struct wire_message hello;
    int engines;

    ck_assert_uint_eq(client, 1);
    ck_assert_uint_eq(world_field(FIELD_PID), (uint32_t)getpid());
    ck_assert_uint_eq(world_field(FIELD_ADMIN), 0);
    ck_assert_uint_eq(world.in.n_fds, 2);
    engines = wire_take_fd(&world.in, 0);
    wire_message_init(&hello);
    wire_message_begin(&hello, MSG_HELLO, 1);
    ck_assert_int_eq(wire_send(channel, &hello), 0);
    ck_assert_int_eq(wire_receive(engines, &hello, FROM_CLIENT, NULL), 1);
    ck_assert_int_eq(hello.sender.pid, getpid());
    wire_message_clear(&hello);
    close(engines);
    close(channel);
}
END_TEST

START_TEST(admin_pair_gives_admin_channels_without_a_board)
{
    int channel = world_ask(world.admin, RENDEZVOUS_CHANNEL);

    ck_assert_int_ge(channel, 0);
    world_expect(MSG_CLIENT_NEW);
    ck_assert_uint_eq(world_field(FIELD_ADMIN), 1);
    ck_assert_uint_eq(world.in.n_fds, 1);
    close(channel);
}
END_TEST

START_TEST(other_bytes_and_config_on_the_plain_pair_get_no_answer)
{
    ck_assert_int_eq(world_ask(world.gate, 'x'), -1);
    ck_assert_int_eq(world_ask(world.gate, RENDEZVOUS_CONFIG), -1);
    ck_assert_int_eq(world_ask(world.admin, 'x'), -1);
    ck_assert_int_eq(send(world.gate, "cc", 2, MSG_NOSIGNAL), 2);
    world_expect_nothing();
    ck_assert_uint_eq(apr_hash_count(world.m->clients), 0);
}
END_TEST

static void ask_as_stranger(void)
{
    if (setgroups(0, NULL) < 0 || setgid(STRANGER) < 0 ||
        setuid(STRANGER) < 0 || send(world.gate, "c", 1, 0) != 1) {
        _exit(1);
    }
}

START_TEST(stranger_gets_in_only_as_httpds_user)
{
    if (geteuid() != 0) {
        return;
    }
    world_in_child(ask_as_stranger);
    world_expect_nothing();
    world.m->current.number = 1;
    wire_message_begin(&world.m->current.configure, MSG_CONFIGURE, 0);
    wire_put_u32(&world.m->current.configure, FIELD_CHILD_UID, STRANGER);
    world_in_child(ask_as_stranger);
    world_expect(MSG_CLIENT_NEW);
    ck_assert_uint_eq(world_field(FIELD_UID), STRANGER);
    world.m->current.number = 0;
}
END_TEST

static void ask_admin(void)
{
    if (send(world.admin, "c", 1, 0) != 1 ||
        send(world.admin, "d", 1, 0) != 1) {
        _exit(1);
    }
}

/* mod_cgid's daemon holds the parent's descriptors, but is not the parent. */
START_TEST(fork_of_the_parent_is_not_the_parent)
{
    world_in_child(ask_admin);
    world_expect_nothing();
    ck_assert_uint_eq(apr_hash_count(world.m->clients), 0);
    ck_assert_ptr_null(world.m->config);
}
END_TEST

/* Configuring -------------------------------------------------------------- */

static void tell(struct wire_message *msg)
{
    ck_assert_int_eq(wire_send(config, msg), 0);
    wire_message_clear(msg);
}

static void configure(uint32_t generation, uint32_t child_uid)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_CONFIGURE, 0);
    wire_put_u32(&msg, FIELD_GENERATION, generation);
    wire_put_u32(&msg, FIELD_MAX, 6);
    wire_put_u32(&msg, FIELD_MAX_IDLE_S, 300);
    wire_put_u32(&msg, FIELD_CHILD_UID, child_uid);
    tell(&msg);
}

static void define(uint32_t number, uint32_t flags)
{
    struct wire_message msg;
    int log_fd = dup(STDERR_FILENO);

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_DEFINE, 0);
    wire_put_u32(&msg, FIELD_APP, number);
    wire_put_text(&msg, FIELD_ROOT, "/srv/blog");
    wire_put_u32(&msg, FIELD_TYPE, TYPE_WSGI);
    wire_put_u32(&msg, FIELD_FLAGS, flags);
    wire_put_fd(&msg, &log_fd);
    tell(&msg);
}

static void commit(uint32_t generation)
{
    struct wire_message msg;

    wire_message_init(&msg);
    wire_message_begin(&msg, MSG_COMMIT, 9);
    wire_put_u32(&msg, FIELD_GENERATION, generation);
    tell(&msg);
}

static void assert_answer(enum wire_type type)
{
    struct wire_message msg;

    wire_message_init(&msg);
    while (wire_wait_readable(config, 0) == 0) {
        world_turn();
    }
    ck_assert_int_eq(wire_receive(config, &msg, FROM_MASTER, NULL), 1);
    ck_assert_str_eq(wire_type_name(wire_type(&msg)), wire_type_name(type));
    ck_assert_uint_eq(wire_request_id(&msg), 9);
    wire_message_clear(&msg);
}

static void open_config(void)
{
    config = world_ask(world.admin, RENDEZVOUS_CONFIG);
    ck_assert_int_ge(config, 0);
}

/* A generation with one definition, as the engine hears it. */
static void send_generation(uint32_t generation, uint32_t app, uint32_t flags)
{
    configure(generation, 33);
    define(app, flags);
    commit(generation);
    assert_answer(MSG_DONE);
    world_expect(MSG_CONFIGURE);
    world_expect(MSG_DEFINE);
    world_expect(MSG_COMMIT);
    ck_assert_uint_eq(world_field(FIELD_GENERATION), generation);
}

START_TEST(configuration_passes_through_and_is_told_to_the_next_engine)
{
    open_config();
    send_generation(1, 1, 0);
    world_replace_engine();
    engine_keeper_tell(world.m);
    world_expect(MSG_CONFIGURE);
    ck_assert_uint_eq(world_field(FIELD_CHILD_UID), 33);
    world_expect(MSG_DEFINE);
    ck_assert_str_eq(wire_get_text(&world.in, FIELD_ROOT, NULL), "/srv/blog");
    ck_assert_uint_eq(world.in.n_fds, 1);
    world_expect(MSG_COMMIT);
    world_expect(MSG_START);
    close(config);
}
END_TEST

/* Children of any age may use it; the engine knows of which there are some. */
START_TEST(definition_is_dropped_when_the_engine_needs_it_no_more)
{
    open_config();
    send_generation(1, 1, 0);
    send_generation(2, 2, 0);
    send_generation(3, 2, 0);
    ck_assert_ptr_nonnull(config_find(world.m, 1));
    world_say(MSG_FORGET, FIELD_APP, 1, 0);
    world_say(MSG_FORGET, FIELD_APP, 2, 0); /* is named: nobody may */
    world_turn();
    ck_assert_ptr_null(config_find(world.m, 1));
    ck_assert_ptr_nonnull(config_find(world.m, 2));
    close(config);
}
END_TEST

static void configure_from_child(void)
{
    configure(1, STRANGER);
}

START_TEST(only_the_parent_itself_configures)
{
    open_config();
    world_in_child(configure_from_child);
    world_expect_nothing();
    ck_assert_uint_eq(world.m->coming.number, 0);
    close(config);
}
END_TEST

START_TEST(nonsense_is_refused_and_the_next_configuration_taken)
{
    open_config();
    configure(1, 33);
    commit(2);
    assert_answer(MSG_REFUSED);
    world_expect(MSG_CONFIGURE);
    configure(0, 33);
    commit(0);
    assert_answer(MSG_REFUSED);
    send_generation(2, 1, 0);
    close(config);
}
END_TEST

START_TEST(engines_user_cannot_be_httpds)
{
    if (geteuid() != 0) {
        return;
    }
    world.m->engine_uid = 65534;
    open_config();
    configure(1, 65534);
    commit(1);
    assert_answer(MSG_REFUSED);
    world_expect_nothing();
    close(config);
}
END_TEST

/* Adopting ----------------------------------------------------------------- */

START_TEST(root_is_adopted_once_for_each_way_to_run_it)
{
    uint32_t first = world_definition();

    ck_assert_uint_ge(first, FIRST_ADOPTED);
    world_say(MSG_ADOPT, FIELD_APP, 0, FIELD_ROOT, "/srv/app", 0);
    world_expect(MSG_ADOPTED);
    ck_assert_uint_eq(world_field(FIELD_NUMBER), first);
    world_say(MSG_ADOPT, FIELD_APP, 0, FIELD_ROOT, "/srv/app", FIELD_LOWER, 0,
              0);
    world_expect(MSG_DEFINE);
    world_expect(MSG_ADOPTED);
    ck_assert_uint_ne(world_field(FIELD_NUMBER), first);
}
END_TEST

START_TEST(with_a_configuration_only_templates_adopt)
{
    open_config();
    send_generation(1, 1, DEFINE_DYNAMIC);
    world_say(MSG_ADOPT, FIELD_APP, 0, FIELD_ROOT, "/srv/x", 0);
    world_expect(MSG_ADOPTED);
    ck_assert(!wire_has(&world.in, FIELD_NUMBER));
    world_say(MSG_ADOPT, FIELD_APP, 1, FIELD_ROOT, "/srv/x", 0);
    world_expect(MSG_DEFINE);
    ck_assert_str_eq(wire_get_text(&world.in, FIELD_ROOT, NULL), "/srv/x");
    ck_assert_uint_eq(world_field(FIELD_TYPE), TYPE_WSGI);
    ck_assert_uint_eq(world_field(FIELD_FLAGS), DEFINE_DYNAMIC);
    world_expect(MSG_ADOPTED);
    ck_assert(wire_has(&world.in, FIELD_NUMBER));
    close(config);
}
END_TEST

/* A root of that number; of the definition, 0: refused. */
static uint32_t adopt_numbered(unsigned n, bool is_new)
{
    char root[32];

    snprintf(root, sizeof(root), "/srv/x%u", n);
    world_say(MSG_ADOPT, FIELD_APP, 0, FIELD_ROOT, root, 0);
    if (is_new) {
        world_expect(MSG_DEFINE);
    }
    world_expect(MSG_ADOPTED);
    ck_assert(wire_has(&world.in, FIELD_NUMBER) == is_new);
    return world_field(FIELD_NUMBER);
}

START_TEST(roots_that_clients_name_have_a_bound_and_make_room)
{
    uint32_t first = adopt_numbered(0, true);

    for (unsigned n = 1; n < MAX_ADOPTED; n++) {
        adopt_numbered(n, true);
    }
    adopt_numbered(MAX_ADOPTED, false);
    world_say(MSG_FORGET, FIELD_APP, first, 0);
    adopt_numbered(MAX_ADOPTED, true);
    adopt_numbered(0, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("master: gate");
    TCase *gate = program_case(suite, "gate", world_begin, world_end);
    TCase *configuring = program_case(suite, "config", world_begin, world_end);
    TCase *adopting = program_case(suite, "adopt", world_begin, world_end);

    tcase_add_test(gate, client_gets_a_channel_to_the_engine_and_a_board);
    tcase_add_test(gate, admin_pair_gives_admin_channels_without_a_board);
    tcase_add_test(gate,
                   other_bytes_and_config_on_the_plain_pair_get_no_answer);
    tcase_add_test(gate, stranger_gets_in_only_as_httpds_user);
    tcase_add_test(gate, fork_of_the_parent_is_not_the_parent);
    tcase_add_test(configuring,
                   configuration_passes_through_and_is_told_to_the_next_engine);
    tcase_add_test(configuring,
                   definition_is_dropped_when_the_engine_needs_it_no_more);
    tcase_add_test(configuring, only_the_parent_itself_configures);
    tcase_add_test(configuring,
                   nonsense_is_refused_and_the_next_configuration_taken);
    tcase_add_test(configuring, engines_user_cannot_be_httpds);
    tcase_add_test(adopting, root_is_adopted_once_for_each_way_to_run_it);
    tcase_add_test(adopting, with_a_configuration_only_templates_adopt);
    tcase_add_test(adopting,
                   roots_that_clients_name_have_a_bound_and_make_room);
    return program_run(suite);
}
