#pragma once
/*
 * The paths that the server answers by itself, without scripts: /livez and /readyz on both
 * addresses, /metrics on the admin address. Everything else of the public address goes to the
 * scripts' handler.
 */
#include "app/shm.h"
#include "net/http.h"

enum { MB_TAG_PUBLIC, MB_TAG_ADMIN };

struct mb_admin {
    struct mb_shm *shm;
    uint32_t index; /* of the worker that answers */
    const struct mb_db *db;
};

/* False when the request is for the scripts. */
bool mb_admin_answer(const struct mb_admin *a, struct mb_http_request *req);
/* The whole box in the Prometheus text format. */
MB_MUST_CHECK enum mb_rc mb_metrics_write(const struct mb_shm *shm, struct mb_buf *out);
