/* Facts about base/line.h: what people write, and the form in which it is kept. */
#include <stdlib.h>

#include "base/line.h"
#include "tap.h"

/* An e with an acute accent, composed; U+202E; and so on, as UTF-8. */
#define E_ACUTE            "\xc3\xa9"
#define RLO                "\xe2\x80\xae"
#define LRI                "\xe2\x81\xa6"
#define NBSP               "\xc2\xa0"
#define ZWSP               "\xe2\x80\x8b"
#define ZWJ                "\xe2\x80\x8d"
#define RLM                "\xe2\x80\x8f"
#define LINE_SEPARATOR     "\xe2\x80\xa8"
#define NEL                "\xc2\x85"
#define IDEOGRAPHIC_SPACE  "\xe3\x80\x80"
#define HANGUL_FILLER      "\xe3\x85\xa4"
#define BRAILLE_BLANK_TEXT "\xe2\xa0\x80"

struct sample {
    const char *text, *line, *many; /* NULL: refused */
    enum mb_line_fault line_fault, many_fault;
};

static const struct sample samples[] = {
    {"Ann", "Ann", "Ann", 0, 0},
    {" Ann  Lee ", "Ann  Lee", "Ann  Lee", 0, 0},
    {"Ann\n", "Ann", "Ann", 0, 0},
    {"\t\r\n Ann", "Ann", "Ann", 0, 0},
    {"Ann\nLee", NULL, "Ann\nLee", MB_LINE_CONTROL, 0},
    {"Ann\r\nLee\rX", NULL, "Ann\nLee\nX", MB_LINE_CONTROL, 0},
    {"Ann\tLee", NULL, "Ann\tLee", MB_LINE_CONTROL, 0},
    {"Ann" NEL "Lee", NULL, "Ann\nLee", MB_LINE_CONTROL, 0},
    {"Ann" LINE_SEPARATOR "Lee", NULL, "Ann" LINE_SEPARATOR "Lee", MB_LINE_CONTROL, 0},
    {"a\x01"
     "b",
     NULL, NULL, MB_LINE_CONTROL, MB_LINE_CONTROL},
    {"\x01"
     "ab",
     NULL, NULL, MB_LINE_CONTROL, MB_LINE_CONTROL},
    {"ab\x7f", NULL, NULL, MB_LINE_CONTROL, MB_LINE_CONTROL},
    {"a\xc2\x9b"
     "b",
     NULL, NULL, MB_LINE_CONTROL, MB_LINE_CONTROL},
    {"e\xcc\x81", E_ACUTE, E_ACUTE, 0, 0},
    {E_ACUTE, E_ACUTE, E_ACUTE, 0, 0},
    {"\xe2\x84\xab", "\xc3\x85", "\xc3\x85", 0, 0}, /* the sign for angstrom is an A with a ring */
    {NBSP "Ann" IDEOGRAPHIC_SPACE, "Ann", "Ann", 0, 0},
    {"", NULL, "", MB_LINE_NOTHING_VISIBLE, 0},
    {"   ", NULL, "", MB_LINE_NOTHING_VISIBLE, 0},
    {NBSP, NULL, "", MB_LINE_NOTHING_VISIBLE, 0},
    {ZWSP ZWJ, NULL, ZWSP ZWJ, MB_LINE_NOTHING_VISIBLE, 0},
    {HANGUL_FILLER, NULL, HANGUL_FILLER, MB_LINE_NOTHING_VISIBLE, 0},
    {BRAILLE_BLANK_TEXT, NULL, BRAILLE_BLANK_TEXT, MB_LINE_NOTHING_VISIBLE, 0},
    {"\xcc\x81", NULL, "\xcc\x81", MB_LINE_NOTHING_VISIBLE, 0}, /* an accent on nothing */
    {"a" RLO "b", NULL, NULL, MB_LINE_DIRECTION, MB_LINE_DIRECTION},
    {"a" LRI "b", NULL, NULL, MB_LINE_DIRECTION, MB_LINE_DIRECTION},
    {"\xd7\x90" RLM "1", "\xd7\x90" RLM "1", "\xd7\x90" RLM "1", 0, 0}, /* a mark turns nothing */
    {"\xf0\x9f\x91\xa9" ZWJ "\xf0\x9f\x8e\x93", "\xf0\x9f\x91\xa9" ZWJ "\xf0\x9f\x8e\x93",
     "\xf0\x9f\x91\xa9" ZWJ "\xf0\x9f\x8e\x93", 0, 0},
    {"!", "!", "!", 0, 0},
    {"a\xff", NULL, NULL, MB_LINE_NOT_UTF8, MB_LINE_NOT_UTF8},
    {"a\xed\xa0\x80", NULL, NULL, MB_LINE_NOT_UTF8, MB_LINE_NOT_UTF8}, /* half a surrogate pair */
};

static void check(size_t i, const char *text, enum mb_line_kind kind, const char *want,
                  enum mb_line_fault fault)
{
    struct mb_str s = mb_str_z(text);
    size_t len = 0;
    char *out = malloc(MB_LINE_ROOM(s.len));
    if (out == NULL) abort();
    enum mb_line_fault got = mb_line_clean(s, kind, out, &len);
    ok(got == fault && (want == NULL || mb_str_eq((struct mb_str){out, len}, mb_str_z(want))),
       "%s %s of sample %zu", want != NULL ? "makes the form of the" : "refuses the",
       kind == MB_LINE_ONE ? "line" : "text", i);
    free(out);
}

/* Normalization makes a text three times as long at most, which the room allows for. */
static void test_room(void)
{
    enum { N = 1000 };
    static char text[2 * N + 1];
    for (int i = 0; i < N; i++) memcpy(text + 2 * i, "\xce\x90", 2); /* stays as it is in form C */
    static char twice[4 * N + 1];
    for (int i = 0; i < N; i++)
        memcpy(twice + 4 * i, "\xf0\x9d\x85\xa0", 4); /* three signs of four bytes each */
    static char out[MB_LINE_ROOM(4 * N)];
    size_t len = 0;
    ok(mb_line_clean(mb_str_z(text), MB_LINE_ONE, out, &len) == MB_LINE_SOUND && len == 2 * N,
       "keeps a text that is long");
    ok(mb_line_clean(mb_str_z(twice), MB_LINE_ONE, out, &len) == MB_LINE_SOUND && len == 12 * N,
       "has room for signs that are written as three");
}

int main(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        check(i, samples[i].text, MB_LINE_ONE, samples[i].line, samples[i].line_fault);
        check(i, samples[i].text, MB_LINE_MANY, samples[i].many, samples[i].many_fault);
    }
    test_room();
    return done();
}
