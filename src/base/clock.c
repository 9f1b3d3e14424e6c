/* Clocks of the system and the one text form of an instant. No zones here: see kernel/zone.h. */
#include "base/clock.h"

#include <time.h>

uint64_t mb_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t mb_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int64_t stopped_ms = -1;

void mb_wall_stop(int64_t at_ms) { stopped_ms = at_ms; }

int64_t mb_wall_ms(void)
{
    struct timespec t;
    if (stopped_ms >= 0) return stopped_ms;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void digits(char *at, int width, int64_t v)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + v % 10);
        v /= 10;
    }
}

void mb_rfc3339_ms(int64_t ms, char out[25])
{
    enum { DAY_MS = 86400000 };
    /* RFC 3339 has four-digit years: what lies outside is clamped to its ends. */
    const int64_t least = -62167219200000, most = 253402300799999;
    ms = ms < least ? least : ms > most ? most : ms;

    int64_t day = ms / DAY_MS, rest = ms % DAY_MS;
    if (rest < 0) {
        rest += DAY_MS;
        day--;
    }
    /* Days to civil date: years begin in March, so that the leap day comes last; day 0 of the
     * count is 0000-03-01, and an era has 400 years of 146097 days. */
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9;

    digits(out, 4, yoe + era * 400 + (month <= 2));
    digits(out + 5, 2, month);
    digits(out + 8, 2, doy - (153 * mp + 2) / 5 + 1);
    digits(out + 11, 2, rest / 3600000);
    digits(out + 14, 2, rest / 60000 % 60);
    digits(out + 17, 2, rest / 1000 % 60);
    digits(out + 20, 3, rest % 1000);
    out[4] = out[7] = '-';
    out[10] = 'T';
    out[13] = out[16] = ':';
    out[19] = '.';
    out[23] = 'Z';
    out[24] = '\0';
}
