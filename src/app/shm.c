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

static enum mb_rc map(void **out, size_t size, struct mb_err *err)
{
    *out = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (*out != MAP_FAILED) return MB_OK;
    return mb_fail(err, MB_E_NOMEM, "shared memory: could not map it: %s", strerror(errno));
}

enum mb_rc mb_shm_new(struct mb_shm **out, const struct mb_config *config, uint32_t nworkers,
                      struct mb_err *err)
{
    uint32_t connections = (uint32_t)config->http_max_connections;
    void *memory = NULL, *tally = NULL;
    if (nworkers == 0 || nworkers > MB_MAX_WORKERS)
        return mb_fail(err, MB_E_CONFIG, "workers: %u is out of range; it must be 1 to %d",
                       nworkers, MB_MAX_WORKERS);
    enum mb_rc rc = map(&memory, sizeof **out, err);
    if (rc == MB_OK && config->http_max_connections_per_address > 0)
        rc = map(&tally, mb_tally_size(nworkers, connections), err);
    if (rc != MB_OK) return rc;
    struct mb_shm *shm = memory;
    shm->nworkers = nworkers;
    shm->started_wall_ms = mb_wall_ms();
    shm->tally = tally != NULL ? mb_tally_init(tally, nworkers, connections) : NULL;
    *out = shm;
    return MB_OK;
}
