/*
 * Calendar arithmetic. Years begin in March here, so that the leap day is the last of its year
 * and months have a regular pattern; 400 of them make an era of 146097 days. Pure: no clock.
 */
#include "kernel/civil.h"

enum { ERA_DAYS = 146097, EPOCH = 719468 /* days from 0000-03-01 to 1970-01-01 */ };

bool mb_civil_is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int32_t mb_civil_month_days(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && mb_civil_is_leap(year));
}

bool mb_civil_is_date(struct mb_date d)
{
    return d.month >= 1 && d.month <= 12 && d.day >= 1 &&
           d.day <= mb_civil_month_days(d.year, d.month);
}

int64_t mb_civil_days(struct mb_date d)
{
    int64_t year = (int64_t)d.year - (d.month <= 2);
    int64_t era = mb_floor_div(year, 400), year_of_era = year - era * 400;
    int64_t month = d.month + (d.month > 2 ? -3 : 9);
    int64_t day_of_year = (153 * month + 2) / 5 + d.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH;
}

struct mb_date mb_civil_date(int64_t days)
{
    int64_t shifted = days + EPOCH, era = mb_floor_div(shifted, ERA_DAYS);
    int64_t day_of_era = shifted - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 = March */
    struct mb_date d = {
        .month = (int32_t)(month < 10 ? month + 3 : month - 9),
        .day = (int32_t)(day_of_year - (153 * month + 2) / 5 + 1),
    };
    d.year = (int32_t)(year_of_era + era * 400 + (d.month <= 2));
    return d;
}

int32_t mb_civil_weekday(int64_t days)
{
    return (int32_t)mb_floor_mod(days + 4, 7); /* 1970-01-01 was a Thursday */
}

int64_t mb_civil_seconds(struct mb_wall w)
{
    return mb_civil_days(w.date) * MB_DAY_SECONDS + w.hour * 3600 + w.minute * 60 + w.second;
}

struct mb_wall mb_civil_wall(int64_t wall_seconds)
{
    int64_t days = mb_floor_div(wall_seconds, MB_DAY_SECONDS);
    int32_t rest = (int32_t)(wall_seconds - days * MB_DAY_SECONDS);
    return (struct mb_wall){mb_civil_date(days), rest / 3600, rest / 60 % 60, rest % 60};
}
