/* Facts about the configuration: types, ranges, sources and their order, refusals by name and line. */
#include "app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/config_declared.h"
#include "tap.h"

static struct mb_config config;
static struct mb_err err;

static bool load(const char *file, const char *set)
{
    char *copy = strdup(set);
    memset(&err, 0, sizeof err);
    bool is_loaded = mb_config_load(&config, file, &copy, set[0] != 0, &err) == MB_OK;
    free(copy);
    /* No scripts: what the program does not know, nobody does. */
    struct mb_config_declared *none;
    if (!is_loaded) return false;
    if (mb_config_declared_new(&none, &config, &err) != MB_OK) abort();
    enum mb_rc rc = mb_config_declared_check(none, &err);
    mb_config_declared_free(none);
    return rc == MB_OK;
}

static bool load_text(const char *text)
{
    char path[] = "/tmp/mbtest-conf-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) abort();
    (void)close(fd);
    bool is_loaded = load(path, "");
    (void)unlink(path);
    return is_loaded;
}

static bool says(const char *words) { return strstr(err.text, words) != NULL; }

static void test_defaults(void)
{
    ok(load(NULL, ""), "loads without any file");
    ok(strcmp(config.listen, "127.0.0.1:8080") == 0, "has the documented address");
    ok(config.shutdown_timeout == 10000, "keeps durations in milliseconds");
    ok(config.http_max_body == 1048576, "keeps sizes in bytes");
    ok(config.log_access && !config.dev, "keeps truth values");
}

static void test_values(void)
{
    ok(load(NULL, "worker.hang_timeout=2min") && config.worker_hang_timeout == 120000,
       "takes minutes");
    ok(load(NULL, "worker.hang_timeout=0") && config.worker_hang_timeout == 0, "takes a bare zero");
    ok(!load(NULL, "worker.hang_timeout=5") && says("duration"), "refuses a duration without unit");
    ok(load(NULL, "http.max_body=2 MB") && config.http_max_body == 2097152,
       "takes a space before a unit");
    ok(load(NULL, "http.max_body=77") && config.http_max_body == 77, "takes plain bytes");
    ok(!load(NULL, "http.max_body=9999999999GB") && says("size"), "refuses what overflows");
    ok(!load(NULL, "workers=65") && says("0 to 64"), "names the range of a number");
    ok(!load(NULL, "http.head_timeout=2h") && says("1ms to 1h"), "names the range of a duration");
    ok(!load(NULL, "workers=4x") && says("whole number"), "refuses letters in a number");
    ok(!load(NULL, "dev=yes") && says("true or false"), "refuses a truth value of other words");
    ok(!load(NULL, "log.level=inf") && says("debug|info|warn|error"), "names the words allowed");
    ok(load(NULL, "http.trusted_proxies=127.0.0.1, 10.0.0.0/8 ::1"), "takes a list of networks");
    ok(!load(NULL, "http.trusted_proxies=banana") && says("networks such as"),
       "refuses a proxy that is no address");
    ok(load(NULL, "http.cors_origins=https://a.example, http://localhost:3000"),
       "takes a list of origins");
    ok(load(NULL, "http.cors_origins=*"), "takes every origin as a star");
    ok(!load(NULL, "http.cors_origins=https://a.example/path") && says("origins such as"),
       "refuses an origin with a path");
    ok(!load(NULL, "http.cors_origins=a.example") && says("http.cors_origins"),
       "refuses an origin without scheme");
    ok(load(NULL, "http.gzip_types=text/*, image/svg+xml *+json"), "takes a list of media types");
    ok(load(NULL, "http.gzip_types="), "takes no media type");
    ok(!load(NULL, "http.gzip_types=json") && says("media types such as text/*"),
       "refuses a media type without its first half");
    ok(load(NULL, "admin_hosts=medbookd.internal, Desk"), "takes a list of host names");
    ok(!load(NULL, "admin_hosts=medbookd.internal:8081") && says("host names without port"),
       "refuses a host name with a port");
    ok(!load(NULL, "log.level=") && says("log.level"), "refuses an empty word");
    ok(!load(NULL, "listen") && says("not key=value"), "refuses a setting without value");
    ok(!load(NULL, "data_dir=") && says("data_dir"), "refuses an empty data folder");
    ok(!load(NULL, "database.pool_min=9") && says("pool_max"),
       "compares keys that belong together");
    ok(!load(NULL, "admin_listen=localhost:8080") && says("listen and admin_listen"),
       "refuses one address for both listeners, however it is written");
}

static bool has_url(const char *set, const char *url)
{
    return load(NULL, set) && strcmp(config.http_public_url, url) == 0;
}

static void test_public_url(void)
{
    ok(has_url("", "http://127.0.0.1:8080"), "begins links with the address it listens at");
    ok(has_url("listen=*:9", "http://127.0.0.1:9") &&
           has_url("listen=0.0.0.0:9", "http://127.0.0.1:9") &&
           has_url("listen=[::]:9", "http://127.0.0.1:9"),
       "begins them with this machine where it listens at every address");
    ok(has_url("listen=[::1]:9", "http://[::1]:9") &&
           has_url("listen=localhost:9", "http://localhost:9"),
       "leaves the address as it is written");
    ok(has_url("http.public_url=https://clinic.example", "https://clinic.example") &&
           has_url("http.public_url=http://10.0.0.1:81/", "http://10.0.0.1:81") &&
           has_url("http.public_url=https://[fd00::1]:8443", "https://[fd00::1]:8443"),
       "takes the one it is given, without the slash at its end");
    static const char *const bad[] = {
        "clinic.example",        "ftp://clinic.example",      "https://",
        "https:///",             "https://clinic.example/a",  "https://clinic.example//",
        "https://a@clinic.example", "https://clinic.example:x", "https://clinic.example?a=b",
        "https://clinic.example#a", "https://a b.example",      "//clinic.example"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char set[64];
        (void)snprintf(set, sizeof set, "http.public_url=%s", bad[i]);
        ok(!load(NULL, set) && says("https://clinic.example"), "refuses %s", bad[i]);
    }
}

static void test_smtp(void)
{
    static const char whole[] = "smtp.host = mail.clinic.example\n"
                                "http.public_url = https://clinic.example\n"
                                "smtp.from = no-reply@clinic.example\n";
    ok(load(NULL, "") && strcmp(config.smtp_from, "medbookd@127.0.0.1") == 0,
       "has mails without a server come from somebody");
    ok(load_text(whole) && strcmp(config.smtp_from, "no-reply@clinic.example") == 0,
       "takes a server for mail with what it needs");
    ok(!load_text("\nsmtp.host = mail.clinic.example\nsmtp.from = a@b.example\n") &&
           says(":2: smtp.host needs http.public_url"),
       "refuses one without the address of links, by key and line");
    ok(!load_text("\nsmtp.host = mail.clinic.example\nhttp.public_url = https://b.example\n") &&
           says(":2: smtp.host needs smtp.from"),
       "refuses one without a sender");
    (void)setenv("MEDBOOKD_SMTP_HOST", "mail.clinic.example", 1);
    ok(!load(NULL, "") && says("MEDBOOKD_SMTP_HOST: smtp.host needs"),
       "names the variable instead of a line");
    (void)unsetenv("MEDBOOKD_SMTP_HOST");
    ok(!load(NULL, "smtp.user=desk") && says("--set: smtp.user needs smtp.password_file"),
       "refuses a user without a password");
    ok(!load(NULL, "smtp.password_file=/etc/hostname") && says("needs smtp.user"),
       "refuses a password without a user");
    ok(!load_text("smtp.user = desk\nsmtp.password_file = /etc/hostname\nsmtp.security = none\n") &&
           says(":1: smtp.user would send its password in clear"),
       "refuses to sign in without TLS");
    ok(load(NULL, "smtp.user=") && load(NULL, "smtp.host="), "takes none of it");
}

static void test_file(void)
{
    ok(load_text("# comment\n\n listen = 127.0.0.1:9 \r\ndata_dir=\" a \"\n") &&
           strcmp(config.listen, "127.0.0.1:9") == 0 && strcmp(config.data_dir, " a ") == 0,
       "reads lines, comments, quotes and CRLF");
    ok(load_text("\xEF\xBB\xBFworkers = 3\n") && config.workers == 3,
       "skips a byte order mark before the first line");
    ok(load_text("database.url = host=h password=#1=2") &&
           strcmp(config.database_url, "host=h password=#1=2") == 0,
       "leaves # and = inside a value, and needs no last line end");
    ok(!load_text("\nhttp.max_boddy = 1\n") && says(":2: unknown key") && says("http.max_body?"),
       "names line and nearest key of an unknown one");
    ok(!load_text("entirely.different = 1\n") && says("medbookd config"),
       "says where all keys stand");
    ok(!load_text("\n\nworkers = many\n") && says(":3: workers"),
       "names line and key of a wrong type");
    ok(!load_text("workers = 1\nworkers = 2\n") && says("line 1"),
       "refuses a key that is set twice");
    ok(!load_text("just words\n") && says("key = value"), "refuses a line that is no setting");
    ok(!load("/nonexistent.conf", "") && says("/nonexistent.conf"),
       "refuses a named file that is missing");
}

static void test_order(void)
{
    (void)setenv("MEDBOOKD_WORKER_HANG_TIMEOUT", "3s", 1);
    ok(load_text("worker.hang_timeout = 1s\n") && config.worker_hang_timeout == 3000,
       "lets the environment win over the file");
    ok(load(NULL, "worker.hang_timeout=4s") && config.worker_hang_timeout == 4000,
       "lets --set win over the environment");
    (void)setenv("MEDBOOKD_WORKER_HANG_TIMEOUT", "soon", 1);
    ok(!load(NULL, "") && says("MEDBOOKD_WORKER_HANG_TIMEOUT"),
       "names the variable of a wrong type");
    (void)unsetenv("MEDBOOKD_WORKER_HANG_TIMEOUT");
    (void)setenv("MEDBOOKD_WORKERZ", "1", 1);
    ok(!load(NULL, "") && says("MEDBOOKD_WORKERZ"), "refuses a variable that is no key");
    (void)unsetenv("MEDBOOKD_WORKERZ");
}

/* Values of types that say more than "text", and what makes each of them impossible. */
static void test_meaning(void)
{
    static const char *const good[] = {
        "listen=[::1]:0",
        "time_zone=America/Argentina/Buenos_Aires",
        "time_zone=UTC",
        "listen=*:80",
        "listen=localhost:65535",
        "admin_listen=off",
        "data_dir=not/yet/there",
        "home=",
        "user=",
        "user=nobody",
        "database.url=",
        "database.url=postgresql://u:secret@a:5432,[::1]:5433/d?sslmode=disable",
        "database.url=host=a,b port=5432 dbname=d",
        "smtp.from=no-reply@clinic.example",
        "smtp.security=tls",
    };
    static const char *const bad[][2] = {
        {"listen=here", "address"},
        {"listen=", "address"},
        {"listen=:80", "address"},
        {"listen=127.0.0.1", "address"},
        {"smtp.host=mail.clinic.example:25", "host name"},
        {"smtp.host=a b", "host name"},
        {"smtp.host=a/b", "host name"},
        {"smtp.host=a@b", "host name"},
        {"smtp.host=[::1]", "host name"},
        {"smtp.from=Clinic <a@clinic.example>", "without a name"},
        {"smtp.from=a@b", "without a name"},
        {"smtp.user=a\tb", "control characters"},
        {"smtp.security=ssl", "starttls|tls|none"},
        {"smtp.password_file=/nonexistent", "a file that exists"},
        {"listen=127.0.0.1:", "address"},
        {"listen=127.0.0.1:65536", "address"},
        {"listen=127.0.0.1:+8", "address"},
        {"listen=127.0.0.256:80", "address"},
        {"listen=::1:80", "address"},
        {"listen=[127.0.0.1]:80", "address"},
        {"listen=clinic.example:80", "address"},
        {"listen=off", "address"},
        {"admin_listen=of", "or off"},
        {"time_zone=Africa/Nowhere", "IANA"},
        {"time_zone=+02:00", "IANA"},
        {"time_zone=EST", "IANA"},
        {"time_zone=../UTC", "IANA"},
        {"data_dir=", "a folder"},
        {"data_dir=/dev/null", "a folder"},
        {"data_dir=/dev/null/var", "a folder"},
        {"home=/dev", "lua/ and migrations/"},
        {"home=/nonexistent", "lua/ and migrations/"},
        {"user=no-such-user", "useradd"},
        {"user=root", "not root"},
        {"database.url=banana", "host="},
        {"database.url=postgresql://u@h/d?banana=1", "host="},
        {"database.url=postgresql://u@h:543210/d", "host="},
        {"database.url=host=h port=x", "host="},
        {"database.url=host=h port=0", "host="},
        {"database.url=host=a,b,c port=1,2", "host="},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ok(load(NULL, good[i]), "takes %s (%s)", good[i], err.text);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[128], key[32];
        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(bad[i][0], "="), bad[i][0]);
        ok(!load(NULL, bad[i][0]) && says("--set: ") && says(key) && says(bad[i][1]),
           "refuses --set %s (%s)", bad[i][0], err.text);
        (void)snprintf(line, sizeof line, "\n%s\n", bad[i][0]);
        ok(!load_text(line) && says(":2: ") && says(key) && says(bad[i][1]),
           "refuses %s in a file, and names the line (%s)", bad[i][0], err.text);
    }
    (void)setenv("MEDBOOKD_DATABASE_URL", "postgresql://u:secret@h:x/d", 1);
    ok(!load(NULL, "") && says("MEDBOOKD_DATABASE_URL") && says("database.url"),
       "names the variable of a value that cannot be");
    ok(!says("secret"), "shows no part of a connection string, which may hold a password");
    (void)unsetenv("MEDBOOKD_DATABASE_URL");
}

/* Uncommented, the sample must be a file that changes nothing. */
static void test_sample(void)
{
    struct mb_buf sample, before, after;
    mb_buf_init(&sample, 1 << 20);
    mb_buf_init(&before, 1 << 20);
    mb_buf_init(&after, 1 << 20);
    bool is_same = mb_config_sample(&sample) == MB_OK && mb_buf_add(&sample, "", 1) == MB_OK;
    for (char *at = sample.data; is_same && *at != '\0'; at++)
        if (*at == '#' && at[1] != ' ' && (at == sample.data || at[-1] == '\n')) *at = ' ';
    is_same = is_same && load(NULL, "");
    for (size_t i = 0; is_same && i < mb_config_count(); i++)
        is_same =
            mb_config_text(&config, i, &before) == MB_OK && mb_buf_addz(&before, "\n") == MB_OK;
    is_same = is_same && load_text(sample.data);
    for (size_t i = 0; is_same && i < mb_config_count(); i++)
        is_same = mb_config_text(&config, i, &after) == MB_OK && mb_buf_addz(&after, "\n") == MB_OK;
    ok(is_same && mb_str_eq(mb_buf_str(&before), mb_buf_str(&after)),
       "prints a sample that, uncommented, says the defaults (%s)", err.text);
    for (size_t i = 0; i < mb_config_count(); i++)
        ok(strstr(sample.data, mb_config_key(i)) != NULL, "the sample names %s", mb_config_key(i));
    mb_buf_reset(&sample);
    mb_buf_reset(&before);
    mb_buf_reset(&after);
}

int main(void)
{
    test_defaults();
    test_values();
    test_public_url();
    test_smtp();
    test_file();
    test_order();
    test_meaning();
    test_sample();
    return done();
}
