/* Where the scripts are, seen from the program's own place. */
#include "app/home.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *dir, const char *leaf)
{
    char path[MB_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, leaf);
    return n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool mb_home_is(const char *dir) { return is_folder(dir, "lua") && is_folder(dir, "migrations"); }

enum mb_rc mb_home_find(char out[MB_PATH_MAX], const struct mb_config *config, struct mb_err *err)
{
    if (config->home[0] != '\0') {
        int n = snprintf(out, MB_PATH_MAX, "%s", config->home);
        if (n < MB_PATH_MAX) return MB_OK;
        return mb_fail(err, MB_E_CONFIG, "home: the path is too long");
    }
    char program[MB_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0) return mb_fail(err, MB_E_IO, "home: /proc/self/exe: %s", strerror(errno));
    program[len] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL) *slash = '\0';

    /* <prefix>/bin/medbookd is installed; <source>/build/<kind>/medbookd was just built. */
    static const char *const places[] = {"/../share/medbookd", "/../.."};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int n = snprintf(out, MB_PATH_MAX, "%s%s", program, places[i]);
        if (n < MB_PATH_MAX && mb_home_is(out)) return MB_OK;
    }
    return mb_fail(err, MB_E_CONFIG,
                   "home: no lua/ and migrations/ beside %.120s; set the key home", program);
}
