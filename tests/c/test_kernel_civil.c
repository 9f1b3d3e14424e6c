/* Facts about kernel/civil.h. */
#include "kernel/civil.h"

#include "tap.h"

int main(void)
{
    static const struct {
        struct mb_date date;
        int64_t days;
        int32_t weekday;
    } vectors[] = {
        {{1970, 1, 1}, 0, 4},       {{1969, 12, 31}, -1, 3},   {{2000, 2, 29}, 11016, 2},
        {{2000, 3, 1}, 11017, 3},   {{1900, 3, 1}, -25508, 4}, {{2026, 11, 22}, 20779, 0},
        {{1, 1, 1}, -719162, 1},    {{0, 2, 29}, -719469, 2},  {{9999, 12, 31}, 2932896, 5},
        {{-1, 12, 31}, -719529, 5},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        struct mb_date d = vectors[i].date, back = mb_civil_date(vectors[i].days);
        ok(mb_civil_days(d) == vectors[i].days, "counts the days to %d-%d-%d", d.year, d.month,
           d.day);
        ok(back.year == d.year && back.month == d.month && back.day == d.day, "and back");
        ok(mb_civil_weekday(vectors[i].days) == vectors[i].weekday, "and knows its weekday");
    }

    /* Day after day over 2000 years, against the naive rule for the next day. */
    struct mb_date d = {500, 1, 1};
    int64_t days = mb_civil_days(d);
    bool all = true;
    for (; d.year < 2500; days++) {
        struct mb_date got = mb_civil_date(days);
        all = all && got.year == d.year && got.month == d.month && got.day == d.day &&
              mb_civil_days(d) == days && mb_civil_is_date(d);
        if (++d.day > mb_civil_month_days(d.year, d.month)) {
            d.day = 1;
            if (++d.month > 12) {
                d.month = 1;
                d.year++;
            }
        }
    }
    ok(all, "agrees with counting on by hand from 500 to 2500");

    ok(!mb_civil_is_date((struct mb_date){1900, 2, 29}), "knows that 1900 had no leap day");
    ok(!mb_civil_is_date((struct mb_date){2026, 13, 1}), "knows that there is no month 13");
    ok(!mb_civil_is_date((struct mb_date){2026, 4, 31}), "knows that April has 30 days");

    struct mb_wall w = mb_civil_wall(-1);
    ok(w.date.year == 1969 && w.hour == 23 && w.minute == 59 && w.second == 59,
       "reads a wall clock before 1970");
    bool round = true;
    for (int64_t s = -4000000000; s < 8000000000; s += 7777777)
        round = round && mb_civil_seconds(mb_civil_wall(s)) == s;
    ok(round, "turns wall seconds into a reading and back");
    return done();
}
