/*
 * Reading a TZif file and its footer: checks everything once, so that zone.c can trust it. The
 * file has a block with 32-bit times (skipped), one with 64-bit times, and a line in the form of
 * the TZ variable for all time after the last transition.
 */
#include "kernel/tzif.h"

#include "kernel/zone.h"

enum { HEADER = 44, MOST_OFFSET = 26 * 3600, MOST_COUNT = 1 << 20 };

struct counts {
    size_t isut, isstd, leap, time, type, chars;
};

/* A cursor over text; fail is set once something does not fit the grammar. */
struct cursor {
    const char *p, *end;
    bool fail;
};

static enum mb_rc refuse(struct mb_err *err, const char *why)
{
    return mb_fail(err, MB_E_INVALID, "not a usable time zone file: %s", why);
}

static bool read_header(const unsigned char *p, size_t left, struct counts *c)
{
    if (left < HEADER || memcmp(p, "TZif", 4) != 0 || p[4] < '2') return false;
    size_t *fields[] = {&c->isut, &c->isstd, &c->leap, &c->time, &c->type, &c->chars};
    for (size_t i = 0; i < 6; i++) {
        *fields[i] = mb_tzif__u32(p + 20 + 4 * i);
        if (*fields[i] > MOST_COUNT) return false;
    }
    return true;
}

static size_t block_size(const struct counts *c, size_t time_size)
{
    return c->time * (time_size + 1) + c->type * 6 + c->chars + c->leap * (time_size + 4) +
           c->isstd + c->isut;
}

static bool is_sound(const struct mb_zone *z)
{
    for (size_t i = 0; i < z->ntimes; i++) {
        if (z->indices[i] >= z->ntypes) return false;
        const unsigned char *at = z->times + 8 * i;
        if (i > 0 && mb_tzif__i64(at) <= mb_tzif__i64(at - 8)) return false;
    }
    for (size_t i = 0; i < z->ntypes; i++) {
        int32_t offset = mb_tzif__i32(z->types + 6 * i);
        if (offset < -MOST_OFFSET || offset > MOST_OFFSET) return false;
    }
    return true;
}

/* ---- footer ---- */

static bool take(struct cursor *c, char wanted)
{
    if (c->p == c->end || *c->p != wanted) return false;
    c->p++;
    return true;
}

static void need(struct cursor *c, char wanted)
{
    if (!take(c, wanted)) c->fail = true;
}

static int32_t take_number(struct cursor *c, int32_t least, int32_t most)
{
    int32_t v = 0;
    const char *begin = c->p;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9' && c->p - begin < 4)
        v = v * 10 + (*c->p++ - '0');
    if (c->p == begin || v < least || v > most) c->fail = true;
    return v;
}

/* [+-]h[h[h]][:mm[:ss]] */
static int32_t take_time(struct cursor *c, int32_t most_hours)
{
    int32_t sign = take(c, '-') ? -1 : 1;
    if (sign > 0) take(c, '+');
    int32_t seconds = take_number(c, 0, most_hours) * 3600;
    if (take(c, ':')) {
        seconds += take_number(c, 0, 59) * 60;
        if (take(c, ':')) seconds += take_number(c, 0, 59);
    }
    return sign * seconds;
}

/* An abbreviation: three or more letters, or anything in angle brackets. */
static void skip_name(struct cursor *c)
{
    const char *begin = c->p;
    if (take(c, '<')) {
        while (c->p < c->end && *c->p != '>') c->p++;
        need(c, '>');
        return;
    }
    while (c->p < c->end && ((*c->p | 0x20) >= 'a' && (*c->p | 0x20) <= 'z')) c->p++;
    if (c->p - begin < 3) c->fail = true;
}

/* ,Mm.w.d or ,Jn or ,n and then /time (02:00 without) */
static struct mb_zone_switch take_switch(struct cursor *c)
{
    struct mb_zone_switch s = {.form = MB_SWITCH_DAY, .seconds = 2 * 3600};
    need(c, ',');
    if (take(c, 'M')) {
        s.form = MB_SWITCH_WEEKDAY;
        s.month = take_number(c, 1, 12);
        need(c, '.');
        s.week = take_number(c, 1, 5);
        need(c, '.');
        s.day = take_number(c, 0, 6);
    } else if (take(c, 'J')) {
        s.form = MB_SWITCH_JULIAN;
        s.day = take_number(c, 1, 365);
    } else {
        s.day = take_number(c, 0, 365);
    }
    if (take(c, '/')) s.seconds = take_time(c, 167);
    return s;
}

static bool read_footer(struct mb_zone *z, const char *p, const char *end)
{
    struct cursor c = {p, end, false};
    need(&c, '\n');
    if (take(&c, '\n')) return !c.fail; /* an empty line: the last transition holds for ever */
    z->has_footer = true;
    skip_name(&c);
    z->standard = -take_time(&c, 24); /* POSIX counts westward */
    if (!c.fail && c.p < c.end && *c.p != '\n') {
        z->has_dst = true;
        skip_name(&c);
        z->daylight = z->standard + 3600;
        if (c.p < c.end && *c.p != ',') z->daylight = -take_time(&c, 24);
        z->to_daylight = take_switch(&c);
        z->to_standard = take_switch(&c);
    }
    need(&c, '\n');
    return !c.fail && c.p == c.end;
}

enum mb_rc mb_zone_parse(struct mb_zone *z, struct mb_str tzif, struct mb_err *err)
{
    const unsigned char *p = (const unsigned char *)tzif.ptr, *end = p + tzif.len;
    struct counts c;
    *z = (struct mb_zone){0};
    if (!read_header(p, tzif.len, &c)) return refuse(err, "no header of version 2 or later");
    size_t skip = HEADER + block_size(&c, 4);
    if (skip > tzif.len || !read_header(p + skip, tzif.len - skip, &c))
        return refuse(err, "no 64-bit block");
    p += skip + HEADER;
    if (block_size(&c, 8) > (size_t)(end - p)) return refuse(err, "shorter than its header says");
    if (c.leap > 0) return refuse(err, "it counts leap seconds");
    if (c.type == 0) return refuse(err, "it names no offset");
    z->times = p;
    z->indices = z->times + 8 * c.time;
    z->types = z->indices + c.time;
    z->ntimes = c.time;
    z->ntypes = c.type;
    if (!is_sound(z)) return refuse(err, "its transitions are out of order or range");
    p += block_size(&c, 8);
    if (!read_footer(z, (const char *)p, (const char *)end))
        return refuse(err, "its footer is damaged");
    return MB_OK;
}
