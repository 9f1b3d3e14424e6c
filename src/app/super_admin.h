#pragma once
/* `medbookd admin create`: an administrator of the platform, without whom nobody could make another. */
#include "app/config.h"
#include "app/options.h"

int mb_super_admin_command(const struct mb_options *o, const struct mb_config *config);
