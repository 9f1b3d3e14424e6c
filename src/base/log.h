#pragma once
/*
 * One structured line per event, to standard error (or the file given): logfmt-like
 * `time=... level=... proc=... msg="..." key=value`. Values are escaped: no raw control byte
 * can reach the log. Until mb_log_queue a line is out when the call returns, however long the reader
 * takes; after it no call waits for the reader.
 */
#include "base/buf.h"

enum mb_log_level { MB_LOG_DEBUG, MB_LOG_INFO, MB_LOG_WARN, MB_LOG_ERROR };

/* fd is borrowed. process is a static name such as "worker-1" and stands on every line. */
void mb_log_init(int fd, enum mb_log_level least, const char *process);
enum mb_log_level mb_log_threshold(void);
/* From here on, also in processes forked later, a thread writes the lines; up to that many bytes wait
 * for it. What does not fit is dropped, whole lines each, and how many were is said when the log
 * flows again. Errors and warnings have the last quarter to themselves. */
MB_MUST_CHECK enum mb_rc mb_log_queue(size_t bytes);
/* Dropped lines of this process and of those forked later are added there. */
void mb_log_count(_Atomic uint64_t *dropped);
/* Pairs: key (literal), value (NUL-terminated; NULL prints as -); ends with a NULL key.
 * e.g. mb_log(MB_LOG_INFO, "worker started", "pid", pid_text, NULL) */
void mb_log(enum mb_log_level level, const char *msg, ...) __attribute__((sentinel));
/* Like mb_log, for the handler of a signal in a process that is going to end: takes no lock and no
 * memory, and writes only what the reader has room for. */
void mb_log_dying(const char *msg, ...) __attribute__((sentinel));
/* A ready-made line body without time/level (the access log): `raw` must be escaped already. */
void mb_log_line(enum mb_log_level level, struct mb_str raw);
/* A line for people, as it stands, with its newline; counts as a warning. */
void mb_log_say(struct mb_str line);
/* Appends key=value with quoting and escaping; the value may hold any bytes. */
MB_MUST_CHECK enum mb_rc mb_log_pair(struct mb_buf *b, const char *key, struct mb_str value);
/* To be called before the process ends: waits for the last lines while somebody reads them, and for
 * nobody else. */
void mb_log_flush(void);
