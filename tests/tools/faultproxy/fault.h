#pragma once
/*
 * Which message meets which fault. A plan is armed by one line of text, on the command line or over
 * the control socket:
 *
 *     KIND [nth=N] [probability=P] [boundary=N] [ms=N] [match=TEXT to the end of the line]
 *
 *     before     reset both sides instead of passing the matching message on
 *     after      pass it on, wait until the server has done it, swallow the answer, reset
 *     boundary   close after N messages of either direction, the match being the first
 *                (0 = before), at the latest when its answer has ended
 *     blackhole  nothing passes any more, nothing is closed
 *     delay      the matching message waits for `ms`
 *
 * A message of a client matches when it runs SQL that contains TEXT: a simple query, or a Bind of a
 * statement prepared with such SQL; without match= every one does. Raw messages match when they
 * contain TEXT. The fault strikes the nth match, once; with a probability, each match by that
 * chance.
 */
#include "frame.h"
#include "kit/text.h"

enum fault_kind { FAULT_NONE, FAULT_BEFORE, FAULT_AFTER, FAULT_BOUNDARY, FAULT_BLACKHOLE, FAULT_DELAY };

struct fault_plan {
    enum fault_kind kind;
    uint64_t nth, boundary, delay_ms;
    double probability; /* 0 = strike the nth match once */
    char match[512];
    uint64_t random;
    uint64_t matched; /* since armed */
    uint64_t fired;   /* in all; a boundary when it is reached */
};

/* What is under way on one connection. */
struct fault_state {
    enum { FAULT_WATCHING, FAULT_SWALLOWING, FAULT_COUNTING, FAULT_SWALLOWS_ALL } doing;
    struct prepared *prepared; /* statements by name, to know what a Bind runs */
    size_t prepared_count;
    uint64_t syncs, readies; /* asked-for and seen ReadyForQuery */
    uint64_t last_ready;     /* swallowing, counting: the answer ends with this one */
    uint64_t left;           /* counting: messages that may still pass */
};

enum verdict { PASS, DROP, CUT, PASS_AND_CLOSE, WAIT };

bool fault_arm(struct fault_plan *p, const char *line); /* false = not understood */
const char *fault_name(enum fault_kind kind);
enum verdict fault_judge(struct fault_plan *p, struct fault_state *s, enum protocol protocol,
                         enum from from, char type, const struct text *message);
void fault_forget(struct fault_state *s);
