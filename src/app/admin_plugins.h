#pragma once
/*
 * On the admin address: GET /v1/admin/plugins (state, calls, errors, kills, processor time, memory of
 * each, and of its functions) and POST /v1/admin/plugins/<name>/release (out of quarantine; 204).
 */
#include "app/shm.h"

/* False when the request is about something else. */
bool mb_admin_plugins_answer(struct mb_shm *shm, struct mb_http_request *req);
