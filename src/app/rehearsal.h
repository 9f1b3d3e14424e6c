#pragma once
/*
 * `medbookd test`: a throw-away database with the demo clinic, the scripts of the installation, and
 * busted over them in one process (spec/spec.h). Neither the data folder nor the configured database
 * is touched, and no secret of the installation is read.
 */
#include "app/config.h"
#include "app/options.h"

struct mb_rehearsal {
    const struct mb_options *options; /* of the command line, for servers that tests start */
    const char *const *words; /* spec files, folders, options of busted */
    size_t nwords;
    const char *plugin; /* load this plugin alone; NULL = all of them */
};

/* Returns an exit code: 0 when all passed. */
int mb_rehearse(const struct mb_config *config, const struct mb_rehearsal *rehearsal);
