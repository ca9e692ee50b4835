/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - the httpd parent's hold on the pool server, over generations.
 *
 * The module is unloaded and loaded anew at every restart, so all that lasts
 * is plain data in memory that httpd retains: no pointers into the module.
 */
#ifndef MOD_APPPOOL_KEEPER_H
#define MOD_APPPOOL_KEEPER_H

#include <apr_hash.h>
#include <httpd.h>

#include "apppool/server.h"
#include "definitions.h"
#include "mailbox.h"

#define KEEPER_STARTS_A_MINUTE 5

/* Of this struct: a module that was upgraded finds that of the one before. */
#define KEEPER_LAYOUT 2

struct keeper {
    unsigned layout;                    /* KEEPER_LAYOUT of who made it; this
                                           and the next three stay in place */
    pid_t parent;                       /* the process all this belongs to */
    struct apppool_server_state server; /* pid 0: none */
    struct apppool_server_state ending; /* told to end; pid 0: none */
    apr_time_t kill_ending_at;          /* its patience */
    struct mailbox box;
    int ledger;              /* of the last server, should it be killed; -1 */
    char *options;           /* how the server was started; from `pool` */
    apr_uint32_t generation; /* the last one that was sent */
    apr_uint32_t last_number;
    apr_hash_t *numbers;     /* key of a definition to its number */
    apr_pool_t *pool;        /* lives as long as httpd */
    apr_time_t starts[KEEPER_STARTS_A_MINUTE]; /* the last ones, oldest first */
    int is_stopping;         /* a hard restart or a stop has been announced */
};

/* The retained keeper, made when there is none. */
struct keeper *keeper_get(void);

/* Give each definition the number its key has had, or a new one. */
void keeper_number(struct keeper *keeper, const struct definitions *all);

/*
 * Is the server alive? One that has died is forgotten. Never reaps: that is
 * httpd's.
 */
int keeper_has_server(struct keeper *keeper);

/*
 * Make sure that a server runs, with these settings, and has the configuration
 * of s. One that runs with other settings is ended. What went wrong is in the
 * log; httpd goes on without. No-op when five were started in the last minute.
 */
void keeper_start(struct keeper *keeper, server_rec *s,
                  const struct pool_settings *once);

/*
 * httpd is about to read its configuration anew: `until_read`, a pool that is
 * cleared when it has been, tells the server, even if this module is not part
 * of it any more.
 */
void keeper_announce_reload(struct keeper *keeper, apr_pool_t *until_read);

/* Tell the server to end, without waiting. */
void keeper_tell_end(struct keeper *keeper);

/* Kill a server that was told to end and has not in 8 s. */
void keeper_look_after_ending(struct keeper *keeper);

/* See that children find and reach the server that runs now, whoever else has
 * inherited what leads to it. It may have to end; another is for
 * keeper_start(). */
void keeper_look_after_shared(struct keeper *keeper, server_rec *s);

/* Wait until a server that was told to end has done so; 8 s, then kill. */
void keeper_await_end(struct keeper *keeper);

#endif
