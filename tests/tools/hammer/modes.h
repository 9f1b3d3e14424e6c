#pragma once
/* What the command line asks for, and the three kinds of run. */
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

struct options {
    struct sockaddr_in server;
    unsigned clients;
    uint64_t seed, timeout_us;
    const char *slots;      /* file of slot ids; - = standard input */
    const char *fields;     /* further members of a booking's body */
    const char *history;    /* file to append to; NULL = none */
    const char *label;      /* what the keys and guest names of the run begin with */
    const char *key;        /* race: everyone sends this Idempotency-Key and the same body */
    uint64_t operations;    /* storm: stop after that many calls; 0 = only after `seconds` */
    unsigned seconds, settle_seconds;
    unsigned weights[4];    /* storm: book, cancel, read, search */
    const char *search;     /* storm: target of a search */
    unsigned idle, sources, slow, deaf; /* hold */
    const char *probe;      /* hold: target of the probes */
    const char *feed;       /* hold: target of the deaf clients */
};

/* Clients wait at a barrier, then all book the slots of one line of the file at once. */
void race_run(const struct options *o);
/* Every client books, cancels, reads and searches in a loop, and retries what got no answer. */
void storm_run(const struct options *o);
/* Idle, slow and deaf connections are held while a few active ones are measured. */
void hold_run(const struct options *o);
