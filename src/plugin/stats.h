#pragma once
/*
 * What is known of a plugin by its name, in memory that all processes share: it outlives
 * reloads and workers. Counters are plain atomics.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MB_PLUGIN_NAME = 64,
    MB_MAX_PLUGINS = 64,
    MB_PLUGIN_PLACES = 65,
    MB_PLUGIN_PART_NAME = 120,
    MB_PLUGIN_PARTS = 64 /* those beyond are counted for the plugin only */
};

/* One function of a plugin: a route, a hook, a job. */
struct mb_plugin_part {
    _Atomic uint64_t key; /* of the name; 0 = free */
    _Atomic bool is_named;
    char name[MB_PLUGIN_PART_NAME]; /* "before POST /v1/bookings" */
    _Atomic uint64_t calls, errors, cpu_ns;
    _Atomic uint64_t taken; /* bytes that its calls allocated, in all */
};

struct mb_plugin_stats {
    _Atomic uint64_t key; /* of the name; 0 = free */
    _Atomic bool is_named;
    char name[MB_PLUGIN_NAME];
    _Atomic uint64_t calls, errors, kills; /* kills: limits of time or memory */
    _Atomic uint64_t cpu_ns;
    _Atomic uint64_t bytes[MB_PLUGIN_PLACES]; /* memory of its state in each process */
    _Atomic uint64_t strikes_since_ns;        /* kills are counted from here to a quarantine */
    _Atomic uint64_t stuck_ns; /* when a statement was last counted that obeyed no cancel */
    _Atomic uint32_t strikes;
    _Atomic bool is_quarantined;
    _Atomic uint64_t schema_bytes; /* of its tables, when they were last measured */
    _Atomic bool is_full;          /* more than plugins.schema_size */
    struct mb_plugin_part part[MB_PLUGIN_PARTS];
};

struct mb_plugin_board {
    struct mb_plugin_stats plugin[MB_MAX_PLUGINS];
};

/* The entry of that name, made when there is none; NULL when the board is full. */
struct mb_plugin_stats *mb_plugin_board_take(struct mb_plugin_board *board, const char *name);
/* The same of one of its functions. */
struct mb_plugin_part *mb_plugin_part_take(struct mb_plugin_stats *s, const char *name);
/* NULL when there is none. */
struct mb_plugin_stats *mb_plugin_board_find(struct mb_plugin_board *board, const char *name);
/* Counts a kill at the monotonic time now_ns. True when it is the one that made it max within
 * window_ns, which puts the plugin into quarantine; max = 0: never. */
bool mb_plugin_strike(struct mb_plugin_stats *s, uint64_t now_ns, uint32_t max, uint64_t window_ns);
/* The same for what comes in numbers when it comes, as statements that obey no cancel: the first within window_ns counts. */
bool mb_plugin_strike_once(struct mb_plugin_stats *s, uint64_t now_ns, uint32_t max,
                           uint64_t window_ns);
void mb_plugin_release(struct mb_plugin_stats *s);
