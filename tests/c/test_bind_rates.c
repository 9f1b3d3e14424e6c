/* Counters of rates: windows, many processes at once, killed ones, and floods of keys. */
#define _GNU_SOURCE
#include "bind/rates.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { COUNTERS = 4096, PROCESSES = 4, TURNS = 100000, MOST = 120000, KILLS = 50 };

static struct mb_rates *rates;

static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

static uint64_t id(const char *name, unsigned key)
{
    return mb_rates_id(rates, mb_str_z(name), (struct mb_str){(const char *)&key, sizeof key});
}

static bool take(uint64_t of, uint64_t now_ms, uint32_t most)
{
    const struct mb_rate_limit limit = {most, 1000};
    struct mb_rate rate;
    return mb_rates_take(rates, of, now_ms, &limit, &rate);
}

static void test_window(void)
{
    uint64_t a = id("window", 1);
    const struct mb_rate_limit limit = {2, 1000};
    struct mb_rate rate;
    ok(take(a, 500, 2) && take(a, 900, 2) && !take(a, 1499, 2), "counts as many as it may");
    ok(!mb_rates_take(rates, a, 1400, &limit, &rate) && rate.count == 2 && rate.left_ms == 100,
       "tells until when");
    ok(take(id("window", 2), 1400, 2) && take(id("other", 1), 1400, 2),
       "counts each key of each name of its own");
    ok(mb_rates_look(rates, a, 1500).count == 0, "has forgotten all when the window is over");
    ok(mb_rates_take(rates, a, 1500, &limit, &rate) && rate.count == 1 && rate.left_ms == 1000,
       "begins anew with the next");
    mb_rates_give(rates, a, 1600);
    mb_rates_give(rates, a, 1600);
    ok(mb_rates_look(rates, a, 1600).count == 0, "takes back no more than was counted");
    ok(!take(id("none", 1), 0, 0), "counts nothing where nothing may be");
    ok(take(a, 1700, 1) && !take(a, 1700, 1), "is full");
    mb_rates_clear(rates, a);
    ok(take(a, 1700, 1), "is empty once it is cleared");
    mb_rates_clear_all(rates);
    ok(mb_rates_look(rates, id("window", 2), 1400).count == 0, "clears all");
}

/* A flood holds one request for each of its keys, which are far more than there is room for. */
static void test_flood(void)
{
    uint64_t real = id("flood", 0);
    unsigned n = 0;
    mb_rates_clear_all(rates);
    while (take(real, 1, 30)) n++;
    for (unsigned key = 1; key < 100 * COUNTERS; key++) (void)take(id("flood", key), 2, 30);
    ok(n == 30 && !take(real, 3, 30), "keeps a count through a flood of other keys");
    for (unsigned key = 100 * COUNTERS, turn; key < 101 * COUNTERS; key++)
        for (turn = 0; turn < 2; turn++) (void)take(id("flood", key), 2, 30);
    ok(mb_rates_look(rates, real, 3).count == 30, "also of keys that count to two");
    unsigned kept = 0;
    for (unsigned key = 0; key < 101 * COUNTERS; key++)
        kept += mb_rates_look(rates, id("flood", key), 3).count > 0;
    ok(kept <= COUNTERS, "keeps no more than it has room for (%u)", kept);
    ok(take(id("flood", 1), 1002, 1) && mb_rates_look(rates, real, 1002).count == 0,
       "has room again when windows are over");
}

/* All are there before the first begins, and each asks for nearly as many as may be taken. */
static _Noreturn void hammer(_Atomic unsigned *taken, _Atomic unsigned *there, unsigned process)
{
    atomic_fetch_add(there, 1);
    while (atomic_load(there) < PROCESSES) {}
    for (unsigned i = 0; i < TURNS; i++) {
        (void)take(id("noise", i * PROCESSES + process), 1, 5); /* moves counters about */
        if (take(id("race", i % 3), 1, MOST)) atomic_fetch_add(&taken[i % 3], 1);
    }
    _exit(0);
}

static void test_processes(void)
{
    _Atomic unsigned *taken = share(4 * sizeof *taken);
    pid_t pids[PROCESSES];
    bool is_fine = true;
    mb_rates_clear_all(rates);
    for (unsigned i = 0; i < PROCESSES; i++)
        if ((pids[i] = fork()) == 0) hammer(taken, &taken[3], i);
    for (unsigned i = 0; i < PROCESSES; i++) {
        int status = 0;
        is_fine = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && is_fine;
    }
    ok(is_fine && taken[0] == MOST && taken[1] == MOST && taken[2] == MOST,
       "lets exactly as many pass, though all ask at once (%u, %u, %u)", taken[0], taken[1],
       taken[2]);
}

enum { BUSY = 10 }; /* rounds that show it is at it */

static _Noreturn void never_end(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned i = 0;; i++) (void)take(id("killed", i % 64), 1, MB_RATE_MOST);
}

/* Killed wherever it stands, mostly inside. Then each lock is asked for. */
static void test_kills(void)
{
    for (unsigned i = 0; i < KILLS; i++) {
        int status;
        mb_rates_clear_all(rates); /* or they are full, on a machine where it runs long before we look */
        pid_t pid = fork();
        if (pid == 0) never_end();
        while (mb_rates_look(rates, id("killed", 63), 1).count < BUSY) {}
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
    }
    mb_rates_clear_all(rates);
    ok(take(id("killed", 1), 1, 1) && !take(id("killed", 1), 1, 1),
       "goes on after processes were killed in the middle of it");
}

int main(void)
{
    struct mb_err err;
    (void)alarm(120); /* a lock that is not given back */
    if (mb_rates_init(&rates, share(mb_rates_size(COUNTERS)), COUNTERS, &err) != MB_OK) abort();
    test_window();
    test_flood();
    test_processes();
    test_kills();
    return done();
}
