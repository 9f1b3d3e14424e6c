/* Facts about base/id.h. */
#include "base/id.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

static bool only(const char *s, size_t len, const char *allowed)
{
    return strlen(s) == len && strspn(s, allowed) == len;
}

static int compare(const void *a, const void *b) { return memcmp(a, b, MB_CUID_LEN); }

static void test_cuid(void)
{
    enum { MANY = 20000 };
    static char ids[MANY][MB_CUID_LEN + 1];
    bool shaped = true, ordered = true;
    for (int i = 0; i < MANY; i++) {
        mb_cuid(ids[i]);
        shaped = shaped && ids[i][0] == 'c' &&
                 only(ids[i], MB_CUID_LEN, "0123456789abcdefghijklmnopqrstuvwxyz");
        ordered = ordered && (i == 0 || memcmp(ids[i - 1], ids[i], 9) <= 0);
    }
    ok(shaped, "makes ids of 25 base-36 characters that begin with c");
    ok(ordered, "orders ids by the millisecond they are made in");
    qsort(ids, MANY, sizeof ids[0], compare);
    int twice = 0;
    for (int i = 1; i < MANY; i++) twice += memcmp(ids[i - 1], ids[i], MB_CUID_LEN) == 0;
    ok(twice == 0, "makes no id twice");

    int64_t before = mb_wall_ms();
    char id[MB_CUID_LEN + 1], time[9] = "";
    mb_cuid(id);
    memcpy(time, id + 1, 8);
    int64_t stamp = strtoll(time, NULL, 36);
    ok(stamp >= before && stamp <= mb_wall_ms(), "stamps an id with the time");
}

static void test_others(void)
{
    char request[MB_REQUEST_ID_LEN + 1], reference[MB_REFERENCE_LEN + 1];
    bool hex = true, crockford = true;
    for (int i = 0; i < 1000; i++) {
        mb_request_id(request);
        mb_reference(reference);
        hex = hex && only(request, MB_REQUEST_ID_LEN, "0123456789abcdef");
        crockford =
            crockford && only(reference, MB_REFERENCE_LEN, "0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    }
    ok(hex, "makes request ids of 32 hexadecimal digits");
    ok(crockford, "makes references without letters that look like digits");
}

static void test_evenness(void)
{
    int seen[36] = {0};
    char id[MB_CUID_LEN + 1];
    for (int i = 0; i < 9000; i++) {
        mb_cuid(id);
        for (int k = 9; k < MB_CUID_LEN; k++) seen[id[k] <= '9' ? id[k] - '0' : id[k] - 'a' + 10]++;
    }
    int least = seen[0], most = seen[0];
    for (int i = 1; i < 36; i++) {
        least = seen[i] < least ? seen[i] : least;
        most = seen[i] > most ? seen[i] : most;
    }
    /* 4000 of each are expected, with a deviation of 62: six of them on either side. */
    ok(least > 3620 && most < 4380, "draws every digit equally often (%d..%d)", least, most);
}

static void test_random(void)
{
    unsigned char big[1000] = {0};
    mb_random(big, sizeof big);
    int zeros = 0;
    for (size_t i = 0; i < sizeof big; i++) zeros += big[i] == 0;
    ok(zeros < 30, "fills more than its buffer holds");

    int channel[2];
    char parent[16], child[16];
    if (pipe(channel) != 0) return;
    mb_random(parent, 1); /* the pool is partly used when the process splits */
    pid_t pid = fork();
    if (pid == 0) {
        mb_random_after_fork();
        mb_random(child, sizeof child);
        _exit(write(channel[1], child, sizeof child) != (ssize_t)sizeof child);
    }
    mb_random(parent, sizeof parent);
    bool got = read(channel[0], child, sizeof child) == (ssize_t)sizeof child;
    waitpid(pid, NULL, 0);
    ok(got && memcmp(parent, child, sizeof child) != 0, "draws other bytes in a child");
}

int main(void)
{
    test_cuid();
    test_others();
    test_evenness();
    test_random();
    return done();
}
