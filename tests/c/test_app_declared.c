/* Keys that scripts declare: what a declaration must say, where their values come from, what is refused. */
#include "app/config_declared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static struct mb_config config;
static struct mb_config_declared *declared;
static struct mb_err err;
static struct mb_buf value;

/* As a process that is given this file and this --set; NULL = none. */
static bool start(const char *text, const char *set)
{
    char path[] = "/tmp/mbtest-conf-XXXXXX", *copy = strdup(set != NULL ? set : "");
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) abort();
    (void)close(fd);
    memset(&err, 0, sizeof err);
    mb_config_declared_free(declared);
    enum mb_rc rc = mb_config_load(&config, path, &copy, set != NULL, &err);
    free(copy);
    if (mb_config_declared_new(&declared, &config, NULL) != MB_OK) abort();
    (void)unlink(path);
    return rc == MB_OK;
}

/* The value in force; NULL when the declaration is refused. */
static const char *declare(struct mb_vm_declaration it)
{
    if (it.key == NULL) it.key = "test.span";
    if (it.type == NULL) it.type = "duration";
    if (it.dflt == NULL) it.dflt = "24h";
    if (it.help == NULL) it.help = "for tests";
    it.at = "routes/test.lua:3";
    mb_buf_clear(&value);
    memset(&err, 0, sizeof err);
    if (mb_config_declare(declared, &it, &value, &err) != MB_OK) return NULL;
    if (mb_buf_add(&value, "", 1) != MB_OK) abort();
    return value.data;
}

static const struct mb_vm_declaration span = {.least = "1s", .most = "365d"};

static bool is(const char *text, const char *wanted)
{
    return text != NULL && strcmp(text, wanted) == 0;
}

static bool says(const char *words) { return strstr(err.text, words) != NULL; }

static bool is_refused(const char *words)
{
    return mb_config_declared_check(declared, &err) == MB_E_CONFIG && says(words);
}

static void test_values(void)
{
    ok(start("", NULL) && is(declare(span), "1d"), "has its default");
    ok(mb_config_declared_check(declared, &err) == MB_OK, "has nothing to refuse");
    ok(start("test.span = 2h\n", NULL) && is(declare(span), "2h"), "is set by the file");
    (void)setenv("MEDBOOKD_TEST_SPAN", "3h", 1);
    ok(start("test.span = 2h\n", NULL) && is(declare(span), "3h"), "by the environment over it");
    ok(start("test.span = 2h\n", "test.span=90min") && is(declare(span), "90min"),
       "by --set over both");
    ok(mb_config_declared_check(declared, &err) == MB_OK, "uses all three up");
    (void)unsetenv("MEDBOOKD_TEST_SPAN");
    ok(start("", NULL) && is(declare((struct mb_vm_declaration){
                                 .type = "integer", .dflt = "3", .least = "0", .most = "9"}),
                             "3"),
       "may be a number");
    ok(start("test.span = b", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "word", .dflt = "a", .words = "a|b"}),
              "b"),
       "or a word");
    ok(start("test.span = false", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "boolean", .dflt = "true"}), "false"),
       "or a truth value");
    ok(start("test.span = 27, 264 1\n", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "countries", .dflt = ""}), "27, 264 1"),
       "or countries by their codes");
    ok(start("test.span = two words", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "text", .dflt = ""}), "two words"),
       "or a text");
    ok(start("test.span = https://a.example, https://b.example:8443", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "origins", .dflt = ""}),
              "https://a.example, https://b.example:8443"),
       "or origins");
    ok(start("test.span = https://a.example/path", NULL) &&
           is(declare((struct mb_vm_declaration){.type = "origins", .dflt = ""}), "") &&
           is_refused("origins such as"),
       "which have no path");
}

static const struct mb_vm_declaration secret = {.type = "secret", .dflt = ""};

/* As a process whose test.span is this text; a secret is declared. */
static const char *declare_secret(const char *value_of_key)
{
    char set[200];
    snprintf(set, sizeof set, "test.span=%s", value_of_key);
    return start("", set) ? declare(secret) : NULL;
}

static void test_secrets(void)
{
    char path[] = "/tmp/mbtest-secret-XXXXXX", wanted[100];
    struct mb_buf out;
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, "hush, hush\n", 11) != 11) abort();
    mb_buf_init(&out, 4096);
    ok(is(declare_secret(path), "hush, hush"), "a secret is the first line of its file");
    ok(mb_config_declared_print(declared, &out) == MB_OK && mb_buf_add(&out, "", 1) == MB_OK &&
           snprintf(wanted, sizeof wanted, "test.span = %s\n", path) > 0 && is(out.data, wanted),
       "whose name is what is shown");
    mb_buf_reset(&out);
    ok(ftruncate(fd, 0) == 0 && declare_secret(path) == NULL && err.rc == MB_E_SCRIPT &&
           says("must be the password, and not be empty"),
       "an empty file is refused where it is declared");
    (void)close(fd);
    (void)unlink(path);
    ok(declare_secret(path) == NULL && says("--set: test.span cannot be") && says("a file that"),
       "and one that is not there, with where it was set");
    ok(is(declare_secret(""), ""), "none is an empty one");
}

static void test_settings(void)
{
    ok(start("\ntest.spam = 2h\n", NULL) && declare(span) != NULL &&
           is_refused(":2: unknown key \"test.spam\"; did you mean test.span?"),
       "names the nearest to a misspelled one, with its line");
    ok(start("http.max_boddy = 2MB\n", NULL) && declare(span) != NULL &&
           is_refused("http.max_body?"),
       "the nearest may be the program's");
    ok(start("", "test.spam=1h") && declare(span) != NULL && is_refused("--set: unknown key"),
       "refuses it from the command line");
    (void)setenv("MEDBOOKD_TEST_SPAM", "3h", 1);
    ok(start("", NULL) && declare(span) != NULL && is_refused("MEDBOOKD_TEST_SPAM: no such key"),
       "and from the environment");
    (void)unsetenv("MEDBOOKD_TEST_SPAM");
    ok(start("test.span = soon\n", NULL) && is(declare(span), "1d") &&
           is_refused(":1: test.span cannot be \"soon\"; it must be a duration"),
       "refuses what is no value of its type");
    ok(start("test.span = 400d\n", NULL) && declare(span) != NULL &&
           is_refused("test.span is out of range; it must be 1s to 365d"),
       "and what is out of its range");
    static const char *const no_countries[] = {"ZA", "+27", "027", "2711", "27;264"};
    for (size_t i = 0; i < sizeof no_countries / sizeof *no_countries; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "test.span = %s\n", no_countries[i]);
        ok(start(line, NULL) &&
               is(declare((struct mb_vm_declaration){.type = "countries", .dflt = ""}), "") &&
               is_refused("it must be country codes of telephone numbers, such as 27, 264"),
           "and no country codes: %s", no_countries[i]);
    }
    ok(!start("test.span = 1h\n# x\ntest.span = 2h\n", NULL) &&
           says(":3: test.span is already set in line 1"),
       "is set once in a file");
}

static void refuses(struct mb_vm_declaration it, const char *words, const char *what)
{
    ok(start("", NULL) && declare(it) == NULL && err.rc == MB_E_SCRIPT && says(words),
       "refuses a declaration %s (%s)", what, err.text);
}

static void test_declarations(void)
{
    refuses((struct mb_vm_declaration){.key = "Test.span"}, "is no key", "of a name with capitals");
    refuses((struct mb_vm_declaration){.key = "span"}, "with a dot", "of a name without a dot");
    refuses((struct mb_vm_declaration){.key = "http.max_body"}, "a key of the server itself",
            "of a key that the program has");
    refuses((struct mb_vm_declaration){.type = "time"}, "integer, boolean, duration", "of no type");
    refuses((struct mb_vm_declaration){.most = "1d"}, "need both", "with half a range");
    refuses((struct mb_vm_declaration){.least = "x", .most = "1d"}, "'least' of 'test.span'",
            "with a bound that is none");
    refuses((struct mb_vm_declaration){.dflt = "2s", .least = "1h", .most = "1d"},
            "'default': test.span is out of range", "with a default out of its range");
    refuses((struct mb_vm_declaration){.type = "boolean", .dflt = "true", .words = "a|b"},
            "'words'", "with words that it has no use for");
    refuses((struct mb_vm_declaration){.type = "word", .dflt = "c", .words = "a|b"}, "a|b",
            "with a default that is none of its words");
    ok(start("", NULL) && declare(span) != NULL && declare(span) == NULL &&
           says("is declared at routes/test.lua:3 too"),
       "refuses a second declaration and says where the first is");
}

static void test_listing(void)
{
    struct mb_buf out;
    mb_buf_init(&out, 4096);
    ok(start("test.span = 2h\n", NULL) && declare(span) != NULL &&
           mb_config_declared_sample(declared, &out) == MB_OK &&
           mb_str_eq(mb_buf_str(&out),
                     MB_STR("\n# for tests\n# a duration such as 500ms, 10s, 5min, "
                            "2h or 1d, 1s to 365d\n#test.span = 24h\n")),
       "is listed as the program's keys are");
    mb_buf_clear(&out);
    ok(mb_config_declared_print(declared, &out) == MB_OK &&
           mb_str_eq(mb_buf_str(&out), MB_STR("test.span = 2h\n")),
       "with its value in force");
    mb_buf_reset(&out);
}

int main(void)
{
    mb_buf_init(&value, 4096);
    test_values();
    test_secrets();
    test_settings();
    test_declarations();
    test_listing();
    mb_config_declared_free(declared);
    mb_buf_reset(&value);
    return done();
}
