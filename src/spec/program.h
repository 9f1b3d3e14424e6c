#pragma once
/* Programs that a spec starts: real servers. They die with this process. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { MB_MAX_PROGRAMS = 16 };

struct mb_programs {
    pid_t pid[MB_MAX_PROGRAMS]; /* 0 = free */
};

/* argv[0] is this very program; its output goes to the end of the file. */
MB_MUST_CHECK enum mb_rc mb_program_start(struct mb_programs *p, const char *const *argv,
                                          const char *log_file, pid_t *pid, struct mb_err *err);
bool mb_program_is_running(struct mb_programs *p, pid_t pid);
/* SIGTERM, and SIGKILL when it has not ended after ms. */
void mb_program_stop(struct mb_programs *p, pid_t pid, unsigned ms);
void mb_programs_stop_all(struct mb_programs *p);
/* A port of 127.0.0.1 below the ephemeral ones that nobody listens at now; 0 = none was found. */
unsigned mb_program_free_port(void);
