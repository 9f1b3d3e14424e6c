#define _GNU_SOURCE
#include "app/plugin_new.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/bundle.h"
#include "app/home.h"
#include "app/say.h"

enum { MAX_FILE = 1 << 20, MAX_NAME = 63, PATH = 2 * MB_PATH_MAX };

/* What the template calls itself, in every file. */
static const char TEMPLATE[] = "example.plugin";

static bool is_word(const char *s, size_t n)
{
    if (n == 0 || s[0] < 'a' || s[0] > 'z') return false;
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_' ||
              s[i] == '-'))
            return false;
    return true;
}

/* vendor.name, as lua/mb/manifest.lua wants it. */
static bool is_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot != NULL && strlen(name) <= MAX_NAME && is_word(name, (size_t)(dot - name)) &&
           is_word(dot + 1, strlen(dot + 1));
}

static enum mb_rc make_folder(const char *path, struct mb_err *err)
{
    if (mkdir(path, 0755) == 0) return MB_OK;
    return mb_fail(err, MB_E_IO, "%.200s: could not make the folder: %s", path, strerror(errno));
}

/* The first `len` bytes of a name below top. */
static enum mb_rc join(char path[PATH], const char *top, const char *name, size_t len,
                       struct mb_err *err)
{
    int n = snprintf(path, PATH, "%s/%.*s", top, (int)len, name);
    if (n >= 0 && n < PATH) return MB_OK;
    return mb_fail(err, MB_E_IO, "%.200s: the path is longer than %d bytes", top, PATH - 1);
}

/* The folders between top and the file. */
static enum mb_rc make_folders(const char *top, const char *file, struct mb_err *err)
{
    char path[PATH];
    struct stat st;
    enum mb_rc rc = MB_OK;
    for (const char *slash = strchr(file, '/'); slash != NULL && rc == MB_OK;
         slash = strchr(slash + 1, '/')) {
        rc = join(path, top, file, (size_t)(slash - file), err);
        if (rc == MB_OK && stat(path, &st) != 0) rc = make_folder(path, err);
    }
    return rc;
}

static bool write_named(FILE *f, struct mb_str text, const char *name)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    for (const char *hit; (hit = strstr(at, TEMPLATE)) != NULL; at = hit + sizeof TEMPLATE - 1)
        if (fprintf(f, "%.*s%s", (int)(hit - at), at, name) < 0) return false;
    return fwrite(at, 1, (size_t)(end - at), f) == (size_t)(end - at);
}

static enum mb_rc write_file(const char *top, const struct mb_bundle_file *file, const char *name,
                             struct mb_err *err)
{
    char path[PATH];
    enum mb_rc rc = make_folders(top, file->name, err);
    if (rc == MB_OK) rc = join(path, top, file->name, strlen(file->name), err);
    if (rc != MB_OK) return rc;
    FILE *f = fopen(path, "wxe");
    bool is_written = f != NULL && write_named(f, file->text, name);
    if (f != NULL && fclose(f) != 0) is_written = false;
    if (!is_written)
        return mb_fail(err, MB_E_IO, "%.200s: could not write it: %s", path, strerror(errno));
    mb_say("made %s", path);
    return MB_OK;
}

enum mb_rc mb_plugin_new(const struct mb_config *config, const char *name, struct mb_err *err)
{
    char home[MB_PATH_MAX], from[PATH], top[PATH];
    struct mb_bundle files = {0};
    struct stat st;
    if (!is_name(name))
        return mb_fail(err, MB_E_CONFIG,
                       "plugin name \"%.80s\": say vendor.name in small letters, digits, _ and -, "
                       "such as clinic.sms",
                       name);
    enum mb_rc rc = mb_home_find(home, config, err);
    (void)snprintf(from, sizeof from, "%s/examples/new-plugin", home);
    (void)snprintf(top, sizeof top, "%s/%s", config->plugins_folder, name);
    if (rc == MB_OK && stat(top, &st) == 0)
        rc = mb_fail(err, MB_E_CONFIG, "%.200s: it is there already; choose another name", top);
    if (rc == MB_OK) rc = mb_bundle_read(&files, from, NULL, NULL, MAX_FILE, err);
    if (rc == MB_OK && stat(config->plugins_folder, &st) != 0)
        rc = make_folder(config->plugins_folder, err);
    if (rc == MB_OK) rc = make_folder(top, err);
    for (size_t i = 0; rc == MB_OK && i < files.count; i++)
        rc = write_file(top, &files.files[i], name, err);
    mb_bundle_free(&files);
    if (rc == MB_OK) mb_say("try it: medbookd plugin test %s; then: medbookd reload", name);
    return rc;
}
