#pragma once
/*
 * What the server answers by itself, without scripts: the whole admin address, and /livez and /readyz
 * of the public one. Everything else there goes to the scripts' handler.
 */
#include "app/admin_reload.h"
#include "app/shm.h"
#include "net/http.h"

enum { MB_TAG_PUBLIC, MB_TAG_ADMIN };

struct mb_admin {
    struct mb_shm *shm;
    uint32_t index; /* of the worker that answers */
    const struct mb_db *db;
    struct mb_admin_reload *reload;
    const char *hosts; /* admin_hosts */
};

/* False when the request is for the scripts. */
bool mb_admin_answer_public(const struct mb_admin *a, struct mb_http_request *req);
/* Any request of the admin address, behind its guard (admin_guard.h). The answer may come later. */
void mb_admin_answer(const struct mb_admin *a, struct mb_http_request *req);
/* The whole box in the Prometheus text format. */
MB_MUST_CHECK enum mb_rc mb_metrics_write(const struct mb_shm *shm, struct mb_buf *out);
