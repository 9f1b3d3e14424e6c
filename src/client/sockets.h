#pragma once
/*
 * libcurl's sockets and its timer on the loop; inside src/client only.
 */
#include <curl/curl.h>
#include <uv.h>

#include "base/err.h"

struct mb_sockets {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t *timer;          /* frees itself once it is closed */
    void (*on_turn)(void *ctx); /* after libcurl did something: transfers may have ended */
    void *ctx;
};

/* Sets the callbacks of multi. */
MB_MUST_CHECK enum mb_rc mb_sockets_open(struct mb_sockets *s);
/* After curl_multi_cleanup; the loop must turn until the timer is closed. */
void mb_sockets_close(struct mb_sockets *s);
