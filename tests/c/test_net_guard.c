/* The raw-head guard: where a head ends, what is refused, at which byte, however it is cut. */
#include "net/guard.h"

#include "tap.h"

static const struct mb_http_limits limits = {.max_header_bytes = 200, .max_header_line = 40,
                                             .max_headers = 3, .max_target = 20,
                                             .max_chunk_extensions = 10};

/* Feeds in pieces of `step`; returns the fault and how many bytes were fine. */
static enum mb_fault feed(const char *p, size_t n, size_t step, size_t *taken)
{
    struct mb_guard g;
    enum mb_fault fault = MB_FAULT_NONE;
    *taken = 0;
    mb_guard_start(&g);
    while (*taken < n && fault == MB_FAULT_NONE && !mb_guard_is_done(&g)) {
        size_t used, piece = n - *taken < step ? n - *taken : step;
        fault = mb_guard_feed(&g, &limits, p + *taken, piece, &used);
        *taken += used;
    }
    return fault;
}

/* The same verdict at the same byte for every size of pieces. */
static bool gives(struct mb_str s, enum mb_fault fault, size_t at)
{
    for (size_t step = s.len; step > 0; step--) {
        size_t taken;
        if (feed(s.ptr, s.len, step, &taken) != fault || taken != at)
            return false;
    }
    return true;
}

static void chunk_lines(void)
{
    struct mb_chunk_guard g = {0};
    ok(mb_guard_chunk_line(&g, &limits, "5\r\n", 3) == MB_FAULT_NONE && g.line == 3,
       "a chunk line is counted");
    ok(mb_guard_chunk_line(&g, &limits, "5\n", 2) == MB_FAULT_CHUNK, "a bare LF is refused");
    g = (struct mb_chunk_guard){0};
    ok(mb_guard_chunk_line(&g, &limits, "\r", 1) == MB_FAULT_NONE &&
           mb_guard_chunk_line(&g, &limits, "5", 1) == MB_FAULT_CHUNK,
       "a bare CR is refused, also at a cut");
    g = (struct mb_chunk_guard){.line = 40};
    ok(mb_guard_chunk_line(&g, &limits, "a", 1) == MB_FAULT_CHUNK_LINE,
       "the first byte over the limit is refused");
    g = (struct mb_chunk_guard){0};
    enum mb_fault fault = MB_FAULT_NONE;
    int lines = 0;
    for (; fault == MB_FAULT_NONE && lines < 100; lines++) {
        mb_guard_chunk_data(&g);
        fault = mb_guard_chunk_line(&g, &limits, "\r\nffffffffffffffff;a\r\n", 22);
    }
    ok(fault == MB_FAULT_CHUNK_EXTENSIONS && lines == 6,
       "extensions of several lines add up, what frames does not");
}

/* Whether a chunk line with this extension is taken, whole and byte by byte. */
static bool takes_extension(const char *text)
{
    char line[64];
    struct mb_chunk_guard whole = {0}, single = {0};
    size_t n = (size_t)snprintf(line, sizeof line, "5%s\r\n", text);
    const struct mb_http_limits wide = {.max_header_line = 100, .max_chunk_extensions = 100};
    enum mb_fault fault = MB_FAULT_NONE;
    for (size_t i = 0; i < n && fault == MB_FAULT_NONE; i++)
        fault = mb_guard_chunk_line(&single, &wide, line + i, 1);
    bool is_taken = mb_guard_chunk_line(&whole, &wide, line, n) == MB_FAULT_NONE;
    ok(is_taken == (fault == MB_FAULT_NONE), "cuts change nothing of a chunk extension");
    return is_taken && whole.extension == 0;
}

static void extensions(void)
{
    static const char *const sound[] = {"", ";a", ";a;b", ";a=b", ";a=b;c", ";a=\"b\"", ";a=\"\"",
                                        ";a=\"b;c=d\";e", ";a=\"\\\"\";b=\"\\\\\";c",
                                        ";a=\"\t\xc3\xa9\"", ";!#$%&'*+-.^_`|~=1"};
    static const char *const broken[] = {";", ";;a", ";a;", ";=b", ";a=", ";a=;b", ";a b", "; a",
                                         ";a =b", ";a,b", ";a=b c", ";a\"b", ";a=\"b", ";a=\"b\"c",
                                         ";a=\"b\\", ";a=\"\x01\"", ";a=\"\\\x7f\"", ";\xc3", ";a=b=c"};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        ok(takes_extension(sound[i]), "sound chunk extension %zu is taken", i);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        ok(!takes_extension(broken[i]), "broken chunk extension %zu is refused", i);
}

static void trailers(void)
{
    struct mb_guard g;
    size_t taken;
    mb_guard_start_trailers(&g);
    ok(mb_guard_feed(&g, &limits, "\r\nGET", 5, &taken) == MB_FAULT_NONE && taken == 2 &&
           mb_guard_is_done(&g), "no trailers end with one empty line");
    mb_guard_start_trailers(&g);
    ok(mb_guard_feed(&g, &limits, "A: b\r\n\r\nGET", 11, &taken) == MB_FAULT_NONE && taken == 8,
       "trailers end where the next request begins");
}

static void grammar(void)
{
    ok(mb_guard_is_token(MB_STR("X-Name")) && !mb_guard_is_token(MB_STR("")) &&
           !mb_guard_is_token(MB_STR("a b")) && !mb_guard_is_token(MB_STR("a:")),
       "a token has no blanks, no colons, and is not empty");
    ok(mb_guard_is_field_value(MB_STR("")) && mb_guard_is_field_value(MB_STR("a\tb \xc3\xab")) &&
           !mb_guard_is_field_value(MB_STR("a\rb")) && !mb_guard_is_field_value(MB_STR("a\nb")) &&
           !mb_guard_is_field_value((struct mb_str){"a\0b", 3}),
       "a value has no control bytes but tabs");
}

/* Values are taken eight bytes at a time: every byte at every place of three such steps. */
static void values(void)
{
    static const char head[] = "GET / HTTP/1.1\r\nA: ";
    bool fine = true;
    for (int c = 0; c < 256; c++) {
        bool is_text = c == '\t' || (c >= 0x20 && c != 0x7f);
        for (size_t at = 0; at < 20; at++) {
            char line[sizeof head + 20], *value = line + sizeof head - 1;
            memcpy(line, head, sizeof head - 1);
            memset(value, 'v', 20);
            value[20] = '\r';
            value[at] = (char)c;
            size_t taken = sizeof head - 1 + at;
            enum mb_fault fault = c == '\n' ? MB_FAULT_LINE_END : MB_FAULT_FIELD;
            fine = fine && mb_guard_is_field_value((struct mb_str){value, 20}) == is_text;
            if (is_text) {
                fault = MB_FAULT_NONE;
                taken = sizeof line;
            }
            if (c != '\r') fine = fine && gives((struct mb_str){line, sizeof line}, fault, taken);
        }
    }
    ok(fine, "a value holds everything but control bytes, wherever they stand");
}

int main(void)
{
    ok(gives(MB_STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), MB_FAULT_NONE, 27), "a head is taken");
    ok(gives(MB_STR("GET / HTTP/1.1\r\n\r\nGET "), MB_FAULT_NONE, 18), "it ends at its empty line");
    ok(gives(MB_STR("\r\nGET / HTTP/1.0\r\n\r\n"), MB_FAULT_NONE, 20), "one empty line may precede");
    ok(gives(MB_STR("\r\n\r\n"), MB_FAULT_REQUEST_LINE, 2), "a second empty line is refused");
    ok(gives(MB_STR("\n"), MB_FAULT_REQUEST_LINE, 0), "a bare LF in front is refused");
    ok(gives(MB_STR("GET  / "), MB_FAULT_REQUEST_LINE, 4), "a second blank is refused");
    ok(gives(MB_STR("ABCDEFGHIJKLMNOPQ / "), MB_FAULT_REQUEST_LINE, 16), "17 letters are no method");
    ok(gives(MB_STR("GET /\x80 "), MB_FAULT_TARGET, 5), "a target is visible ASCII");
    ok(gives(MB_STR("GET /34567890123456789012 "), MB_FAULT_TARGET_LENGTH, 24),
       "the first byte of a target over its limit is refused");
    ok(gives(MB_STR("GET / HTTP/2.0\r\n"), MB_FAULT_VERSION, 11), "HTTP/2.0 is refused at the 2");
    ok(gives(MB_STR("GET / HTTP/1.2\r\n"), MB_FAULT_VERSION, 13), "HTTP/1.2 is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\n"), MB_FAULT_LINE_END, 14), "a bare LF ends no request line");
    ok(gives(MB_STR("GET / HTTP/1.1\rH"), MB_FAULT_LINE_END, 15), "neither does a bare CR");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: b\r\n c"), MB_FAULT_FIELD, 22), "a folded line is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\n: b"), MB_FAULT_FIELD, 16), "an empty name is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA : b"), MB_FAULT_FIELD, 17), "a blank in a name is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: b\rc"), MB_FAULT_LINE_END, 21), "a CR in a value is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: b\x01"), MB_FAULT_FIELD, 20), "control bytes are refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: b\r\n\n"), MB_FAULT_LINE_END, 22),
       "a bare LF ends no head");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA:\r\nB:\r\nC:\r\nD"), MB_FAULT_FIELD_COUNT, 28),
       "the first byte of a field too many is refused");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: 3456789012345678901234567890123456789\r\n\r\n"),
             MB_FAULT_NONE, 60), "a field of exactly the limit is taken");
    ok(gives(MB_STR("GET / HTTP/1.1\r\nA: 345678901234567890123456789012345678901\r\n"),
             MB_FAULT_FIELD_LENGTH, 56), "the first byte of a field over it is refused");
    chunk_lines();
    extensions();
    trailers();
    grammar();
    values();
    return done();
}
