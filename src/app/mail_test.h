#pragma once
/* `medbookd mail test ADDRESS`: one mail by the configuration, at once and without a job, and what became of it. */
#include "app/config.h"
#include "app/options.h"

int mb_mail_test(const struct mb_options *o, const struct mb_config *config);
