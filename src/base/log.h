#pragma once
/*
 * One structured line per event, to standard error (or the file given): logfmt-like
 * `time=... level=... proc=... msg="..." key=value`. Values are escaped: no raw control byte
 * can reach the log. Lines are buffered and written by mb_log_flush (called by loops) or at
 * once for warnings and errors.
 */
#include "base/buf.h"

enum mb_log_level { MB_LOG_DEBUG, MB_LOG_INFO, MB_LOG_WARN, MB_LOG_ERROR };

/* fd is borrowed. process is a static name such as "worker-1" and stands on every line. */
void mb_log_init(int fd, enum mb_log_level least, const char *process);
enum mb_log_level mb_log_threshold(void);
/* Pairs: key (literal), value (NUL-terminated; NULL prints as -); ends with a NULL key.
 * e.g. mb_log(MB_LOG_INFO, "worker started", "pid", pid_text, NULL) */
void mb_log(enum mb_log_level level, const char *msg, ...) __attribute__((sentinel));
/* Like mb_log, for the handler of a signal in a process that is going to end: takes no lock and no
 * memory, so what another thread writes at this moment may come out garbled. */
void mb_log_dying(const char *msg, ...) __attribute__((sentinel));
/* A ready-made line body without time/level (the access log): `raw` must be escaped already. */
void mb_log_line(enum mb_log_level level, struct mb_str raw);
/* Appends key=value with quoting and escaping; the value may hold any bytes. */
MB_MUST_CHECK enum mb_rc mb_log_pair(struct mb_buf *b, const char *key, struct mb_str value);
void mb_log_flush(void);
