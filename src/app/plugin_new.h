#pragma once
/* `medbookd plugin new`: a plugin's folder out of examples/new-plugin. */
#include "app/config.h"

/* Makes <plugins.folder>/<name>; MB_E_CONFIG when there is one, or the name is none. Tells what it
 * made and what to do next. */
MB_MUST_CHECK enum mb_rc mb_plugin_new(const struct mb_config *config, const char *name,
                                       struct mb_err *err);
