/* Anonymous shared memory, zero-filled, inherited by every forked process. */
#define _GNU_SOURCE
#include "app/shm.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/clock.h"

static const uint64_t SILENCE_NS = 250u * 1000 * 1000;

bool mb_shm_is_silent(const struct mb_shm *shm, uint32_t worker)
{
    uint64_t beat = atomic_load(&shm->worker[worker].beat_ns);
    return beat == 0 || mb_mono_ns() > beat + SILENCE_NS;
}

enum mb_rc mb_shm_new(struct mb_shm **out, uint32_t nworkers, struct mb_err *err)
{
    if (nworkers == 0 || nworkers > MB_MAX_WORKERS)
        return mb_fail(err, MB_E_CONFIG, "workers: %u is out of range; it must be 1 to %d",
                       nworkers, MB_MAX_WORKERS);
    void *p = mmap(NULL, sizeof **out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return mb_fail(err, MB_E_NOMEM, "shared memory: could not map it: %s", strerror(errno));
    struct mb_shm *shm = p;
    shm->nworkers = nworkers;
    shm->started_wall_ms = mb_wall_ms();
    *out = shm;
    return MB_OK;
}
