#pragma once
/*
 * HTTP requests -> tasks -> replies: the struct mb_http_handler of the scripts. Route match and
 * body mode at the head, a task when the body is complete, the task's results as the answer
 * (answer.h).
 */
#include "bind/task.h"
#include "bind/vm.h"
#include "net/http.h"

struct mb_handler;

struct mb_handler_stats {
    _Atomic uint64_t script_errors, script_bytes, tasks;
};

/* How the requests of one handler go: how many began, and how many of these ended in an error of Lua or at a limit
 * of the scripts. What a script answers, whatever the status, is no failure. */
struct mb_handler_score {
    _Atomic uint64_t requests, failures;
};

struct mb_handler_plan {
    struct mb_vm *vm;
    struct mb_handler_stats *stats;
    struct mb_handler_score *score; /* NULL = nobody asks */
    bool show_errors;   /* development: the script's message in the answer */
    bool check_answers; /* every answer is held to its schema, and one that is not is an error; else the first of each
                           route is, and is told to the log */
};

MB_MUST_CHECK enum mb_rc mb_handler_new(struct mb_handler **out,
                                        const struct mb_handler_plan *plan);
/* Drops what is still in work; the requests must have ended, or their server be freed. */
void mb_handler_free(struct mb_handler *h);
/* on_head of a server: the request is h's until its end, whichever handler takes the next one. */
void mb_handler_take(struct mb_handler *h, struct mb_http_request *req);
/* The other callbacks of a server, which need no ctx; on_head is the owner's to set. */
struct mb_http_handler mb_handler_callbacks(void);
/* Calls done(ctx) when the last request of h has ended: at once when there is none. */
void mb_handler_retire(struct mb_handler *h, void (*done)(void *ctx), void *ctx);
/* Ends the requests that are in work: 503 with the code `reloaded`, or a cut connection where the
 * answer has begun. Not to be called from inside a task. */
void mb_handler_cut(struct mb_handler *h);
