/* The mail is composed by the scripts, as any; then it is sent, or becomes a file, in a child without rights. */
#include "app/mail_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/parts.h"
#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "client/maildrop.h"

enum { MAX_MAIL = 1 << 20, MAX_DIAGNOSTICS = 1 << 20 };

struct test {
    const struct mb_config *config;
    const char *to;
    struct mb_site site;
    struct mb_bundle scripts;
    char password[MB_PASSWORD_MAX];
    struct mb_buf mail;
    bool is_over;
    struct mb_smtp_result result;
};

static enum mb_rc look(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    struct test *t = ctx;
    return mb_vm_tell(states->vm, "workflows.mail", "test", t->to, &t->mail, err);
}

static enum mb_rc compose(struct test *t, struct mb_err *err)
{
    struct mb_shelf *shelf;
    struct mb_buf diagnostics;
    mb_buf_init(&diagnostics, MAX_DIAGNOSTICS);
    enum mb_rc rc = mb_shelf_new(&shelf, (size_t)t->config->reload_max_bytes, err);
    if (rc == MB_OK) rc = mb_shelf_put(shelf, 0, &t->scripts, err);
    if (rc == MB_OK)
        rc = mb_scripts_check(t->config, NULL, &shelf->slot[0], look, t, &diagnostics, err);
    if (rc == MB_E_SCRIPT && diagnostics.len > 0) {
        mb_say_lines(mb_buf_str(&diagnostics));
        rc = MB_E_CANCELLED; /* all is said */
        err->rc = rc;
    }
    mb_buf_reset(&diagnostics);
    return rc;
}

static enum mb_rc keep(const struct test *t, struct mb_err *err)
{
    char folder[MB_PATH_MAX], name[MB_MAILDROP_NAME];
    enum mb_rc rc = mb_datadir_file(&t->site.dir, "mail", folder, err);
    if (rc == MB_OK) rc = mb_maildrop_write(folder, "test", mb_buf_str(&t->mail), name, err);
    if (rc == MB_OK)
        (void)printf("%s/%s: written; no server for mail is configured (smtp.host)\n", folder, name);
    return rc;
}

static void on_done(void *ctx, const struct mb_smtp_result *result)
{
    struct test *t = ctx;
    t->result = *result;
    t->is_over = true;
}

static enum mb_rc send_on(struct test *t, struct mb_smtp *smtp, uv_loop_t *loop)
{
    struct mb_delivery *delivery;
    const struct mb_smtp_mail mail = {
        .from = t->config->smtp_from, .to = t->to, .text = mb_buf_str(&t->mail)};
    if (mb_smtp_start(smtp, &mail, on_done, t, &delivery, &t->result))
        while (!t->is_over) (void)uv_run(loop, UV_RUN_ONCE);
    return t->result.code == NULL ? MB_OK : MB_E_IO;
}

static enum mb_rc send_mail(struct test *t, struct mb_err *err)
{
    uv_loop_t loop;
    struct mb_smtp *smtp = NULL;
    char name[MB_SMTP_NAME];
    const struct mb_config *c = t->config;
    const struct mb_smtp_limits limits = mb_parts_smtp(c, t->password, name);
    if (uv_loop_init(&loop) != 0) return mb_fail(err, MB_E_NOMEM, "no memory for a mail");
    enum mb_rc rc = mb_smtp_new(&smtp, &loop, &limits, err);
    if (rc == MB_OK) {
        rc = send_on(t, smtp, &loop);
        mb_smtp_close(smtp);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    mb_smtp_free(smtp);
    if (rc == MB_OK)
        (void)printf("%s:%lld took the mail: %s\n", c->smtp_host, (long long)c->smtp_port,
                     t->result.detail);
    else if (t->result.code != NULL)
        rc = mb_fail(err, rc, "mail: %.80s:%lld: %s: %s", c->smtp_host, (long long)c->smtp_port,
                     t->result.code, t->result.detail);
    return rc;
}

static enum mb_rc run(void *ctx, struct mb_err *err)
{
    struct test *t = ctx;
    mb_buf_init(&t->mail, MAX_MAIL);
    enum mb_rc rc = compose(t, err);
    if (rc == MB_OK) rc = t->config->smtp_host[0] != '\0' ? send_mail(t, err) : keep(t, err);
    mb_buf_reset(&t->mail);
    (void)fflush(stdout);
    return rc;
}

int mb_mail_test(const struct mb_options *o, const struct mb_config *config)
{
    struct test t = {.config = config, .to = o->words[1]};
    struct mb_err err = {0};
    enum mb_rc rc = mb_site_visit(&t.site, config, &err);
    if (rc == MB_OK) rc = mb_site_scripts(&t.site, &t.scripts, &err);
    if (rc == MB_OK) rc = mb_password_read(t.password, config->smtp_password_file, &err);
    const struct mb_child_plan child = {.user = &t.site.user, .signals = &t.site.signals};
    if (rc == MB_OK) rc = mb_child_call(&child, run, &t, &err);
    if (rc != MB_OK && err.rc != MB_E_CANCELLED) mb_say_error(&err);
    mb_site_close(&t.site, false);
    mb_bundle_free(&t.scripts);
    return rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
