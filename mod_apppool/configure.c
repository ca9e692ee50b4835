/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configure.c - CONFIGURE, DEFINE ... COMMIT to the master, DONE back.
 */
#include "configure.h"

#include <apr_portable.h>
#include <apr_strings.h>
#include <ap_mpm.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <unixd.h>
#include <stdlib.h>
#include <unistd.h>

#include "config_limits.h"
#include "describe.h"
#include "installed.h"
#include "socket.h"

APLOG_USE_MODULE(apppool);

/* A changed executable is tried first, for 5 s at most (server/master). */
#define ASK_MS 8000
#define ANSWER_MS 10000

struct sender {
    int channel;
    struct wire_message message;
    int rc;              /* first error, 0: none */
    apr_pool_t *pool;
    const server_rec *main;
};

static void check(struct sender *sender, int rc)
{
    if (sender->rc == 0 && rc < 0) {
        sender->rc = rc;
    }
}

static void put_number(struct sender *sender, enum wire_field field, int value)
{
    check(sender, wire_put_u32(&sender->message, field, (uint32_t)value));
}

/* Where it is not said the server's own default counts. */
static void put_if_said(struct sender *sender, enum wire_field field,
                        int value)
{
    if (value != UNSET) {
        put_number(sender, field, value);
    }
}

static void put_text(struct sender *sender, enum wire_field field,
                     const char *text)
{
    if (text != NULL) {
        check(sender, wire_put_text(&sender->message, field, text));
    }
}

/* Texts that each end in NUL; nothing where there are none. */
static void put_list(struct sender *sender, enum wire_field field,
                     const apr_array_header_t *texts)
{
    size_t len = limits_len_of_texts(texts);
    char *all, *at;
    int i;

    if (len == 0) {
        return;
    }
    at = all = apr_palloc(sender->pool, len);
    for (i = 0; i < texts->nelts; i++) {
        at = apr_cpystrn(at, APR_ARRAY_IDX(texts, i, const char *),
                         len - (size_t)(at - all)) + 1;
    }
    check(sender, wire_put_bytes(&sender->message, field, all, len));
}

/* A copy of the descriptor goes with the message. */
static void put_log(struct sender *sender, apr_file_t *log)
{
    apr_os_file_t fd;
    int copy;

    if (log == NULL || apr_os_file_get(&fd, log) != APR_SUCCESS) {
        return;
    }
    copy = fd_duplicate(fd);
    if (copy < 0) {
        check(sender, copy);
        return;
    }
    check(sender, wire_put_fd(&sender->message, &copy));
}

static void send_message(struct sender *sender)
{
    int rc = sender->rc;

    while (rc == 0) {
        rc = wire_send(sender->channel, &sender->message);
        if (rc != -EAGAIN) {
            break;
        }
        rc = wire_wait_writable(sender->channel, ANSWER_MS);
        rc = rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : rc;
    }
    check(sender, rc);
}

static int cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (int)n : 1;
}

static int default_max_waiting(void)
{
    int daemons = 0, threads = 0;

    ap_mpm_query(AP_MPMQ_MAX_DAEMONS, &daemons);
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    daemons = daemons * (threads > 0 ? threads : 1) / 2;
    return daemons > 0 ? daemons : 1;
}

static void put_limit(uint64_t pair[2], const struct rlimit *limit)
{
    if (limit != NULL) {
        pair[0] = limit->rlim_cur;
        pair[1] = limit->rlim_max;
    }
}

static void put_rlimits(struct sender *sender, const struct rlimits *rlimits)
{
    struct wire_rlimits limits;

    memset(&limits, 0xff, sizeof(limits));
    put_limit(limits.cpu, rlimits->cpu);
    put_limit(limits.mem, rlimits->mem);
    put_limit(limits.nproc, rlimits->nproc);
    check(sender, wire_put_bytes(&sender->message, FIELD_RLIMITS, &limits,
                                 sizeof(limits)));
}

static void put_inherited_env(struct sender *sender)
{
    static const char *const names[] = {"TZ", "TMPDIR"};
    apr_array_header_t *all = apr_array_make(sender->pool, 2, sizeof(char *));
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = getenv(names[i]);

        if (value != NULL) {
            APR_ARRAY_PUSH(all, const char *) =
                apr_pstrcat(sender->pool, names[i], "=", value, NULL);
        }
    }
    put_list(sender, FIELD_INHERITED_ENV, all);
}

/* As ErrorLog has it; NULL: that is a file or a program. */
static const char *syslog_of(const server_rec *main, const server_rec *s)
{
    const char *name = s->error_fname ? s->error_fname : main->error_fname;

    return s->error_log == NULL && name != NULL &&
                   ap_cstr_casecmpn(name, "syslog", 6) == 0 &&
                   (name[6] == '\0' || name[6] == ':')
               ? name
               : NULL;
}

static apr_file_t *error_log_of(const struct sender *sender,
                                const server_rec *s)
{
    const char *name = syslog_of(sender->main, s);

    return name ? apr_hash_get(config_once(s)->logs, name, APR_HASH_KEY_STRING)
                : s->error_log;
}

static void send_configure(struct sender *sender, apr_uint32_t generation,
                           server_rec *s)
{
    const struct pool_settings *once = config_once(s);
    const struct place_config *top = config_place(s->lookup_defaults);
    uid_t child = geteuid() == 0 ? ap_unixd_config.user_id : geteuid();

    wire_message_begin(&sender->message, MSG_CONFIGURE, 1);
    put_number(sender, FIELD_GENERATION, (int)generation);
    put_number(sender, FIELD_MAX, config_max(once));
    put_number(sender, FIELD_MAX_IDLE_S, config_number(once->max_idle_s, 300));
    put_number(sender, FIELD_MAX_SPAWNING,
               config_number(once->max_spawning, cpus()));
    put_number(sender, FIELD_MAX_WAITING,
               config_number(once->max_waiting, default_max_waiting()));
    put_number(sender, FIELD_USER_SWITCHING,
               config_number(once->user_switching, 1));
    put_text(sender, FIELD_LOWEST_USER, config_lowest_user(once));
    put_list(sender, FIELD_ALLOW_ROOTS, once->allow_roots);
    put_number(sender, FIELD_CHILD_UID, (int)child);
    put_inherited_env(sender);
    put_text(sender, FIELD_ENVIRONMENT, config_environment(top));
    put_text(sender, FIELD_CONTROL_SOCKET, once->control_socket);
    put_number(sender, FIELD_ACTIONS, config_has_actions(s));
    put_number(sender, FIELD_LOG_LEVEL,
               ap_get_server_module_loglevel(s, APLOG_MODULE_INDEX));
    put_log(sender, error_log_of(sender, s));
    send_message(sender);
}

static int flags_of(const struct definition *d)
{
    int flags = 0;

    flags |= d->place->pre_start == 1 && !d->dynamic ? DEFINE_PRE_START : 0;
    flags |= d->place->rolling_restart == 0 ? DEFINE_NOT_ROLLING : 0;
    flags |= config_friendly_errors(d->place) ? DEFINE_FRIENDLY_ERRORS : 0;
    flags |= d->dynamic ? DEFINE_DYNAMIC : 0;
    flags |= d->site.link ? DEFINE_LINK : 0;
    flags |= d->place->log_file != NULL ? DEFINE_OWN_LOG : 0;
    return flags;
}

static void put_limits(struct sender *sender, const struct place_config *place)
{
    put_number(sender, FIELD_MIN_INSTANCES,
               config_number(place->min_instances, 1));
    put_if_said(sender, FIELD_MAX_PER_APP, place->max_per_app);
    put_if_said(sender, FIELD_MAX_REQUESTS, place->max_requests);
    put_if_said(sender, FIELD_MAX_REQUEST_S, place->max_request_s);
    put_if_said(sender, FIELD_MEMORY_MIB, place->memory_mib);
    put_number(sender, FIELD_MAX_QUEUE, config_number(place->max_queue, 100));
    put_number(sender, FIELD_QUEUE_TIMEOUT_S,
               config_number(place->queue_timeout_s, 60));
    put_number(sender, FIELD_START_TIMEOUT_S,
               config_number(place->start_timeout_s, 90));
    put_number(sender, FIELD_THREADS, config_number(place->threads, 1));
    put_if_said(sender, FIELD_CONCURRENCY, place->concurrency);
}

/* NULL: the log that CONFIGURE has brought. A descriptor for each of thousands
 * of definitions would cost master and engine as many of theirs. */
static apr_file_t *log_of(const struct sender *sender,
                          const struct definition *d)
{
    const struct pool_settings *once = config_once(d->server);
    apr_file_t *own = error_log_of(sender, d->server);

    if (d->place->log_file != NULL) {
        return apr_hash_get(once->logs, d->place->log_file,
                            APR_HASH_KEY_STRING);
    }
    return own != error_log_of(sender, sender->main) ? own : NULL;
}

static void put_program(struct sender *sender, const struct site *site)
{
    if (site->protocol != 0) {
        put_number(sender, FIELD_PROTOCOL, site->protocol);
    }
    put_text(sender, FIELD_STARTUP_FILE, site->startup_file);
    if (site->command != NULL) {
        put_list(sender, FIELD_COMMAND,
                 site_command_words(sender->pool, site->command));
    }
}

static void send_define(struct sender *sender, const struct definition *d)
{
    const struct place_config *place = d->place;

    wire_message_begin(&sender->message, MSG_DEFINE, 2);
    put_number(sender, FIELD_APP, (int)d->number);
    put_text(sender, FIELD_ROOT, d->dynamic ? "/" : d->site.root);
    put_number(sender, FIELD_TYPE, d->site.type);
    put_program(sender, &d->site);
    put_text(sender, FIELD_ENVIRONMENT, config_environment(place));
    put_list(sender, FIELD_INTERPRETERS,
             definitions_interpreters(sender->pool, place, d->site.type));
    put_text(sender, FIELD_USER, place->user);
    put_text(sender, FIELD_GROUP, place->group);
    put_list(sender, FIELD_SETENV, definitions_setenv(sender->pool, place));
    put_text(sender, FIELD_BASE_URI, d->site.base_uri);
    put_number(sender, FIELD_SPAWN_METHOD,
               config_number(place->spawn_method, SPAWN_DEFAULT));
    put_text(sender, FIELD_RESTART_DIR, place->restart_dir);
    put_text(sender, FIELD_ISOLATION, place->isolation);
    put_number(sender, FIELD_FLAGS, flags_of(d));
    put_limits(sender, place);
    put_rlimits(sender, &d->rlimits);
    put_log(sender, log_of(sender, d));
    send_message(sender);
}

/* Only shown to people: without it everything else works. */
static void send_description(struct sender *sender, const server_rec *s,
                             const struct definitions *definitions)
{
    int fd = -1;

    if (describe(sender->pool, s, definitions, &fd) == 0) {
        wire_message_begin(&sender->message, MSG_DESCRIBE, 0);
        check(sender, wire_put_fd(&sender->message, &fd));
        send_message(sender);
    }
}

static void send_ledger(struct sender *sender, int ledger)
{
    int fd = ledger >= 0 ? fd_duplicate(ledger) : -1;

    if (fd >= 0) {
        wire_message_begin(&sender->message, MSG_LEFT_BEHIND, 0);
        check(sender, wire_put_fd(&sender->message, &fd));
        send_message(sender);
    }
}

static void send_commit(struct sender *sender, apr_uint32_t generation)
{
    wire_message_begin(&sender->message, MSG_COMMIT, 3);
    put_number(sender, FIELD_GENERATION, (int)generation);
    send_message(sender);
}

static void send_all(struct sender *sender, apr_uint32_t generation,
                     server_rec *s, const struct definitions *definitions)
{
    int i;

    send_configure(sender, generation, s);
    send_description(sender, s, definitions);
    for (i = 0; i < definitions->all->nelts && sender->rc == 0; i++) {
        send_define(sender, APR_ARRAY_IDX(definitions->all, i,
                                          const struct definition *));
    }
    send_commit(sender, generation);
}

/* DONE or REFUSED. */
static int receive_answer(struct sender *sender, int *ledger_r,
                          const char **why_r)
{
    int rc = wire_wait_readable(sender->channel, ANSWER_MS);

    if (rc == 0) {
        return -ETIMEDOUT;
    }
    if (rc > 0) {
        rc = wire_receive(sender->channel, &sender->message,
                          FROM_MASTER | FROM_ENGINE, NULL);
    }
    if (rc <= 0) {
        return rc == 0 ? -EPIPE : rc;
    }
    if (wire_type(&sender->message) == MSG_DONE) {
        *ledger_r = wire_take_fd(&sender->message, 0);
        return 0;
    }
    *why_r = apr_pstrdup(sender->pool, wire_get_text(&sender->message,
                                                     FIELD_MESSAGE, NULL));
    return -EINVAL;
}

apr_status_t configure_send(int admin, apr_uint32_t generation, server_rec *s,
                            const struct definitions *definitions,
                            struct configure_ledgers *ledgers,
                            const char **why_r, apr_pool_t *p)
{
    struct sender sender = {.channel = -1, .pool = p, .main = s};
    int rc = rendezvous_ask(admin, RENDEZVOUS_CONFIG, ASK_MS, &sender.channel);

    *why_r = NULL;
    if (rc == 0) {
        wire_message_init(&sender.message);
        send_ledger(&sender, ledgers->before);
        send_all(&sender, generation, s, definitions);
        rc = sender.rc ? sender.rc
                       : receive_answer(&sender, &ledgers->now, why_r);
        wire_message_clear(&sender.message);
        fd_close(&sender.channel);
    }
    if (rc < 0 && *why_r == NULL) {
        *why_r = apr_pstrdup(p, strerror(-rc));
    }
    return rc < 0 ? -rc : APR_SUCCESS;
}

static const char *open_program(const char *command, apr_file_t **file_r,
                                apr_pool_t *p)
{
    piped_log *pl = ap_open_piped_log(p, command);

    *file_r = pl ? ap_piped_log_write_fd(pl) : NULL;
    return pl ? NULL
              : apr_pstrcat(p, "PoolLogFile: cannot start ", command, NULL);
}

static const char *open_log(const char *name, apr_file_t **file_r,
                            apr_pool_t *p)
{
    const char *error;
    char text[120];
    apr_status_t rv;

    if (name[0] == '|') {
        return open_program(name + 1, file_r, p);
    }
    error = limits_open_to_others(p, name);
    if (error != NULL) {
        return error;
    }
    rv = apr_file_open(file_r, name, APR_FOPEN_WRITE | APR_FOPEN_APPEND |
                       APR_FOPEN_CREATE | APR_FOPEN_LARGEFILE,
                       APR_FPROT_UREAD | APR_FPROT_UWRITE | APR_FPROT_GREAD, p);
    return rv == APR_SUCCESS
               ? NULL
               : apr_psprintf(p, "PoolLogFile %s: %s", name,
                              apr_strerror(rv, text, sizeof(text)));
}

static const char *open_syslog(const struct pool_settings *once,
                               const char *target, apr_file_t **file_r,
                               apr_pool_t *p)
{
    const char *program = once->server_executable ? once->server_executable
                                                  : APPPOOL_SERVER_PATH;

    return open_program(apr_psprintf(p, "\"%s\" --tag \"%s\" --syslog \"%s\"",
                                     program, ap_server_argv0, target),
                        file_r, p);
}

/* One for all places that name the same. */
static const char *open_syslogs(struct pool_settings *once,
                                const server_rec *main, apr_pool_t *p)
{
    const char *error = NULL;
    const server_rec *s;

    for (s = main; s != NULL; s = s->next) {
        const char *target = syslog_of(main, s);
        apr_file_t *file = NULL;

        if (target != NULL &&
            !apr_hash_get(once->logs, target, APR_HASH_KEY_STRING)) {
            const char *failed = open_syslog(once, target, &file, p);

            error = error ? error : failed;
            apr_hash_set(once->logs, target, APR_HASH_KEY_STRING, file);
        }
    }
    return error;
}

const char *configure_open_logs(const struct definitions *definitions,
                                struct pool_settings *once,
                                const server_rec *s, apr_pool_t *p)
{
    const char *error;
    int i;

    once->logs = apr_hash_make(p);
    error = open_syslogs(once, s, p);
    for (i = 0; i < definitions->all->nelts; i++) {
        const char *name = APR_ARRAY_IDX(definitions->all, i,
                                         const struct definition *)
                               ->place->log_file;

        if (name != NULL && !apr_hash_get(once->logs, name,
                                          APR_HASH_KEY_STRING)) {
            apr_file_t *file = NULL;
            const char *failed = open_log(name, &file, p);

            error = error ? error : failed;
            apr_hash_set(once->logs, name, APR_HASH_KEY_STRING, file);
        }
    }
    return error;
}
