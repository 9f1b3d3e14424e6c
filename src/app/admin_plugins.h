#pragma once
/* What the admin address tells of plugins, and letting one out of quarantine. */
#include "app/shm.h"

/* State, calls, errors, kills, processor time, memory of each, and of its functions. */
void mb_admin_plugins_list(struct mb_shm *shm, struct mb_http_request *req);
/* 204, or 404 when there is none of that name. */
void mb_admin_plugins_release(struct mb_shm *shm, struct mb_http_request *req, struct mb_str name);
