/* Anonymous shared memory, zero-filled, inherited by every forked process. */
#define _GNU_SOURCE
#include "app/shm.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

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
    uint32_t counters = (uint32_t)config->rates_counters;
    /* Each that waits is counted for its client and for all. */
    uint32_t waiting = 2 * (uint32_t)config->auth_hash_queue, places = nworkers + 1;
    void *memory = NULL, *tally = NULL, *rates = NULL, *hashers = NULL;
    if (nworkers == 0 || nworkers > MB_MAX_WORKERS)
        return mb_fail(err, MB_E_CONFIG, "workers: %u is out of range; it must be 1 to %d",
                       nworkers, MB_MAX_WORKERS);
    enum mb_rc rc = map(&memory, sizeof **out, err);
    if (rc == MB_OK && config->http_max_connections_per_address > 0)
        rc = map(&tally, mb_tally_size(nworkers, connections), err);
    if (rc == MB_OK) rc = map(&rates, mb_rates_size(counters), err);
    if (rc == MB_OK) rc = map(&hashers, mb_tally_size(places, waiting), err);
    if (rc != MB_OK) return rc;
    struct mb_shm *shm = memory;
    shm->nworkers = nworkers;
    shm->nplaces = places;
    shm->started_wall_ms = mb_wall_ms();
    shm->tally = tally != NULL ? mb_tally_init(tally, nworkers, connections) : NULL;
    shm->hashers = mb_tally_init(hashers, places, waiting);
    mb_shm_line_up(shm, MB_SHELF_NONE, MB_SHELF_NONE, MB_SHELF_NONE);
    shm->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (shm->bell < 0)
        return mb_fail(err, MB_E_IO, "eventfd: could not be made: %s", strerror(errno));
    rc = mb_rates_init(&shm->rates, rates, counters, err);
    if (rc == MB_OK) rc = mb_shelf_new(&shm->shelf, (size_t)config->reload_max_bytes, err);
    if (rc == MB_OK) *out = shm;
    return rc;
}

const char *mb_shm_name(const struct mb_shm *shm, uint32_t place, char *out)
{
    if (place >= shm->nworkers) return "jobs";
    (void)snprintf(out, 16, "%u", place + 1);
    return out;
}

void mb_shm_line_up(struct mb_shm *shm, unsigned serving, unsigned spare, unsigned candidate)
{
    const struct mb_line_up l = {(uint8_t)serving, (uint8_t)spare, (uint8_t)candidate, 0};
    atomic_store(&shm->line_up, l);
}

const char *mb_shm_generation(const struct mb_shm *shm)
{
    struct mb_line_up l = atomic_load(&shm->line_up);
    return l.serving == MB_SHELF_NONE ? "" : shm->shelf->slot[l.serving].id;
}

void mb_shm_ring(const struct mb_shm *shm)
{
    uint64_t one = 1;
    ssize_t n = write(shm->bell, &one, sizeof one);
    (void)n; /* full: it rings already */
}

void mb_shm_hush(const struct mb_shm *shm)
{
    uint64_t rung;
    ssize_t n = read(shm->bell, &rung, sizeof rung);
    (void)n; /* it had not rung */
}
