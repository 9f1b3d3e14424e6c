#pragma once
/*
 * Keys that scripts declare where they use them (mb.config in bind/bind_config.c): type, default, range and
 * meaning stand in the script, and the configuration knows of none of them. Settings of keys that config.h does
 * not have wait (struct mb_config_pending) until the scripts are loaded; what none of them declares is refused
 * then, as any unknown key.
 */
#include "app/config.h"
#include "bind/vm.h"

struct mb_config_declared;

/* config: borrowed. */
MB_MUST_CHECK enum mb_rc mb_config_declared_new(struct mb_config_declared **out,
                                                const struct mb_config *config, struct mb_err *err);
void mb_config_declared_free(struct mb_config_declared *d);
/* Appends the value in force to *value. MB_E_SCRIPT: the declaration itself is wrong. A setting that does not
 * fit leaves the default in force, until mb_config_declared_check tells of it. */
MB_MUST_CHECK enum mb_rc mb_config_declare(struct mb_config_declared *d,
                                           const struct mb_vm_declaration *it, struct mb_buf *value,
                                           struct mb_err *err);
/* When all is declared: MB_E_CONFIG names the first setting that does not fit, or fits no key. */
MB_MUST_CHECK enum mb_rc mb_config_declared_check(const struct mb_config_declared *d,
                                                  struct mb_err *err);
/* The declared keys as mb_config_sample writes them, and each with its value in a line. */
MB_MUST_CHECK enum mb_rc mb_config_declared_sample(const struct mb_config_declared *d,
                                                   struct mb_buf *out);
MB_MUST_CHECK enum mb_rc mb_config_declared_print(const struct mb_config_declared *d,
                                                  struct mb_buf *out);
