#pragma once
/*
 * The proleptic Gregorian calendar: dates, days since 1970-01-01, wall clock readings. Wall
 * seconds are the seconds that a wall clock would count since 1970 if it were never put forward
 * or back; kernel/zone.h turns them into instants. Exact for years -9999..9999.
 */
#include <stdbool.h>
#include <stdint.h>

struct mb_date {
    int32_t year;
    int32_t month, day; /* from 1 */
};

struct mb_wall {
    struct mb_date date;
    int32_t hour, minute, second;
};

enum { MB_DAY_SECONDS = 86400 };

bool mb_civil_is_leap(int32_t year);
int32_t mb_civil_month_days(int32_t year, int32_t month);
bool mb_civil_is_date(struct mb_date d); /* whether the calendar has this day */

int64_t mb_civil_days(struct mb_date d);
struct mb_date mb_civil_date(int64_t days);
int32_t mb_civil_weekday(int64_t days); /* 0 = Sunday .. 6 = Saturday */

int64_t mb_civil_seconds(struct mb_wall w);
struct mb_wall mb_civil_wall(int64_t wall_seconds);

/* Division that rounds towards minus infinity, and what is left of it (never negative). */
static inline int64_t mb_floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
static inline int64_t mb_floor_mod(int64_t a, int64_t b) { return a % b + (a % b < 0 ? b : 0); }
