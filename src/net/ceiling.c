/* Counting connections in and out. */
#include "net/ceiling.h"

#include "net/tally.h"

static bool enter_address(struct mb_conn *c)
{
    const struct mb_http_config *config = &c->server->config;
    uint32_t most = config->limits.max_connections_per_address;
    if (most == 0 || c->trusted)
        return true;
    c->tallied = mb_tally_enter(config->tally, config->tally_index, &c->peer, most);
    return c->tallied;
}

bool mb_ceiling__enter(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    if (s->open >= s->config.limits.max_connections || !enter_address(c)) {
        c->refused = true;
        s->refused++;
        mb_count(&s->stats->refused, 1);
        return false;
    }
    s->open++;
    mb_count(&s->stats->accepted, 1);
    mb_count(&s->stats->open, 1);
    return true;
}

void mb_ceiling__leave(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    if (c->tallied)
        mb_tally_leave(s->config.tally, s->config.tally_index, &c->peer);
    c->tallied = false;
    if (c->refused) {
        s->refused--;
        return;
    }
    s->open--;
    mb_uncount(&s->stats->open);
    mb_count(&s->stats->closed, 1);
}
