/* Reads zone files on demand into a list; a process meets few of them. */
#include "app/tzdata.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_MOST = 64, PATH_MOST = 512, FILE_MOST = 256 * 1024 };

struct mb_tzfile {
    struct mb_tzfile *older;
    char name[NAME_MOST];
    struct mb_buf bytes;
    struct mb_zone zone;
};

/* Letters, digits and _+- in parts divided by single slashes: no way out of the folder. */
static bool is_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    size_t len = strlen(name);
    return len > 0 && len < NAME_MOST && strspn(name, allowed) == len && name[0] != '/' &&
           name[len - 1] != '/' && !strstr(name, "//");
}

static enum mb_rc read_bytes(struct mb_buf *b, const char *name, struct mb_err *err)
{
    const char *folder = getenv("TZDIR");
    char path[PATH_MOST], part[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", name);
    FILE *f = n < (int)sizeof path ? fopen(path, "rb") : NULL;
    if (!f) return mb_fail(err, MB_E_INVALID, "there is no time zone %s", name);
    enum mb_rc rc = MB_OK;
    size_t got;
    while (rc == MB_OK && (got = fread(part, 1, sizeof part, f)) > 0) rc = mb_buf_add(b, part, got);
    if (rc == MB_OK && ferror(f)) rc = MB_E_IO;
    fclose(f);
    return rc == MB_OK ? MB_OK : mb_fail(err, rc, "cannot read time zone %s", name);
}

enum mb_rc mb_tzdata_find(struct mb_tzdata *t, const char *name, const struct mb_zone **out,
                          struct mb_err *err)
{
    for (struct mb_tzfile *f = t->newest; f; f = f->older) {
        if (strcmp(f->name, name) == 0) {
            *out = &f->zone;
            return MB_OK;
        }
    }
    if (!is_name(name)) return mb_fail(err, MB_E_INVALID, "not a name of a time zone: %.64s", name);
    struct mb_tzfile *new = calloc(1, sizeof *new);
    if (!new) return mb_fail(err, MB_E_NOMEM, "out of memory");
    memcpy(new->name, name, strlen(name));
    mb_buf_init(&new->bytes, FILE_MOST);
    enum mb_rc rc = read_bytes(&new->bytes, name, err);
    if (rc == MB_OK) rc = mb_zone_parse(&new->zone, mb_buf_str(&new->bytes), err);
    if (rc != MB_OK) {
        mb_buf_reset(&new->bytes);
        free(new);
        return rc;
    }
    new->older = t->newest;
    t->newest = new;
    *out = &new->zone;
    return MB_OK;
}

void mb_tzdata_reset(struct mb_tzdata *t)
{
    while (t->newest) {
        struct mb_tzfile *f = t->newest;
        t->newest = f->older;
        mb_buf_reset(&f->bytes);
        free(f);
    }
}
