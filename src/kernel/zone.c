/*
 * Offsets of a zone at instants, and instants of wall clock readings. Time is cut into segments
 * of one offset: those listed in the file, then those made by the footer's yearly rule. Pure: no
 * files, no clock.
 */
#include "kernel/zone.h"

#include "kernel/civil.h"
#include "kernel/tzif.h"

/* No offset is greater (RFC 8536 allows -24:59:59..25:59:59). */
enum { FARTHEST = 26 * 3600 };

struct segment {
    int64_t end; /* first instant after it */
    int32_t offset;
};

static int32_t type_offset(const struct mb_zone *z, size_t type)
{
    return mb_tzif__i32(z->types + 6 * type);
}

static int64_t time_at(const struct mb_zone *z, size_t i) { return mb_tzif__i64(z->times + 8 * i); }

/* How many transitions of the file are at or before utc. */
static size_t passed(const struct mb_zone *z, int64_t utc)
{
    size_t low = 0, high = z->ntimes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (time_at(z, middle) <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t switch_day(const struct mb_zone_switch *s, int32_t year)
{
    int64_t first = mb_civil_days((struct mb_date){year, 1, 1});
    if (s->form == MB_SWITCH_DAY) return first + s->day;
    if (s->form == MB_SWITCH_JULIAN)
        return first + s->day - 1 + (s->day >= 60 && mb_civil_is_leap(year));
    int64_t begin = mb_civil_days((struct mb_date){year, s->month, 1});
    int64_t day = begin + mb_floor_mod(s->day - mb_civil_weekday(begin), 7) + (s->week - 1) * 7;
    int64_t end = begin + mb_civil_month_days(year, s->month);
    return day < end ? day : day - 7;
}

static int64_t switch_instant(const struct mb_zone_switch *s, int32_t year, int32_t offset)
{
    return switch_day(s, year) * MB_DAY_SECONDS + s->seconds - offset;
}

/* The footer's segment around utc. Switches may lie up to a week outside their year, so the
 * neighbours are looked at too. Where both fall on one instant (daylight time all year), daylight
 * wins. */
static struct segment footer_segment(const struct mb_zone *z, int64_t utc)
{
    if (!z->has_dst) return (struct segment){INT64_MAX, z->standard};
    struct segment found = {INT64_MAX, z->standard};
    int64_t latest = INT64_MIN;
    int32_t year = mb_civil_wall(utc).date.year;
    for (int32_t y = year - 1; y <= year + 1; y++) {
        int64_t to_standard = switch_instant(&z->to_standard, y, z->daylight);
        int64_t to_daylight = switch_instant(&z->to_daylight, y, z->standard);
        if (to_standard <= utc && to_standard > latest) {
            latest = to_standard;
            found.offset = z->standard;
        }
        if (to_daylight <= utc && to_daylight >= latest) {
            latest = to_daylight;
            found.offset = z->daylight;
        }
        if (to_standard > utc && to_standard < found.end) found.end = to_standard;
        if (to_daylight > utc && to_daylight < found.end) found.end = to_daylight;
    }
    return found;
}

static struct segment segment_at(const struct mb_zone *z, int64_t utc)
{
    size_t n = passed(z, utc);
    if (n == z->ntimes && z->has_footer) return footer_segment(z, utc);
    int64_t end = n < z->ntimes ? time_at(z, n) : INT64_MAX;
    size_t type = n > 0 ? z->indices[n - 1] : 0;
    return (struct segment){end, type_offset(z, type)};
}

int32_t mb_zone_offset(const struct mb_zone *z, int64_t utc) { return segment_at(z, utc).offset; }

int64_t mb_zone_next_change(const struct mb_zone *z, int64_t utc) { return segment_at(z, utc).end; }

/* Walks all segments that could hold the reading; a reading in none of them lies in the gap
 * after the last segment that ended before it. */
int64_t mb_zone_instant(const struct mb_zone *z, int64_t wall, enum mb_wall_kind *kind)
{
    enum mb_wall_kind ignored;
    if (!kind) kind = &ignored;
    *kind = MB_WALL_SKIPPED;
    int64_t answer = wall, begin = wall - FARTHEST;
    while (begin <= wall + FARTHEST) {
        struct segment s = segment_at(z, begin);
        int64_t utc = wall - s.offset;
        bool inside = utc >= begin && utc < s.end;
        if (inside && *kind == MB_WALL_ONCE) {
            *kind = MB_WALL_REPEATED;
            break;
        }
        if (inside) {
            *kind = MB_WALL_ONCE;
            answer = utc;
        } else if (*kind == MB_WALL_SKIPPED && utc >= s.end) {
            answer = utc;
        }
        if (s.end == INT64_MAX) break;
        begin = s.end;
    }
    return answer;
}
