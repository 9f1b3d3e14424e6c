#pragma once
/*
 * Accepts clients, connects each to the server and passes messages on, unless the plan says
 * otherwise.
 */
#include "address.h"
#include "fault.h"
#include "kit/loop.h"

struct relay {
    struct loop *loop;
    struct watch listener;
    struct address server;
    enum protocol protocol;
    struct fault_plan plan;
    struct pair *pairs; /* the open ones */
    uint64_t accepted, open;
};

void relay_open(struct relay *r, struct loop *l, const struct address *listen_at);
void relay_cut_all(struct relay *r);
void relay_close(struct relay *r);
