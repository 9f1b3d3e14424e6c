#pragma once
/*
 * On the admin address: POST /v1/admin/reload and POST /v1/admin/rollback do what the commands of the same
 * names do, by the control socket, and answer what became of it:
 *
 *   200 { "generation", "detail" }    422 reload_refused with "errors": [{ "file", "line", "detail" }]
 */
#include <uv.h>

#include "app/shm.h"
#include "net/http.h"

struct mb_admin_reload;

MB_MUST_CHECK enum mb_rc mb_admin_reload_new(struct mb_admin_reload **out, uv_loop_t *loop,
                                             const char *folder, const struct mb_shm *shm,
                                             struct mb_err *err);
/* Sends the word, a line of the control socket, to the supervisor. The answer may come later. */
void mb_admin_reload_ask(struct mb_admin_reload *a, struct mb_http_request *req, const char *word);
/* The request is over, answered or not. */
void mb_admin_reload_forget(struct mb_admin_reload *a, const struct mb_http_request *req);
/* Before the loop ends: what still waits is not heard any more. */
void mb_admin_reload_close(struct mb_admin_reload *a);
void mb_admin_reload_free(struct mb_admin_reload *a); /* after the loop */
