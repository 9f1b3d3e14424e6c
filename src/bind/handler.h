#pragma once
/*
 * HTTP requests -> tasks -> replies: the struct mb_http_handler of the scripts. Route match and
 * body mode at the head, a task when the body is complete, the task's results as the answer
 * (answer.h).
 */
#include "bind/task.h"
#include "net/http.h"

struct mb_handler;

struct mb_handler_stats {
    _Atomic uint64_t script_errors, script_bytes, tasks;
};

struct mb_handler_plan {
    struct mb_vm *vm;
    struct mb_handler_stats *stats;
    /* Asked before the scripts are; true when it has answered. */
    bool (*answers)(void *ctx, struct mb_http_request *req);
    void *answers_ctx;
    bool show_errors; /* development: the script's message in the answer */
};

MB_MUST_CHECK enum mb_rc mb_handler_new(struct mb_handler **out,
                                        const struct mb_handler_plan *plan);
void mb_handler_free(struct mb_handler *h);
/* The callbacks, with ctx = the handler. */
struct mb_http_handler mb_handler_callbacks(struct mb_handler *h);
