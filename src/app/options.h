#pragma once
/* The command line, read: which command, which options; and the help texts. */
#include <stdbool.h>
#include <stddef.h>

#include "app/schema.h"
#include "base/err.h"

enum mb_command {
    MB_COMMAND_RUN,
    MB_COMMAND_CHECK,
    MB_COMMAND_ROUTES,
    MB_COMMAND_OPENAPI,
    MB_COMMAND_EXPLAIN,
    MB_COMMAND_RELOAD,
    MB_COMMAND_ROLLBACK,
    MB_COMMAND_CONFIG,
    MB_COMMAND_MIGRATE,
    MB_COMMAND_JOBS,
    MB_COMMAND_MAIL,
    MB_COMMAND_CONSOLE,
    MB_COMMAND_TEST,
    MB_COMMAND_PLUGIN,
    MB_COMMAND_DEMO,
    MB_COMMAND_REFERENCE,
    MB_COMMAND_ADMIN
};

enum { MB_MAX_SETS = 64, MB_MAX_WORDS = 256 };

struct mb_options {
    enum mb_command command;
    const char *file;        /* --config */
    char *sets[MB_MAX_SETS]; /* --set */
    size_t nsets;
    bool is_effective;         /* config --effective */
    enum mb_schema_step step;  /* migrate */
    int to;                    /* migrate down: the version before which to stop; -1 = one step */
    /* explain: method and path; jobs: what to do, and a job; mail: what to do, and an address; plugin: what to do, and a name;
     * test: files, folders */
    const char *words[MB_MAX_WORDS];
    size_t nwords;
    bool is_writing;           /* console --write */
    const char *history;       /* console --history; NULL = the usual file */
    const char *plugin;        /* migrate; NULL = all */
    const char *const *rest;   /* test, plugin test: what stands after "--" */
    size_t nrest;
    const char *email, *name;  /* admin create; name NULL = none */
    bool has_password_stdin;   /* the same */
    const char *status, *kind; /* jobs list; NULL = all */
    int limit;                 /* jobs list */
    bool is_answered;          /* --help or --version: it is printed, nothing is left to do */
};

/* Borrows from argv. */
MB_MUST_CHECK enum mb_rc mb_options_read(struct mb_options *out, int argc, char **argv,
                                         struct mb_err *err);
