#pragma once
/*
 * The control socket. One line in, one line out:
 *     arm PLAN   -> ok | error (grammar: fault.h)
 *     cut        -> ok; resets every open connection
 *     report     -> {"armed":..,"accepted":..,"open":..,"matched":..,"fired":..}
 */
#include "relay.h"

struct control {
    struct watch listener;
    struct relay *relay;
};

void control_open(struct control *c, struct relay *r, const char *path);
