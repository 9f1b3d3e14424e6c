#include "plugin/stats.h"

#include <string.h>

/* FNV-1a; never 0, which stands for a free entry. */
static uint64_t key_of(const char *name)
{
    uint64_t h = 14695981039346656037u;
    for (; *name != '\0'; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h != 0 ? h : 1;
}

struct mb_plugin_stats *mb_plugin_board_find(struct mb_plugin_board *board, const char *name)
{
    uint64_t key = key_of(name);
    for (unsigned i = 0; i < MB_MAX_PLUGINS; i++) {
        struct mb_plugin_stats *s = &board->plugin[i];
        if (atomic_load(&s->key) == key) return s;
    }
    return NULL;
}

/* Whether the entry is that of the name: it was, or it was free and has the name now. Several processes
 * may ask at once. */
static bool take(_Atomic uint64_t *key, _Atomic bool *is_named, char *entry, size_t size,
                 const char *name)
{
    uint64_t wanted = key_of(name), found = 0;
    if (!atomic_compare_exchange_strong(key, &found, wanted)) return found == wanted;
    memcpy(entry, name, strnlen(name, size - 1));
    atomic_store(is_named, true);
    return true;
}

struct mb_plugin_stats *mb_plugin_board_take(struct mb_plugin_board *board, const char *name)
{
    for (unsigned i = 0; i < MB_MAX_PLUGINS; i++) {
        struct mb_plugin_stats *s = &board->plugin[i];
        if (take(&s->key, &s->is_named, s->name, sizeof s->name, name)) return s;
    }
    return NULL;
}

struct mb_plugin_part *mb_plugin_part_take(struct mb_plugin_stats *s, const char *name)
{
    for (unsigned i = 0; i < MB_PLUGIN_PARTS; i++) {
        struct mb_plugin_part *p = &s->part[i];
        if (take(&p->key, &p->is_named, p->name, sizeof p->name, name)) return p;
    }
    return NULL;
}

bool mb_plugin_strike(struct mb_plugin_stats *s, uint64_t now_ns, uint32_t max, uint64_t window_ns)
{
    uint64_t since = atomic_load(&s->strikes_since_ns);
    atomic_fetch_add(&s->kills, 1);
    if (max == 0) return false;
    if (since == 0 || now_ns - since > window_ns) {
        atomic_store(&s->strikes_since_ns, now_ns);
        atomic_store(&s->strikes, 0);
    }
    if (atomic_fetch_add(&s->strikes, 1) + 1 < max) return false;
    return !atomic_exchange(&s->is_quarantined, true);
}

bool mb_plugin_strike_once(struct mb_plugin_stats *s, uint64_t now_ns, uint32_t max,
                           uint64_t window_ns)
{
    uint64_t last = atomic_load(&s->stuck_ns);
    if (last != 0 && now_ns - last <= window_ns) return false;
    if (!atomic_compare_exchange_strong(&s->stuck_ns, &last, now_ns)) return false;
    return mb_plugin_strike(s, now_ns, max, window_ns);
}

void mb_plugin_release(struct mb_plugin_stats *s)
{
    atomic_store(&s->strikes, 0);
    atomic_store(&s->strikes_since_ns, 0);
    atomic_store(&s->is_quarantined, false);
}
