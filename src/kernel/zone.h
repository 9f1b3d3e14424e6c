#pragma once
/*
 * Time zones: the bytes of a TZif file (RFC 8536, version 2 or later, as in /usr/share/zoneinfo)
 * with its POSIX footer. Whoever reads the file keeps the bytes: a zone only points into them, so
 * nothing is allocated and nothing has to be freed. Seconds since 1970 throughout, for the years
 * -9999..9999.
 */
#include "base/buf.h"

/* When a rule of the footer switches, in a form that fits every year. */
struct mb_zone_switch {
    enum { MB_SWITCH_JULIAN, MB_SWITCH_DAY, MB_SWITCH_WEEKDAY } form;
    int32_t month, week, day; /* WEEKDAY: the week-th (5 = last) day (0 = Sunday) of the month;
                                 JULIAN: day 1..365, never February 29; DAY: day 0..365 */
    int32_t seconds;          /* wall clock after midnight; may be negative or over a day */
};

struct mb_zone {
    const unsigned char *times, *indices, *types; /* arrays of the file, big-endian */
    size_t ntimes, ntypes;
    bool has_footer, has_dst;
    int32_t standard, daylight; /* offsets of the footer */
    struct mb_zone_switch to_daylight, to_standard;
};

/* tzif is borrowed for the life of the zone. MB_E_INVALID: damaged, too old, or with leap seconds
 * ("right/" zones). */
MB_MUST_CHECK enum mb_rc mb_zone_parse(struct mb_zone *z, struct mb_str tzif, struct mb_err *err);

/* Seconds east of UTC at an instant: wall seconds = utc + offset. */
int32_t mb_zone_offset(const struct mb_zone *z, int64_t utc);

/* The first instant after utc at which the offset may change; INT64_MAX if it never does. */
int64_t mb_zone_next_change(const struct mb_zone *z, int64_t utc);

enum mb_wall_kind {
    MB_WALL_ONCE,
    MB_WALL_SKIPPED,  /* the clock was put forward over it: read with the offset before the gap */
    MB_WALL_REPEATED, /* the clock was put back over it: the first of the two instants */
};

/* The instant at which clocks in the zone show wall seconds, by the rule of RFC 5545 3.3.5.
 * kind may be NULL. */
int64_t mb_zone_instant(const struct mb_zone *z, int64_t wall, enum mb_wall_kind *kind);
