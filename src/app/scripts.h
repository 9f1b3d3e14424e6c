#pragma once
/*
 * Building a state of scripts out of configuration and sources, and checking sources offline as a
 * start or a reload would.
 */
#include "app/config.h"
#include "app/shelf.h"

/* What every state of a process is built with. */
struct mb_scripts {
    const struct mb_config *config;
    struct mb_vm_setting *settings; /* owned */
    size_t nsettings;
};

MB_MUST_CHECK enum mb_rc mb_scripts_open(struct mb_scripts *s, const struct mb_config *config,
                                         struct mb_err *err);
void mb_scripts_close(struct mb_scripts *s);
/* A plan without loop, database and secret, borrowing from s and the slot. */
struct mb_vm_plan mb_scripts_plan(const struct mb_scripts *s, const struct mb_shelf_slot *slot);

/* Builds the scripts as a worker would and throws them away. MB_E_SCRIPT: *diagnostics has a line
 * for each fault, with file and line. */
MB_MUST_CHECK enum mb_rc mb_scripts_check(const struct mb_config *config,
                                          const struct mb_shelf_slot *slot, size_t *nroutes,
                                          struct mb_buf *diagnostics, struct mb_err *err);
