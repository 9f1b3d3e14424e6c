/* Connections counted over several servers: ceilings, what a dead one held, and all of it at once. */
#define _GNU_SOURCE
#include "net/tally.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

enum { SERVERS = 3, CONNECTIONS = 40, ADDRESSES = 60, STEPS = 200000, MOST = 3 };
enum { FEW = 8, CROWD = 12, TURNS = 1000000 }; /* of the processes */

static struct mb_tally *tally;

/* Shared with every forked process, zero-filled, until the end. */
static void *share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) abort();
    return memory;
}

static struct mb_addr address(const char *text)
{
    struct mb_addr a;
    if (!mb_addr_parse(mb_str_z(text), &a)) abort();
    return a;
}

static bool enter(uint32_t server, const char *text, uint32_t most)
{
    struct mb_addr a = address(text);
    return mb_tally_enter(tally, server, &a, most);
}

static void leave(uint32_t server, const char *text)
{
    struct mb_addr a = address(text);
    mb_tally_leave(tally, server, &a);
}

static void test_ceiling(void)
{
    ok(enter(0, "192.0.2.1", 2) && enter(1, "192.0.2.1", 2), "takes as many as it may, wherever");
    ok(!enter(0, "192.0.2.1", 2) && !enter(2, "192.0.2.1", 2), "refuses one more, wherever");
    ok(enter(2, "192.0.2.2", 2), "counts each address of its own");
    leave(0, "192.0.2.1");
    ok(enter(2, "192.0.2.1", 2), "takes another when one has left");
    ok(!enter(1, "192.0.2.1", 2), "and no second");
    ok(enter(0, "2001:db8::1", 1) && !enter(1, "2001:db8:0:0:ffff::1", 1),
       "takes a /64 of IPv6 for one client");
    ok(enter(1, "2001:db8:0:1::1", 1), "and the next one for another");
    mb_tally_clear(tally, 1);
    ok(enter(0, "192.0.2.1", 2) && !enter(0, "192.0.2.1", 2),
       "gives back what a dead server held, and no more");
    for (uint32_t i = 0; i < SERVERS; i++) mb_tally_clear(tally, i);
    ok(enter(0, "2001:db8::2", 1) && enter(0, "192.0.2.2", 1), "gives back all");
    mb_tally_clear(tally, 0);
}

static struct mb_addr numbered(unsigned n)
{
    struct mb_addr a = address("10.0.0.0");
    a.bytes[15] = (unsigned char)n;
    return a;
}

/* Against plain counts; each server is as full as it may be most of the time. */
static void test_oracle(unsigned seed)
{
    unsigned held[SERVERS][ADDRESSES] = {{0}}, all[ADDRESSES] = {0}, load[SERVERS] = {0};
    bool is_same = true;
    srand(seed);
    for (int step = 0; step < STEPS && is_same; step++) {
        unsigned n = (unsigned)rand() % ADDRESSES;
        uint32_t server = (uint32_t)rand() % SERVERS;
        struct mb_addr a = numbered(n);
        if (rand() % 3 > 0 && load[server] < CONNECTIONS) {
            bool is_in = mb_tally_enter(tally, server, &a, MOST);
            is_same = is_in == (all[n] < MOST);
            held[server][n] += is_in;
            all[n] += is_in;
            load[server] += is_in;
        } else if (held[server][n] > 0) {
            mb_tally_leave(tally, server, &a);
            held[server][n]--;
            all[n]--;
            load[server]--;
        } else if (rand() % 5000 == 0) {
            mb_tally_clear(tally, server);
            for (unsigned i = 0; i < ADDRESSES; i++) {
                all[i] -= held[server][i];
                held[server][i] = 0;
            }
            load[server] = 0;
        }
    }
    ok(is_same, "is never wrong about who may enter (seed %u)", seed);
    for (uint32_t i = 0; i < SERVERS; i++) mb_tally_clear(tally, i);
}

/* What all processes hold is counted beside the tally. */
struct beside {
    _Atomic unsigned held[CROWD], over, entered;
};

/* Enters and leaves at random, and keeps its table so full that entries are moved all the time. */
static _Noreturn void crowd(struct beside *beside, uint32_t server)
{
    bool is_in[CROWD] = {false};
    unsigned load = 0;
    srand(server);
    for (int turn = 0; turn < TURNS; turn++) {
        unsigned n = (unsigned)rand() % CROWD;
        struct mb_addr a = numbered(n);
        if (is_in[n]) {
            atomic_fetch_sub(&beside->held[n], 1);
            mb_tally_leave(tally, server, &a);
            is_in[n] = false;
            load--;
        } else if (load < FEW && mb_tally_enter(tally, server, &a, 1)) {
            if (atomic_fetch_add(&beside->held[n], 1) > 0) atomic_fetch_add(&beside->over, 1);
            atomic_fetch_add(&beside->entered, 1);
            is_in[n] = true;
            load++;
        }
    }
    _exit(0);
}

static void test_processes(void)
{
    struct beside *beside = share(sizeof *beside);
    pid_t pids[SERVERS];
    tally = mb_tally_init(share(mb_tally_size(SERVERS, FEW)), SERVERS, FEW);
    for (uint32_t i = 0; i < SERVERS; i++)
        if ((pids[i] = fork()) == 0) crowd(beside, i);
    bool is_fine = true;
    for (uint32_t i = 0; i < SERVERS; i++) {
        int status = 0;
        is_fine = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && is_fine;
    }
    ok(is_fine && beside->entered > 0 && beside->over == 0,
       "lets in no more than may, though all ask at once (%u entered, %u too many)",
       beside->entered, beside->over);
}

int main(void)
{
    tally = mb_tally_init(share(mb_tally_size(SERVERS, CONNECTIONS)), SERVERS, CONNECTIONS);
    test_ceiling();
    for (unsigned seed = 1; seed <= 3; seed++) test_oracle(seed);
    test_processes();
    return done();
}
