/*
 * Reads a folder of text files into memory. Every descriptor is opened relative to its folder
 * without following links, so a name cannot lead out of the folder while it is being read.
 */
#define _GNU_SOURCE
#include "app/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

enum { MAX_DEPTH = 16, MAX_FILES = 10000, MAX_NAME = 1024 };

struct reader {
    struct mb_bundle *bundle;
    size_t room; /* allocated entries of bundle->files */
    const char *top, *suffix, *except;
    size_t max_file;
    struct mb_err *err;
};

static enum mb_rc refuse(const struct reader *r, const char *name, const char *why)
{
    return mb_fail(r->err, MB_E_CONFIG, "%.100s/%.100s: %s", r->top, name, why);
}

static bool has_suffix(const char *name, const char *suffix)
{
    if (suffix == NULL) return true;
    size_t n = strlen(name), m = strlen(suffix);
    return n > m && memcmp(name + n - m, suffix, m) == 0;
}

static enum mb_rc read_all(int fd, char *to, size_t want)
{
    size_t have = 0;
    while (have < want) {
        ssize_t n = read(fd, to + have, want - have);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return MB_E_IO;
        have += (size_t)n;
    }
    return MB_OK;
}

static struct mb_bundle_file *next_entry(struct reader *r)
{
    struct mb_bundle *b = r->bundle;
    if (b->count == r->room) {
        size_t room = r->room == 0 ? 64 : r->room * 2;
        struct mb_bundle_file *files = realloc(b->files, room * sizeof *files);
        if (files == NULL) return NULL;
        b->files = files;
        r->room = room;
    }
    return &b->files[b->count];
}

static enum mb_rc keep_file(struct reader *r, int fd, const char *name, size_t size)
{
    if (r->bundle->count >= MAX_FILES) return refuse(r, name, "there are too many files");
    struct mb_bundle_file *f = next_entry(r);
    char *copy = strdup(name), *text = malloc(size + 1);
    enum mb_rc rc = MB_OK;
    if (f == NULL || copy == NULL || text == NULL)
        rc = mb_fail(r->err, MB_E_NOMEM, "%s: out of memory", name);
    else if (read_all(fd, text, size) != MB_OK)
        rc = refuse(r, name, "it became shorter while it was read; try again");
    else if (!mb_utf8_valid(text, size) || memchr(text, '\0', size) != NULL)
        rc = refuse(r, name, "it is not UTF-8 text");
    if (rc != MB_OK) {
        free(copy);
        free(text);
        return rc;
    }
    text[size] = '\0';
    *f = (struct mb_bundle_file){copy, {text, size}};
    r->bundle->count++;
    return MB_OK;
}

static enum mb_rc read_folder(struct reader *r, int fd, const char *prefix, int depth);

static enum mb_rc read_entry(struct reader *r, int folder, const char *leaf, const char *prefix,
                             int depth)
{
    char name[MAX_NAME];
    int n = snprintf(name, sizeof name, "%s%s%s", prefix, *prefix != '\0' ? "/" : "", leaf);
    if (n < 0 || (size_t)n >= sizeof name) return refuse(r, leaf, "its path is too long");

    struct stat st;
    if (fstatat(folder, leaf, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(r, name, strerror(errno));
    if (!S_ISDIR(st.st_mode) && !has_suffix(leaf, r->suffix)) return MB_OK;
    if (S_ISDIR(st.st_mode) && r->except != NULL && strcmp(leaf, r->except) == 0) return MB_OK;
    if (S_ISLNK(st.st_mode)) return refuse(r, name, "symbolic links are not allowed");
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return refuse(r, name, "it is not a regular file");

    /* Non-blocking: should the name have become a pipe meanwhile, opening must not wait. */
    int fd = openat(folder, leaf, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return refuse(r, name, strerror(errno));
    if (S_ISDIR(st.st_mode)) return read_folder(r, fd, name, depth + 1);

    enum mb_rc rc = MB_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = refuse(r, name, "it changed while it was read; try again");
    else if ((uintmax_t)st.st_size > r->max_file)
        rc = refuse(r, name, "the file is too large");
    else
        rc = keep_file(r, fd, name, (size_t)st.st_size);
    (void)close(fd);
    return rc;
}

/* Takes over fd. Names that begin with a dot are editors' lock and swap files. */
static enum mb_rc read_folder(struct reader *r, int fd, const char *prefix, int depth)
{
    DIR *d = depth > MAX_DEPTH ? NULL : fdopendir(fd);
    if (d == NULL) {
        (void)close(fd);
        return refuse(r, prefix,
                      depth > MAX_DEPTH ? "folders are nested too deep" : strerror(errno));
    }
    enum mb_rc rc = MB_OK;
    for (struct dirent *e = readdir(d); e != NULL && rc == MB_OK; e = readdir(d))
        if (e->d_name[0] != '.') rc = read_entry(r, dirfd(d), e->d_name, prefix, depth);
    (void)closedir(d);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct mb_bundle_file *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Lengths stand before names and texts, so that no two different folders give the same bytes. */
static void hash_part(crypto_hash_sha256_state *state, const void *p, size_t n)
{
    uint64_t len = n;
    (void)crypto_hash_sha256_update(state, (const unsigned char *)&len, sizeof len);
    (void)crypto_hash_sha256_update(state, p, n);
}

static void hash_bundle(struct mb_bundle *b)
{
    crypto_hash_sha256_state state;
    unsigned char digest[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256_init(&state);
    for (size_t i = 0; i < b->count; i++) {
        hash_part(&state, b->files[i].name, strlen(b->files[i].name));
        hash_part(&state, b->files[i].text.ptr, b->files[i].text.len);
    }
    (void)crypto_hash_sha256_final(&state, digest);
    (void)sodium_bin2hex(b->hash, sizeof b->hash, digest, sizeof digest);
}

static void finish(struct mb_bundle *b)
{
    if (b->count > 0) qsort(b->files, b->count, sizeof *b->files, by_name);
    hash_bundle(b);
}

enum mb_rc mb_bundle_read(struct mb_bundle *out, const char *dir, const char *suffix,
                          const char *except, size_t max_file, struct mb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reader r = {.bundle = out,
                       .top = dir,
                       .suffix = suffix,
                       .except = except,
                       .max_file = max_file,
                       .err = err};
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return mb_fail(err, MB_E_CONFIG, "%.150s: could not open the folder: %s", dir,
                       strerror(errno));
    enum mb_rc rc = read_folder(&r, fd, "", 0);
    if (rc != MB_OK) {
        mb_bundle_free(out);
        return rc;
    }
    finish(out);
    return MB_OK;
}

static bool has_prefix(const struct mb_bundle *b, const char *prefix)
{
    for (size_t i = 0; i < b->count; i++)
        if (strncmp(b->files[i].name, prefix, strlen(prefix)) == 0) return true;
    return false;
}

static enum mb_rc join(struct mb_bundle *b, struct mb_bundle *more, const char *prefix)
{
    struct mb_bundle_file *files = realloc(b->files, (b->count + more->count) * sizeof *files);
    if (files == NULL) return MB_E_NOMEM;
    b->files = files;
    while (more->count > 0) {
        struct mb_bundle_file *f = &more->files[more->count - 1];
        size_t size = strlen(prefix) + strlen(f->name) + 1;
        char *name = malloc(size);
        if (name == NULL) return MB_E_NOMEM;
        (void)snprintf(name, size, "%s%s", prefix, f->name);
        b->files[b->count++] = (struct mb_bundle_file){name, f->text};
        free((void *)(uintptr_t)f->name);
        more->count--;
    }
    return MB_OK;
}

enum mb_rc mb_bundle_join(struct mb_bundle *b, struct mb_bundle *more, const char *prefix,
                          struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    if (has_prefix(b, prefix))
        rc =
            mb_fail(err, MB_E_CONFIG, "%s: such a folder must not stand among the scripts", prefix);
    else if (more->count > 0 && (rc = join(b, more, prefix)) != MB_OK)
        rc = mb_fail(err, rc, "%s: out of memory", prefix);
    mb_bundle_free(more);
    if (rc == MB_OK) finish(b);
    return rc;
}

const struct mb_bundle_file *mb_bundle_find(const struct mb_bundle *b, struct mb_str name)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *at = b->files[middle].name;
        size_t len = strlen(at), common = len < name.len ? len : name.len;
        int order = common > 0 ? memcmp(at, name.ptr, common) : 0;
        if (order == 0 && len == name.len) return &b->files[middle];
        if (order < 0 || (order == 0 && len < name.len))
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void mb_bundle_free(struct mb_bundle *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free((void *)(uintptr_t)b->files[i].name);
        free((void *)(uintptr_t)b->files[i].text.ptr);
    }
    free(b->files);
    memset(b, 0, sizeof *b);
}
