/* Time-outs: one list for each phase, swept from the front. */
#include "net/phase.h"

#include "net/server.h"

enum { LAST_LINGER_MS = 1000 }; /* at most, when the server itself is about to end */

static uint32_t span_ms(const struct mb_http_server *s, enum mb_phase phase)
{
    const struct mb_http_limits *limits = &s->config.limits;
    uint32_t linger = limits->linger_timeout;
    if (s->draining && linger > LAST_LINGER_MS)
        linger = LAST_LINGER_MS;
    switch (phase) {
    case MB_PHASE_IDLE: return limits->idle_timeout;
    case MB_PHASE_HEAD: return limits->head_timeout;
    case MB_PHASE_BODY: return limits->body_timeout;
    case MB_PHASE_REQUEST: return limits->request_timeout;
    case MB_PHASE_WRITE: return limits->write_timeout;
    default: return linger;
    }
}

void mb_phase__set(struct mb_conn *c, enum mb_phase phase, bool restart)
{
    struct mb_http_server *s = c->server;
    if (c->phase == phase && !restart)
        return;
    c->phase = (uint8_t)phase;
    mb_list_remove(&c->by_phase);
    if (phase == MB_PHASE_NONE)
        return;
    c->deadline = uv_now(s->loop) + span_ms(s, phase);
    mb_list_append(&s->phases[phase], &c->by_phase);
}

void mb_phase__sweep(struct mb_http_server *s)
{
    uint64_t now = uv_now(s->loop);
    for (int phase = MB_PHASE_NONE + 1; phase < MB_PHASE_COUNT; phase++) {
        struct mb_node *list = &s->phases[phase];
        while (!mb_list_is_empty(list)) {
            struct mb_conn *c = MB_CONN_OF(list->next, by_phase);
            if (c->deadline > now)
                break;
            mb_phase__set(c, MB_PHASE_NONE, false);
            mb_conn__expire(c, (enum mb_phase)phase);
        }
    }
}
