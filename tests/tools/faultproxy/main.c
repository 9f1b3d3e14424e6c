/*
 * faultproxy: stands between medbookd and PostgreSQL, or between a client and medbookd, passes
 * messages on, and breaks what its plan names at the message it names. It prints a line of JSON for
 * every fault. SIGTERM ends it.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control.h"

static const char usage[] =
    "usage: faultproxy --listen ADDRESS --server ADDRESS [options]\n"
    "  ADDRESS            127.0.0.1:PORT or the path of a unix socket\n"
    "  --protocol pg|raw  PostgreSQL's messages (pg), or turns of any other protocol\n"
    "  --control PATH     unix socket for arm, cut, report\n"
    "  --arm PLAN         none|before|after|boundary|blackhole|delay\n"
    "                     [nth=N] [probability=P] [boundary=N] [ms=N] [match=TEXT]\n"
    "  --seed N           seed of the probability (1)\n";

struct options {
    const char *listen_at, *server, *control, *arm;
    enum protocol protocol;
    uint64_t seed;
};

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option names[] = {
        {"listen", 1, 0, 'l'}, {"server", 1, 0, 's'}, {"protocol", 1, 0, 'p'}, {"control", 1, 0, 'c'},
        {"arm", 1, 0, 'a'},    {"seed", 1, 0, 'r'},   {"help", 0, 0, 'h'},     {0, 0, 0, 0}};
    int key;
    while ((key = getopt_long(argc, argv, "", names, NULL)) != -1) {
        switch (key) {
        case 'l': o->listen_at = optarg; break;
        case 's': o->server = optarg; break;
        case 'c': o->control = optarg; break;
        case 'a': o->arm = optarg; break;
        case 'r': o->seed = strtoull(optarg, NULL, 10); break;
        case 'h': fputs(usage, stdout); exit(0);
        case 'p':
            o->protocol = strcmp(optarg, "raw") == 0 ? PROTOCOL_RAW : PROTOCOL_PG;
            if (o->protocol == PROTOCOL_PG && strcmp(optarg, "pg") != 0)
                die("%s", usage);
            break;
        default: die("%s", usage);
        }
    }
    if (optind != argc || !o->listen_at || !o->server)
        die("%s", usage);
}

struct proxy {
    struct loop loop;
    struct relay relay;
    struct control control;
    struct timer look;
};

/* The loop only notes a signal. */
static void on_look(struct timer *t)
{
    struct proxy *p = (struct proxy *)((char *)t - offsetof(struct proxy, look));
    if (p->loop.asked_to_end)
        p->loop.stopped = true;
    loop_arm(&p->loop, t, 50000);
}

int main(int argc, char **argv)
{
    struct options o = {.protocol = PROTOCOL_PG, .arm = "none", .seed = 1};
    static struct proxy p = {.look = {.on_time = on_look}};
    struct address listen_at;
    read_options(&o, argc, argv);
    address_read(&listen_at, o.listen_at);
    address_read(&p.relay.server, o.server);
    p.relay.protocol = o.protocol;
    p.relay.plan.random = (o.seed + 1) * 0x9e3779b97f4a7c15u;
    if (!fault_arm(&p.relay.plan, o.arm))
        die("not a plan: %s", o.arm);
    signal(SIGPIPE, SIG_IGN);
    loop_open(&p.loop);
    relay_open(&p.relay, &p.loop, &listen_at);
    if (o.control)
        control_open(&p.control, &p.relay, o.control);
    loop_arm(&p.loop, &p.look, 0);
    printf("{\"listening\":\"%s\"}\n", o.listen_at);
    fflush(stdout);
    loop_run(&p.loop);
    relay_close(&p.relay);
    loop_close(&p.loop);
    return 0;
}
