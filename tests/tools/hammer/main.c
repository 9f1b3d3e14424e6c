/*
 * hammer: a concurrent HTTP/1.1 client for races, storms and held connections, with a history of
 * its own. One process, one epoll loop. It prints one JSON object with what it saw; its exit code
 * speaks only of its own failures (2), never of the server's.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "modes.h"
#include "kit/text.h"

static const char usage[] =
    "usage: hammer race|storm|hold --address 127.0.0.1:PORT [options]\n"
    "  --clients N      concurrent clients (32)\n"
    "  --seed N         seed of all choices (1)\n"
    "  --timeout MS     longest wait for an answer (15000)\n"
    "  --slots FILE     race, storm: slot ids, a round a line; - = standard input\n"
    "  --fields JSON    race, storm: further members of a booking (\"isOnline\":false)\n"
    "  --history FILE   race, storm: append every call and answer\n"
    "  --label TEXT     race, storm: what keys and names begin with (the mode)\n"
    "  --key TEXT       race: all send this Idempotency-Key and the same body\n"
    "  --operations N   storm: start that many calls (0 = until --seconds or SIGTERM)\n"
    "  --seconds N      storm: longest run (0 = no end); hold: each measurement (2)\n"
    "  --settle N       storm: seconds for calls in flight at the end (20)\n"
    "  --weights B,C,R,S  storm: shares of book, cancel, read, search (4,3,2,1)\n"
    "  --search TARGET  storm: what a search asks for (/v1/slots?limit=20)\n"
    "  --idle N --sources N  hold: idle connections (1000), source addresses 127.0.0.2... (8)\n"
    "  --slow N --deaf N     hold: slow senders (0), clients that never read (0)\n"
    "  --probe TARGET   hold: what the active clients ask for (/livez)\n"
    "  --feed TARGET    hold: what the deaf ones ask for, 512 times each (/livez)\n";

enum key {
    ADDRESS = 256, CLIENTS, SEED, TIMEOUT, SLOTS, FIELDS, HISTORY, LABEL, KEY, OPERATIONS, SECONDS, SETTLE,
    WEIGHTS, SEARCH, IDLE, SOURCES, SLOW, DEAF, PROBE, FEED
};

static const struct option long_options[] = {
    {"address", 1, 0, ADDRESS}, {"clients", 1, 0, CLIENTS},       {"seed", 1, 0, SEED},
    {"timeout", 1, 0, TIMEOUT}, {"slots", 1, 0, SLOTS},           {"fields", 1, 0, FIELDS},
    {"history", 1, 0, HISTORY}, {"label", 1, 0, LABEL},           {"key", 1, 0, KEY},
    {"seconds", 1, 0, SECONDS}, {"operations", 1, 0, OPERATIONS}, {"settle", 1, 0, SETTLE},
    {"weights", 1, 0, WEIGHTS}, {"search", 1, 0, SEARCH},         {"idle", 1, 0, IDLE},
    {"sources", 1, 0, SOURCES}, {"slow", 1, 0, SLOW},             {"deaf", 1, 0, DEAF},
    {"probe", 1, 0, PROBE},     {"feed", 1, 0, FEED},             {0, 0, 0, 0},
};

static uint64_t number(const char *text)
{
    char *end = NULL;
    unsigned long long n = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || n > 1000000000000ull)
        die("not a number: %s", text);
    return n;
}

static unsigned small_number(const char *text)
{
    uint64_t n = number(text);
    if (n > 1000000)
        die("too large: %s", text);
    return (unsigned)n;
}

static void take_address(struct options *o, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host)
        die("not an address: %s", text);
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    o->server.sin_family = AF_INET;
    o->server.sin_port = htons((uint16_t)number(colon + 1));
    if (inet_pton(AF_INET, host, &o->server.sin_addr) != 1)
        die("not an IPv4 address: %s", host);
}

static void take_weights(struct options *o, const char *text)
{
    unsigned *w = o->weights;
    if (sscanf(text, "%u,%u,%u,%u", &w[0], &w[1], &w[2], &w[3]) != 4 ||
        w[0] + w[1] + w[2] + w[3] == 0 || w[0] + w[3] == 0)
        die("--weights wants book,cancel,read,search, with book or search over 0");
}

static void take_option(struct options *o, int key, const char *value)
{
    switch (key) {
    case ADDRESS: take_address(o, value); break;
    case CLIENTS: o->clients = small_number(value); break;
    case SEED: o->seed = number(value); break;
    case TIMEOUT: o->timeout_us = number(value) * 1000; break;
    case SLOTS: o->slots = value; break;
    case FIELDS: o->fields = value; break;
    case HISTORY: o->history = value; break;
    case LABEL: o->label = value; break;
    case KEY: o->key = value; break;
    case OPERATIONS: o->operations = number(value); break;
    case SECONDS: o->seconds = small_number(value); break;
    case SETTLE: o->settle_seconds = small_number(value); break;
    case WEIGHTS: take_weights(o, value); break;
    case SEARCH: o->search = value; break;
    case IDLE: o->idle = small_number(value); break;
    case SOURCES: o->sources = small_number(value); break;
    case SLOW: o->slow = small_number(value); break;
    case DEAF: o->deaf = small_number(value); break;
    case PROBE: o->probe = value; break;
    case FEED: o->feed = value; break;
    default: die("%s", usage);
    }
}

/* Ten thousand connections need as many descriptors. */
static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

int main(int argc, char **argv)
{
    struct options o = {.clients = 32,
                        .seed = 1,
                        .timeout_us = 15000000,
                        .fields = "\"isOnline\":false",
                        .settle_seconds = 20,
                        .weights = {4, 3, 2, 1},
                        .search = "/v1/slots?limit=20",
                        .idle = 1000,
                        .sources = 8,
                        .probe = "/livez",
                        .feed = "/livez"};
    int key;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        take_option(&o, key, optarg);
    if (optind + 1 != argc || o.server.sin_port == 0 || o.clients == 0)
        die("%s", usage);
    o.label = o.label ? o.label : argv[optind];
    raise_file_limit();
    if (strcmp(argv[optind], "race") == 0) {
        race_run(&o);
    } else if (strcmp(argv[optind], "storm") == 0) {
        storm_run(&o);
    } else if (strcmp(argv[optind], "hold") == 0) {
        o.seconds = o.seconds ? o.seconds : 2;
        hold_run(&o);
    } else {
        die("%s", usage);
    }
    return 0;
}
