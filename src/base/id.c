#define _GNU_SOURCE /* getrandom, explicit_bzero */
/* Identifiers and the randomness behind them. It must not know what an id names. */
#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"

enum { POOL = 256 }; /* getrandom never returns less than asked up to this size */

/* Per thread, so that no lock is needed; bytes are wiped when handed out. */
static _Thread_local unsigned char pool[POOL];
static _Thread_local size_t pool_left;

static void fill(void *p, size_t n)
{
    while (getrandom(p, n, 0) != (ssize_t)n) {
        /* Without randomness tokens would be guessable: there is no way to go on. */
        if (errno != EINTR) abort();
    }
}

void mb_random(void *p, size_t n)
{
    unsigned char *out = p;
    while (n > POOL) {
        fill(out, POOL);
        out += POOL;
        n -= POOL;
    }
    if (n > pool_left) {
        fill(pool, POOL);
        pool_left = POOL;
    }
    unsigned char *from = pool + POOL - pool_left;
    memcpy(out, from, n);
    explicit_bzero(from, n);
    pool_left -= n;
}

void mb_random_after_fork(void)
{
    explicit_bzero(pool, POOL);
    pool_left = 0;
}

static const char base36[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* One digit of even distribution: 252 is the greatest multiple of 36 in a byte. */
static char random36(void)
{
    unsigned char byte;
    do {
        mb_random(&byte, 1);
    } while (byte >= 252);
    return base36[byte % 36];
}

void mb_cuid(char out[MB_CUID_LEN + 1])
{
    uint64_t ms = (uint64_t)mb_wall_ms();
    out[0] = 'c';
    for (int i = 8; i >= 1; i--) {
        out[i] = base36[ms % 36];
        ms /= 36;
    }
    for (int i = 9; i < MB_CUID_LEN; i++) out[i] = random36();
    out[MB_CUID_LEN] = '\0';
}

void mb_request_id(char out[MB_REQUEST_ID_LEN + 1])
{
    unsigned char bytes[MB_REQUEST_ID_LEN / 2];
    mb_random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        /* Arithmetic instead of a table, so that the compiler does many at once. */
        int high = bytes[i] >> 4, low = bytes[i] & 15;
        out[2 * i] = (char)('0' + high + (high > 9 ? 'a' - '9' - 1 : 0));
        out[2 * i + 1] = (char)('0' + low + (low > 9 ? 'a' - '9' - 1 : 0));
    }
    out[MB_REQUEST_ID_LEN] = '\0';
}

void mb_reference(char out[MB_REFERENCE_LEN + 1])
{
    static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* no I, L, O, U */
    unsigned char bytes[MB_REFERENCE_LEN];
    mb_random(bytes, sizeof bytes);
    for (int i = 0; i < MB_REFERENCE_LEN; i++) out[i] = crockford[bytes[i] & 31];
    out[MB_REFERENCE_LEN] = '\0';
}
