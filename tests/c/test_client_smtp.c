/* Facts about mails: what is an address, what is a kind, and that files of mails replace nothing. */
#define _GNU_SOURCE
#include "client/smtp.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/maildrop.h"
#include "tap.h"

static bool is_address(const char *text) { return mb_smtp_is_address(mb_str_z(text)); }

static void test_addresses(void)
{
    static const char *const good[] = {"a@b", "first.last+tag@clinic.example", "!#$%&'*+-/=?^_`{|}~@b",
                                       "medbookd@127.0.0.1"};
    static const char *const bad[] = {
        "",        "a",       "@",       "@b",        "a@",           "a@b@c",   "a b@c",  "a@b c",
        "a@b\r\n", "a\n@b",   "\ra@b",   "a@b\t",     "<a@b>",        "a@b>",    "a<@b",   "a@b,c",
        "a;b@c",   "a:b@c",   "\"a\"@b", "a\\b@c",    "(x)a@b",       "a@[1]",   "\x7f@b", "\xc3\xbc@b",
        "a@\xc3\xbc",         "a@b\x01"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ok(is_address(good[i]), "takes the sound address %zu", i);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(!is_address(bad[i]), "refuses the wrong address %zu", i);
    ok(!mb_smtp_is_address((struct mb_str){"a@b\0c", 5}), "refuses a zero byte");
    char name[300];
    memset(name, 'a', sizeof name);
    name[64] = '@';
    ok(mb_smtp_is_address((struct mb_str){name, 254}), "takes 64 characters before the @, 254 in all");
    ok(!mb_smtp_is_address((struct mb_str){name, 255}), "refuses 255");
    name[64] = 'a';
    name[65] = '@';
    ok(!mb_smtp_is_address((struct mb_str){name, 100}), "refuses 65 before the @");
}

/* What ends a mail before it is begun: nothing turns the loop. */
static void test_refusals(void)
{
    uv_loop_t loop;
    struct mb_smtp *smtp;
    struct mb_delivery *delivery;
    struct mb_err err;
    const struct mb_smtp_limits limits = {
        .host = "127.0.0.1", .port = 1, .user = "", .password = "", .name = "a", .ca_file = "", .timeout = 1000};
    struct mb_smtp_mail mail = {.from = "a@b", .to = "c@d\r\nRCPT TO:<e@f>", .text = MB_STR("x\r\n")};
    struct mb_smtp_result result = {.code = NULL};
    if (uv_loop_init(&loop) != 0 || mb_smtp_new(&smtp, &loop, &limits, &err) != MB_OK) abort();
    ok(!mb_smtp_start(smtp, &mail, NULL, NULL, &delivery, &result) &&
           strcmp(result.code, "address_invalid") == 0 && result.is_permanent,
       "sends nothing to what would be a command of its own");
    mail.to = "c@d";
    mail.from = "a@b> AUTH=<x";
    result = (struct mb_smtp_result){.code = NULL};
    ok(!mb_smtp_start(smtp, &mail, NULL, NULL, &delivery, &result) &&
           strcmp(result.code, "address_invalid") == 0,
       "sends nothing from there either");
    mail.from = "a@b";
    mb_smtp_close(smtp);
    ok(!mb_smtp_start(smtp, &mail, NULL, NULL, &delivery, &result) &&
           strcmp(result.code, "cancelled") == 0,
       "sends nothing once it is closed");
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ok(uv_loop_close(&loop) == 0, "leaves nothing open");
    mb_smtp_free(smtp);
}

static void test_files(void)
{
    char folder[] = "/tmp/mbtest-mail-XXXXXX", inside[64], path[256];
    char first[MB_MAILDROP_NAME], second[MB_MAILDROP_NAME];
    struct mb_err err = {.rc = MB_OK};
    struct stat st;
    ok(mb_maildrop_is_kind(MB_STR("verify-email2")) && !mb_maildrop_is_kind(MB_STR("")) &&
           !mb_maildrop_is_kind(MB_STR("../x")) && !mb_maildrop_is_kind(MB_STR("a b")) &&
           !mb_maildrop_is_kind(MB_STR("a\0b")) && !mb_maildrop_is_kind(MB_STR("A")),
       "knows a kind from a path");
    if (mkdtemp(folder) == NULL) abort();
    (void)snprintf(inside, sizeof inside, "%s/mail", folder);
    mb_wall_stop(0);
    ok(mb_maildrop_write(inside, "test", MB_STR("one\r\n"), first, &err) == MB_OK &&
           strcmp(first, "19700101T000000.000Z-test.eml") == 0,
       "names a file by time and kind");
    ok(mb_maildrop_write(inside, "test", MB_STR("other\r\n"), second, &err) == MB_OK &&
           strcmp(second, "19700101T000000.000Z-test-2.eml") == 0,
       "replaces no mail of the same moment");
    (void)snprintf(path, sizeof path, "%s/%s", inside, first);
    ok(stat(path, &st) == 0 && st.st_size == 5 && (st.st_mode & 0777) == 0600 && st.st_nlink == 1,
       "leaves each as it was, to its owner alone");
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/%s", inside, second);
    (void)unlink(path);
    ok(rmdir(inside) == 0, "leaves nothing else in the folder");
    if (symlink(folder, inside) != 0) abort();
    ok(mb_maildrop_write(inside, "test", MB_STR("x\r\n"), first, &err) != MB_OK,
       "follows no link in the place of the folder");
    (void)unlink(inside);
    (void)rmdir(folder);
}

int main(void)
{
    test_addresses();
    test_refusals();
    test_files();
    return done();
}
