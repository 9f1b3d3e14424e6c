/* Facts about base/log.h: above all, no byte of a value can forge a line or steer a terminal. */
#define _GNU_SOURCE
#include "base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "tap.h"

static FILE *sink;

/* What has been written since the last call. */
static struct mb_str written(void)
{
    static char text[256 * 1024];
    mb_log_flush();
    rewind(sink);
    size_t n = fread(text, 1, sizeof text - 1, sink);
    text[n] = '\0';
    if (ftruncate(fileno(sink), 0) != 0) abort();
    rewind(sink);
    return (struct mb_str){text, n};
}

static bool ends(struct mb_str s, const char *tail)
{
    size_t n = strlen(tail);
    return s.len >= n && memcmp(s.ptr + s.len - n, tail, n) == 0;
}

static int lines(struct mb_str s)
{
    int n = 0;
    for (size_t i = 0; i < s.len; i++) n += s.ptr[i] == '\n';
    return n;
}

/* Nothing below a blank but the newline at the end, no DEL, no C1 control, valid UTF-8. */
static bool clean(struct mb_str s)
{
    if (s.len == 0 || s.ptr[s.len - 1] != '\n' || !mb_utf8_valid(s.ptr, s.len)) return false;
    for (size_t i = 0; i + 1 < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i], next = (unsigned char)s.ptr[i + 1];
        if (c < 0x20 || c == 0x7F || (c == 0xC2 && next < 0xA0)) return false;
    }
    return true;
}

static void test_lines(void)
{
    mb_log(MB_LOG_INFO, "worker started", "pid", "42", "note", "a \"b\"", "none",
           (const char *)NULL, NULL);
    struct mb_str s = written();
    ok(ends(s, " level=info proc=test msg=\"worker started\" pid=42 note=\"a \\\"b\\\"\" none=-\n"),
       "writes one logfmt line");
    ok(memcmp(s.ptr, "time=2", 6) == 0, "begins a line with the time");
    mb_log(MB_LOG_DEBUG, "unheard", NULL);
    ok(written().len == 0, "leaves out what is below the threshold");
    mb_log_line(MB_LOG_INFO, MB_STR("status=200 path=/livez"));
    ok(ends(written(), " proc=test status=200 path=/livez\n"), "takes a ready-made body");
    ok(mb_log_threshold() == MB_LOG_INFO, "tells its threshold");
}

static void test_every_byte(void)
{
    bool all = true;
    for (int c = 1; c < 256; c++) {
        char value[] = {'a', (char)c, 'b', '\0'};
        mb_log(MB_LOG_INFO, value, "v", value, NULL);
        struct mb_str s = written();
        all = all && clean(s) && lines(s) == 1;
    }
    ok(all, "escapes every single byte that is not harmless");
    bool pairs = true;
    struct mb_buf b;
    mb_buf_init(&b, 4096);
    for (int c = 0; c < 65536; c++) {
        char value[] = {(char)(c >> 8), (char)c};
        mb_buf_clear(&b);
        pairs = pairs && mb_log_pair(&b, "v", (struct mb_str){value, 2}) == MB_OK &&
                mb_buf_add(&b, "\n", 1) == MB_OK && clean(mb_buf_str(&b));
    }
    ok(pairs, "escapes every pair of bytes, NUL and C1 controls among them");
    mb_buf_reset(&b);
}

static void test_forgery(void)
{
    mb_log(MB_LOG_INFO, "x", "ua", "a\nlevel=error msg=forged\r\n\033[2J", NULL);
    struct mb_str s = written();
    ok(lines(s) == 1 && ends(s, "ua=\"a\\nlevel=error msg=forged\\r\\n\\x1b[2J\"\n"),
       "cannot be made to write a second line");
    mb_log(MB_LOG_INFO, "x", "name", "Zoë Dłamini ✓", NULL);
    ok(ends(written(), "name=\"Zoë Dłamini ✓\"\n"), "keeps letters of all languages");
}

static void test_ceiling(void)
{
    static char huge[100 * 1024];
    memset(huge, 'x', sizeof huge - 1);
    mb_log(MB_LOG_INFO, "big", "huge", huge, "small", "1", NULL);
    struct mb_str s = written();
    ok(ends(s, " msg=big small=1 cut=true\n"), "leaves out a value that is too long, and says so");
    mb_log_line(MB_LOG_INFO, mb_str_z(huge));
    s = written();
    ok(s.len <= 16 * 1024 && ends(s, "x cut=true\n"), "cuts a ready-made line that is too long");
    for (int i = 0; i < 1000; i++)
        mb_log(MB_LOG_INFO, "many", "padding", "0123456789012345678901234567890123456789", NULL);
    ok(lines(written()) == 1000, "loses no line when its buffer is full");
}

static void test_dying(void)
{
    mb_log(MB_LOG_INFO, "before", NULL);
    mb_log_dying("the end", "at", "a \"b\"\n", "none", (const char *)NULL, NULL);
    struct mb_str s = written();
    ok(lines(s) == 2 && strstr(s.ptr, "msg=before\n") &&
           ends(s, " level=error proc=test msg=\"the end\" at=\"a \\\"b\\\"\\n\" none=-\n"),
       "writes a last line like any other, after those that wait");
    static char huge[100 * 1024];
    memset(huge, 'x', sizeof huge - 1);
    mb_log_dying("big", "huge", huge, "small", "1", NULL);
    ok(ends(written(), " msg=big small=1 cut=true\n"), "which never grows past its memory");
}

static void test_process(void)
{
    mb_log(MB_LOG_INFO, "before", NULL);
    pid_t pid = fork();
    if (pid == 0) {
        mb_log_init(fileno(sink), MB_LOG_INFO, "child");
        mb_log(MB_LOG_INFO, "inside", NULL);
        mb_log_flush();
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    struct mb_str s = written();
    ok(lines(s) == 2 && strstr(s.ptr, "proc=child msg=inside"),
       "writes a line once, though forked");
    mb_log(MB_LOG_ERROR, "urgent", NULL);
    rewind(sink);
    ok(fgetc(sink) == 't', "writes an error at once");
    (void)written();
}

/* ---- with a queue ---- */

enum { QUEUE_BYTES = 64 * 1024, MANY = 3000, FLOOD_MAX = 4 * 1024 * 1024 };

static int tube[2];
static _Atomic uint64_t dropped;
static char flood[FLOOD_MAX];
static size_t flood_len;

/* Reads what comes next; false when nothing does. */
static bool read_more(void)
{
    struct pollfd more = {.fd = tube[0], .events = POLLIN};
    if (poll(&more, 1, 30000) != 1) return false;
    ssize_t n = read(tube[0], flood + flood_len, sizeof flood - flood_len);
    if (n <= 0) return false;
    flood_len += (size_t)n;
    return true;
}

/* Reads what comes until that text is among it; false when it stays away. */
static bool read_until(const char *text)
{
    while (memmem(flood, flood_len, text, strlen(text)) == NULL)
        if (!read_more()) return false;
    return true;
}

/* How many lines are said to be missing, whole notices only: one for each time that nobody read. */
static uint64_t told_missing(void)
{
    static const char notice[] = "nobody read them\" lines=";
    const char *at = flood, *stop = flood + flood_len;
    uint64_t sum = 0;
    while ((at = memmem(at, (size_t)(stop - at), notice, sizeof notice - 1)) != NULL) {
        at += sizeof notice - 1;
        if (memchr(at, '\n', (size_t)(stop - at)) != NULL) sum += strtoull(at, NULL, 10);
    }
    return sum;
}

static int count(const char *text)
{
    int n = 0;
    const char *at = flood, *stop = flood + flood_len;
    while ((at = memmem(at, (size_t)(stop - at), text, strlen(text))) != NULL) n++, at++;
    return n;
}

static void log_many(void)
{
    for (int i = 0; i < MANY; i++)
        mb_log(MB_LOG_INFO, "many", "padding", "0123456789012345678901234567890123456789", NULL);
}

static void test_queue(void)
{
    mb_log_init(tube[1], MB_LOG_INFO, "test");
    if (mb_log_queue(QUEUE_BYTES) != MB_OK) abort();
    mb_log_count(&dropped);
    mb_log(MB_LOG_ERROR, "urgent", NULL);
    ok(read_until("msg=urgent\n"), "writes an error without being asked");
    mb_log(MB_LOG_INFO, "calm", NULL);
    ok(read_until("msg=calm\n"), "and what is less urgent a little later");
    mb_log(MB_LOG_INFO, "last", NULL);
    mb_log_flush();
    struct pollfd there = {.fd = tube[0], .events = POLLIN};
    ok(poll(&there, 1, 0) == 1 && read_until("msg=last\n"), "is flushed while it flows");
    ok(dropped == 0, "drops nothing of that");
}

static void test_stuck(void)
{
    flood_len = 0;
    log_many();
    ok(dropped > 0 && dropped < MANY, "holds nobody up when nobody reads, and counts what it drops");
    mb_log(MB_LOG_WARN, "warned", NULL);
    mb_log_flush();
    mb_log_dying("too late", NULL);
    ok(true, "is left without waiting for a reader");
    /* Behind the notice there are the lines that waited. */
    while ((told_missing() < dropped || count("msg=many ") + (int)dropped < MANY ||
            count("msg=warned\n") == 0) &&
           read_more()) {}
    ok(told_missing() == dropped, "says how many lines are missing once it flows again");
    ok(count("msg=many ") + (int)dropped == MANY, "and those are all that are");
    ok(count("msg=warned\n") == 1, "has kept room for warnings");
    mb_log(MB_LOG_INFO, "afterwards", NULL);
    ok(read_until("msg=afterwards\n"), "goes on as before");
    bool is_whole = true;
    for (size_t at = 0; at < flood_len; at = (size_t)((char *)memchr(flood + at, '\n', flood_len - at) - flood) + 1)
        is_whole = is_whole && memcmp(flood + at, "time=2", 6) == 0;
    ok(is_whole, "drops whole lines");
}

static void test_child_of_queue(void)
{
    int status = -1;
    flood_len = 0;
    mb_log(MB_LOG_INFO, "of the parent", NULL);
    pid_t pid = fork();
    if (pid == 0) {
        mb_log_init(tube[1], MB_LOG_INFO, "child");
        mb_log(MB_LOG_INFO, "of the child", NULL);
        mb_log_flush();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ok(read_until("proc=child msg=\"of the child\"\n") && status == 0, "has a thread in each process");
    ok(read_until("proc=test msg=\"of the parent\"\n"), "and keeps the lines of the parent there");
    mb_log(MB_LOG_INFO, "end", NULL);
    ok(read_until("msg=end\n") && count("of the parent") == 1, "which come once");
}

static void test_nobody(void)
{
    uint64_t before = dropped;
    (void)close(tube[0]);
    mb_log(MB_LOG_ERROR, "to nobody", NULL);
    mb_log_flush();
    ok(dropped == before + 1, "counts lines whose reader is gone");
}

int main(void)
{
    sink = tmpfile();
    if (!sink) return 1;
    mb_log_init(fileno(sink), MB_LOG_INFO, "test");
    test_lines();
    test_every_byte();
    test_forgery();
    test_dying();
    test_ceiling();
    test_process();
    if (pipe(tube) != 0) return 1;
    test_queue();
    test_stuck();
    test_child_of_queue();
    test_nobody();
    return done();
}
