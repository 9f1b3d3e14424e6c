#pragma once
/*
 * Building a state of scripts out of configuration and sources, and checking sources offline as a
 * start or a reload would.
 */
#include "app/config_declared.h"
#include "app/shelf.h"
#include "plugin/plugins.h"

/* What every state of a process is built with. */
struct mb_scripts {
    const struct mb_config *config;
    struct mb_vm_setting *settings; /* owned */
    size_t nsettings;
};

MB_MUST_CHECK enum mb_rc mb_scripts_open(struct mb_scripts *s, const struct mb_config *config,
                                         struct mb_err *err);
void mb_scripts_close(struct mb_scripts *s);
/* The states of one generation: the server's scripts and those of its plugins. */
struct mb_states {
    struct mb_plugins *plugins;
    struct mb_vm *vm;
    struct mb_config_declared *declared; /* keys of the server's scripts */
};

/* What belongs to the process that builds. */
struct mb_scripts_place {
    uv_loop_t *loop;
    struct mb_db *db;         /* NULL while only checking */
    struct mb_client *client; /* the same */
    struct mb_tables *tables; /* the same */
    struct mb_rates *rates;   /* the same */
    struct mb_tally *hashers; /* NULL beside a server: see struct mb_vm_plan */
    const char *mail_folder;  /* NULL where no jobs run */
    struct mb_smtp *smtp;     /* the same, or without smtp.host */
    const unsigned char *secret;
    struct mb_plugin_board *board; /* NULL while only checking */
    bool asks_database;            /* as in struct mb_plugins_plan */
    unsigned place;
    bool is_shown; /* see struct mb_vm_plan */
};

/* On any thread; borrows s, the slot and what place names. *diagnostics, when not NULL: a line for each
 * fault, with file and line. MB_E_CONFIG: a setting fits no key, of the program or of these scripts. */
MB_MUST_CHECK enum mb_rc mb_scripts_build(const struct mb_scripts *s,
                                          const struct mb_shelf_slot *slot,
                                          const struct mb_scripts_place *place,
                                          struct mb_states *out, struct mb_buf *diagnostics,
                                          struct mb_err *err);
/* On any thread, when nothing of it is in use. */
void mb_scripts_discard(struct mb_states *states);

/* Looks at scripts that were built. */
typedef enum mb_rc (*mb_scripts_look)(const struct mb_states *states, void *ctx,
                                      struct mb_err *err);

/* Builds the scripts as a worker would, shows them to look(ctx) and throws them away. tables: of the database that is
 * asked about plugins' statements; NULL = none is. MB_E_SCRIPT: *diagnostics has a line for each fault, with file and
 * line. */
MB_MUST_CHECK enum mb_rc mb_scripts_check(const struct mb_config *config, struct mb_tables *tables,
                                          const struct mb_shelf_slot *slot, mb_scripts_look look,
                                          void *ctx, struct mb_buf *diagnostics,
                                          struct mb_err *err);
/* Whether all that is set fits a key, of the program or of the scripts of the home: MB_E_CONFIG says what does
 * not. Scripts that do not load are for others to tell. */
MB_MUST_CHECK enum mb_rc mb_scripts_settle(const struct mb_config *config, struct mb_err *err);
