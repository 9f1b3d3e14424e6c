#include <lauxlib.h>
#include <stddef.h>
#include <stdlib.h>

#include "bind/modules.h"
#include "bind/task.h"
#include "client/maildrop.h"
#include "client/smtp.h"

/*
 * mb.mail: mails on their way out, in the jobs process. What goes wrong out there is no error of the script.
 *
 *   mail.send { from =, to =, text = } -> what the server answered, when it took the mail (smtp.host); or nil and
 *     { code =, detail =, is_permanent = whether it would refuse it again } (client/smtp.h)
 *   mail.keep("verify-email", text) -> "20261122T080000.000Z-verify-email.eml", a file under the data folder;
 *     or nil and { code = "not_kept", detail = "…" }
 *
 * text is a message of RFC 5322, as mb.mime composes it.
 */

enum { MAX_MAIL = 1 << 20 };

static int push_failure(lua_State *L, const char *code, const char *detail, bool is_permanent)
{
    lua_pushnil(L);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
    lua_pushstring(L, detail);
    lua_setfield(L, -2, "detail");
    lua_pushboolean(L, is_permanent);
    lua_setfield(L, -2, "is_permanent");
    return 2;
}

/* The text at an index that may be a mail: of its lines each ends with CRLF, none is over 998 bytes. So nothing in it
 * ends the mail early, for whatever server. */
static struct mb_str mail_at(lua_State *L, int index, const char *what)
{
    enum { MAX_LINE = 998 };
    struct mb_str s;
    size_t line = 0;
    if (lua_type(L, index) != LUA_TSTRING) luaL_error(L, "%s: the mail is a text", what);
    s.ptr = lua_tolstring(L, index, &s.len);
    if (s.len > MAX_MAIL) luaL_error(L, "%s: a mail has at most %d bytes", what, MAX_MAIL);
    for (size_t i = 0; i < s.len; i++) {
        bool is_end = s.ptr[i] == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n';
        if (!is_end && (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0'))
            luaL_error(L, "%s: lines of a mail end with CR and LF, and hold neither nor a zero",
                       what);
        if (!is_end && ++line > MAX_LINE)
            luaL_error(L, "%s: a line of a mail has at most %d bytes", what, MAX_LINE);
        if (is_end) line = 0, i++;
    }
    if (s.len < 2 || line > 0) luaL_error(L, "%s: a mail ends with CR and LF", what);
    return s;
}

/* ---- send ---- */

/* Owned by its task, as the waits of bind_http.c are. */
struct send_wait {
    struct mb_wait wait;
    struct mb_claim claim;
    struct mb_delivery *delivery; /* NULL once it is over */
    struct mb_smtp_result result;
};

static void send_cancel(struct mb_wait *wait)
{
    struct send_wait *w = (struct send_wait *)wait;
    if (w->delivery) mb_smtp_cancel(w->delivery);
    w->delivery = NULL;
}

static void send_release(struct mb_claim *claim)
{
    struct send_wait *w = (struct send_wait *)((char *)claim - offsetof(struct send_wait, claim));
    send_cancel(&w->wait);
    free(w);
}

static void send_done(void *ctx, const struct mb_smtp_result *result)
{
    struct send_wait *w = ctx;
    w->delivery = NULL;
    w->result = *result;
    mb_task_wake(&w->wait);
}

static int send_result(lua_State *L, int status, lua_KContext ctx)
{
    struct send_wait *w = (struct send_wait *)ctx;
    int n = 1;
    (void)status;
    if (w->result.code)
        n = push_failure(L, w->result.code, w->result.detail, w->result.is_permanent);
    else
        lua_pushstring(L, w->result.detail);
    mb_claim_drop(&w->claim);
    send_release(&w->claim);
    return n;
}

/* A field of the table at 1, which keeps it alive. */
static const char *address_at(lua_State *L, const char *name)
{
    size_t n;
    if (lua_getfield(L, 1, name) != LUA_TSTRING)
        luaL_error(L, "mail.send: '%s' is an address", name);
    const char *address = lua_tolstring(L, -1, &n);
    return strlen(address) == n ? address : ""; /* which is none */
}

static uint32_t time_left(lua_State *L, const struct mb_task *task)
{
    uint64_t now = uv_now(mb_vm_plan(mb_vm_of(L))->loop), until = mb_task_deadline(task) / 1000000u;
    uint64_t left = until > now ? until - now : 1;
    return left < UINT32_MAX ? (uint32_t)left : 0;
}

static int l_send(lua_State *L)
{
    struct mb_smtp *smtp = mb_vm_plan(mb_vm_of(L))->smtp;
    struct mb_task *task = mb_task_check(L, "mail.send");
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!smtp) return luaL_error(L, "mail.send: mails leave by jobs only, where smtp.host is set");
    if (mb_task_is_pinned(task))
        return luaL_error(L, "mail.send inside db.tx: a connection would wait for another server");
    struct mb_smtp_mail mail = {.from = address_at(L, "from"), .to = address_at(L, "to")};
    (void)lua_getfield(L, 1, "text");
    mail.text = mail_at(L, -1, "mail.send");
    mail.timeout = time_left(L, task);
    struct send_wait *w = calloc(1, sizeof *w);
    if (!w) return luaL_error(L, "not enough memory");
    w->wait.cancel = send_cancel;
    mb_task_claim(task, &w->claim, send_release);
    if (mb_smtp_start(smtp, &mail, send_done, w, &w->delivery, &w->result))
        return mb_task_wait(L, &w->wait, (lua_KContext)w, send_result);
    return send_result(L, LUA_OK, (lua_KContext)w);
}

/* ---- keep ---- */

/* In work on the thread pool, for a waiter that may leave. */
struct keeping {
    uv_work_t work;
    struct keep_wait *waiter; /* NULL once the task left */
    const char *folder;       /* the process's */
    char kind[MB_MAILDROP_NAME];
    struct mb_buf mail;
    enum mb_rc rc;
    struct mb_err err;
    char name[MB_MAILDROP_NAME];
};

struct keep_wait {
    struct mb_wait wait;
    struct keeping *keeping;
    enum mb_rc rc;
    struct mb_err err;
    char name[MB_MAILDROP_NAME];
};

static void free_keeping(struct keeping *k)
{
    mb_buf_reset(&k->mail);
    free(k);
}

static void do_keep(uv_work_t *work)
{
    struct keeping *k = work->data;
    k->rc = mb_maildrop_write(k->folder, k->kind, mb_buf_str(&k->mail), k->name, &k->err);
}

static void keep_done(uv_work_t *work, int status)
{
    struct keeping *k = work->data;
    if (status != 0) k->rc = mb_fail(&k->err, MB_E_CANCELLED, "the server stops");
    if (k->waiter) {
        k->waiter->keeping = NULL;
        k->waiter->rc = k->rc;
        k->waiter->err = k->err;
        memcpy(k->waiter->name, k->name, sizeof k->name);
        mb_task_wake(&k->waiter->wait);
    }
    free_keeping(k);
}

static void keep_cancel(struct mb_wait *wait)
{
    struct keep_wait *w = (struct keep_wait *)wait;
    if (w->keeping) w->keeping->waiter = NULL;
    w->keeping = NULL;
}

static int keep_result(lua_State *L, int status, lua_KContext at)
{
    const struct keep_wait *w = lua_touserdata(L, (int)at);
    (void)status;
    if (w->rc != MB_OK) return push_failure(L, "not_kept", w->err.text, false);
    lua_pushstring(L, w->name);
    return 1;
}

static int l_keep(lua_State *L)
{
    const char *folder = mb_vm_plan(mb_vm_of(L))->mail_folder;
    struct mb_str kind;
    kind.ptr = luaL_checklstring(L, 1, &kind.len);
    luaL_argcheck(L, mb_maildrop_is_kind(kind), 1, "small letters, digits and hyphens");
    struct mb_str mail = mail_at(L, 2, "mail.keep");
    (void)mb_task_check(L, "mail.keep");
    if (!folder) return luaL_error(L, "mail.keep: mails leave by jobs only");
    struct keep_wait *w = lua_newuserdatauv(L, sizeof *w, 0);
    memset(w, 0, sizeof *w);
    w->wait.cancel = keep_cancel;
    struct keeping *k = calloc(1, sizeof *k);
    if (!k) return luaL_error(L, "not enough memory");
    mb_buf_init(&k->mail, MAX_MAIL);
    if (mb_buf_add(&k->mail, mail.ptr, mail.len) != MB_OK) {
        free_keeping(k);
        return luaL_error(L, "not enough memory");
    }
    memcpy(k->kind, kind.ptr, kind.len);
    k->folder = folder;
    k->waiter = w;
    k->work.data = k;
    w->keeping = k;
    uv_queue_work(mb_vm_plan(mb_vm_of(L))->loop, &k->work, do_keep, keep_done);
    return mb_task_wait(L, &w->wait, lua_gettop(L), keep_result);
}

int mb_open_mail(lua_State *L)
{
    static const luaL_Reg functions[] = {{"send", l_send}, {"keep", l_keep}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
