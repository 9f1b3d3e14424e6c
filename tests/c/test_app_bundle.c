/* Facts about bundles: what is read, in which order, what is refused. */
#define _GNU_SOURCE
#include "app/bundle.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static char top[] = "/tmp/mbtest-bundle-XXXXXX";
static struct mb_bundle bundle;
static struct mb_err err;

static const char *path_of(const char *leaf)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", top, leaf);
    return path;
}

static void put(const char *leaf, const char *text, size_t n)
{
    FILE *f = fopen(path_of(leaf), "we");
    if (f == NULL || fwrite(text, 1, n, f) != n || fclose(f) != 0) abort();
}

static bool read_it(void)
{
    memset(&err, 0, sizeof err);
    return mb_bundle_read(&bundle, top, ".lua", NULL, 64, &err) == MB_OK;
}

static bool refuses(const char *leaf, const char *why)
{
    bool is_refused = !read_it() && strstr(err.text, leaf) != NULL && strstr(err.text, why) != NULL;
    mb_bundle_free(&bundle);
    (void)unlink(path_of(leaf));
    return is_refused;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static void test_reading(void)
{
    char hash[65];
    ok(read_it() && bundle.count == 0, "reads an empty folder");
    mb_bundle_free(&bundle);
    if (mkdir(path_of("routes"), 0700) != 0) abort();
    put("routes/b.lua", "bb", 2);
    put("routes/a.lua", "", 0);
    put("z.lua", "z\xc3\xa9", 3);
    put("notes.txt", "\xff", 1);
    put(".#z.lua", "\xff", 1);
    ok(read_it() && bundle.count == 3,
       "takes files of that suffix, in all folders, but none with a dot");
    ok(bundle.count == 3 && strcmp(bundle.files[0].name, "routes/a.lua") == 0 &&
           strcmp(bundle.files[2].name, "z.lua") == 0,
       "sorts by name");
    const struct mb_bundle_file *f = mb_bundle_find(&bundle, MB_STR("routes/b.lua"));
    ok(f != NULL && mb_str_eq(f->text, MB_STR("bb")), "finds a file by name");
    ok(mb_bundle_find(&bundle, MB_STR("routes/b.lu")) == NULL, "does not find a prefix");
    ok(mb_bundle_find(&bundle, MB_STR("routes/b.luax")) == NULL, "does not find a longer name");
    memcpy(hash, bundle.hash, sizeof hash);
    mb_bundle_free(&bundle);
    ok(read_it() && strcmp(hash, bundle.hash) == 0 && strlen(hash) == 64,
       "gives the same hash again");
    mb_bundle_free(&bundle);
    put("routes/b.lua", "bc", 2);
    ok(read_it() && strcmp(hash, bundle.hash) != 0, "gives another hash for another text");
    mb_bundle_free(&bundle);
}

static void test_refusals(void)
{
    char large[65] = "";
    memset(large, 'x', sizeof large);
    put("large.lua", large, sizeof large);
    ok(refuses("large.lua", "too large"), "refuses a file over the limit and names it");
    put("bad.lua", "a\xff", 2);
    ok(refuses("bad.lua", "UTF-8"), "refuses what is not UTF-8");
    put("nul.lua", "a\0b", 3);
    ok(refuses("nul.lua", "UTF-8"), "refuses a NUL byte");
    if (symlink("/etc/passwd", path_of("link.lua")) != 0) abort();
    ok(refuses("link.lua", "symbolic"), "refuses a symbolic link");
    if (mkfifo(path_of("pipe.lua"), 0600) != 0) abort();
    ok(refuses("pipe.lua", "regular"), "refuses a pipe without waiting for it");
    ok(read_it(), "reads the folder again when these are gone");
    mb_bundle_free(&bundle);
    ok(mb_bundle_read(&bundle, "/nonexistent", NULL, NULL, 1, &err) != MB_OK &&
           strstr(err.text, "/nonexistent"),
       "names a folder that is missing");
}

static void test_joining(void)
{
    struct mb_bundle more;
    char hash[65];
    put("b.lua", "b", 1);
    ok(read_it() && mb_bundle_read(&more, top, ".lua", NULL, 64, &err) == MB_OK, "reads two bundles");
    memcpy(hash, bundle.hash, sizeof hash);
    size_t n = bundle.count;
    ok(mb_bundle_join(&bundle, &more, "a/", &err) == MB_OK && more.count == 0, "joins them");
    ok(bundle.count == 2 * n && strcmp(bundle.files[0].name, "a/b.lua") == 0,
       "with the prefix, in the order of names");
    ok(strcmp(hash, bundle.hash) != 0, "which changes the hash");
    ok(mb_bundle_read(&more, top, ".lua", NULL, 64, &err) == MB_OK &&
           mb_bundle_join(&bundle, &more, "a/", &err) == MB_E_CONFIG && more.count == 0,
       "refuses a prefix that is taken");
    mb_bundle_free(&bundle);
    (void)unlink(path_of("b.lua"));
}

int main(void)
{
    if (mkdtemp(top) == NULL) abort();
    test_reading();
    test_refusals();
    test_joining();
    (void)nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return done();
}
