/* Anonymous shared memory; a slot's room holds the list of scripts, then names and texts. */
#define _GNU_SOURCE
#include "app/shelf.h"

#include <errno.h>
#include <sys/mman.h>

static void *map_shared(size_t size)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

enum mb_rc mb_shelf_new(struct mb_shelf **out, size_t max_bytes, struct mb_err *err)
{
    struct mb_shelf *shelf = map_shared(sizeof *shelf);
    char *room = shelf ? map_shared(MB_SHELF_SLOTS * max_bytes) : NULL;
    if (room == NULL)
        return mb_fail(err, MB_E_NOMEM,
                       "shared memory: could not map it: %s; lower reload.max_bytes",
                       strerror(errno));
    shelf->slot_bytes = max_bytes;
    for (size_t i = 0; i < MB_SHELF_SLOTS; i++) shelf->slot[i].room = room + i * shelf->slot_bytes;
    *out = shelf;
    return MB_OK;
}

static char *copy(char **to, const void *from, size_t n)
{
    char *at = *to;
    memcpy(at, from, n);
    *to += n;
    return at;
}

/* Copies the files below a folder of the bundle, or without one those of no such folder, and returns how
 * many they are. */
static size_t put_some(struct mb_script *list, char **at, const struct mb_bundle *bundle,
                       const char *folder)
{
    static const char *const folders[] = {MB_SHELF_PLUGINS, MB_SHELF_SECRETS};
    size_t n = 0;
    for (size_t i = 0; i < bundle->count; i++) {
        const struct mb_bundle_file *f = &bundle->files[i];
        const char *in = NULL;
        for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
            if (strncmp(f->name, folders[k], strlen(folders[k])) == 0) in = folders[k];
        if (folder ? in == NULL || strcmp(in, folder) != 0 : in != NULL) continue;
        const char *name = copy(at, f->name, strlen(f->name) + 1);
        list[n++] = (struct mb_script){name, {copy(at, f->text.ptr, f->text.len + 1), f->text.len}};
    }
    return n;
}

enum mb_rc mb_shelf_put(struct mb_shelf *shelf, unsigned slot, const struct mb_bundle *bundle,
                        struct mb_err *err)
{
    struct mb_shelf_slot *s = &shelf->slot[slot];
    size_t need = bundle->count * sizeof *s->scripts;
    for (size_t i = 0; i < bundle->count; i++)
        need += bundle->files[i].text.len + strlen(bundle->files[i].name) + 2;
    if (need > shelf->slot_bytes)
        return mb_fail(err, MB_E_LIMIT,
                       "the scripts take %zu bytes with their names; reload.max_bytes allows %zu",
                       need, shelf->slot_bytes);
    (void)madvise(s->room, shelf->slot_bytes, MADV_REMOVE); /* what a larger one before left */
    char *at = s->room + bundle->count * sizeof *s->scripts;
    struct mb_script *list = (void *)s->room;
    s->scripts = list;
    s->nscripts = put_some(list, &at, bundle, NULL);
    s->plugins = list + s->nscripts;
    s->nplugins = put_some(list + s->nscripts, &at, bundle, MB_SHELF_PLUGINS);
    s->secrets = s->plugins + s->nplugins;
    s->nsecrets = put_some(list + s->nscripts + s->nplugins, &at, bundle, MB_SHELF_SECRETS);
    memcpy(s->id, bundle->hash, sizeof s->id - 1);
    return MB_OK;
}
