#include <lauxlib.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/id.h"
#include "bind/argon2.h"
#include "bind/modules.h"
#include "bind/problem.h"
#include "bind/task.h"
#include "net/peer.h"
#include "net/tally.h"

/*
 * mb.crypto: keyed digests under the installation's secret, tokens, password hashing off the
 * loop. mb.id: identifiers. The installation's key never reaches a script: hmac
 * derives one per purpose.
 */

enum { TOKEN_BYTES = 32, MAX_PASSWORD = 4096, SIGN_MAX = 1 << 20 };

static void push_base64url(lua_State *L, const unsigned char *bytes, size_t n)
{
    luaL_Buffer b;
    size_t room = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *out = luaL_buffinitsize(L, &b, room);
    sodium_bin2base64(out, room, bytes, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    luaL_pushresultsize(&b, room - 1);
}

/* crypto.hmac(purpose, text) -> base64url of HMAC-SHA-256 under a key of that purpose only */
static int l_hmac(lua_State *L)
{
    struct mb_str purpose, text;
    unsigned char key[crypto_auth_hmacsha256_KEYBYTES], mac[crypto_auth_hmacsha256_BYTES];
    purpose.ptr = luaL_checklstring(L, 1, &purpose.len);
    text.ptr = luaL_checklstring(L, 2, &text.len);
    const unsigned char *secret = mb_vm_plan(mb_vm_of(L))->secret;
    if (!secret) return luaL_error(L, "there is no secret key while scripts are checked");
    crypto_auth_hmacsha256(key, (const unsigned char *)purpose.ptr, purpose.len, secret);
    crypto_auth_hmacsha256(mac, (const unsigned char *)text.ptr, text.len, key);
    sodium_memzero(key, sizeof key);
    push_base64url(L, mac, sizeof mac);
    return 1;
}

/* How far a signature came. */
struct signing {
    crypto_hash_sha256_state
        key; /* one longer than a block of the hash is hashed first (RFC 2104) */
    crypto_auth_hmacsha256_state text;
    size_t done; /* bytes of the key, then of the text */
    bool has_key;
};

enum { SIGN_BLOCK = 64, SIGN_PART = 16384, AT_SIGNING = 3 };

static struct mb_str part_of(lua_State *L, int index, size_t done)
{
    struct mb_str s;
    s.ptr = lua_tolstring(L, index, &s.len);
    s.ptr += done;
    s.len = s.len - done < SIGN_PART ? s.len - done : SIGN_PART;
    return s;
}

/* Whether the key is taken. */
static bool take_key(lua_State *L, struct signing *w)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct mb_str key = part_of(L, 1, w->done);
    size_t length = lua_rawlen(L, 1);
    if (length <= SIGN_BLOCK) {
        crypto_auth_hmacsha256_init(&w->text, (const unsigned char *)key.ptr, key.len);
        return true;
    }
    if (w->done == 0) crypto_hash_sha256_init(&w->key);
    crypto_hash_sha256_update(&w->key, (const unsigned char *)key.ptr, key.len);
    w->done += key.len;
    if (w->done < length) return false;
    crypto_hash_sha256_final(&w->key, digest);
    crypto_auth_hmacsha256_init(&w->text, digest, sizeof digest);
    sodium_memzero(digest, sizeof digest);
    return true;
}

/* Whether all of the text is taken. */
static bool take_text(lua_State *L, struct signing *w)
{
    struct mb_str text = part_of(L, 2, w->done);
    crypto_auth_hmacsha256_update(&w->text, (const unsigned char *)text.ptr, text.len);
    w->done += text.len;
    return w->done == lua_rawlen(L, 2);
}

static int sign_on(lua_State *L, int status, lua_KContext ctx)
{
    struct signing *w = lua_touserdata(L, AT_SIGNING);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char out[2 * sizeof mac + 1];
    (void)status;
    for (;;) {
        if (w->has_key && take_text(L, w)) break;
        if (!w->has_key && take_key(L, w)) {
            w->has_key = true;
            w->done = 0;
        }
        mb_budget_check(L);
        if (mb_budget_is_late(L)) return mb_budget_rest(L, ctx, sign_on);
    }
    crypto_auth_hmacsha256_final(&w->text, mac);
    sodium_memzero(w, sizeof *w);
    sodium_bin2hex(out, sizeof out, mac, sizeof mac);
    lua_pushlstring(L, out, 2 * sizeof mac);
    return 1;
}

/* crypto.sign(key, text) -> lower-case hex of HMAC-SHA-256 (RFC 2104) under a key that the script has,
 * for others who have it too; at most SIGN_MAX bytes each. Rests when a slice is over. */
static int l_sign(lua_State *L)
{
    size_t key, text;
    (void)luaL_checklstring(L, 1, &key);
    (void)luaL_checklstring(L, 2, &text);
    luaL_argcheck(L, key > 0 && key <= SIGN_MAX, 1, "1 byte to 1 MB");
    luaL_argcheck(L, text <= SIGN_MAX, 2, "at most 1 MB");
    lua_settop(L, 2);
    struct signing *w = lua_newuserdatauv(L, sizeof *w, 0);
    w->done = 0;
    w->has_key = false;
    return sign_on(L, LUA_OK, 0);
}

/* crypto.sha256(text) -> lower-case hex */
static int l_sha256(lua_State *L)
{
    struct mb_str text;
    unsigned char digest[crypto_hash_sha256_BYTES];
    char out[2 * sizeof digest + 1];
    text.ptr = luaL_checklstring(L, 1, &text.len);
    crypto_hash_sha256(digest, (const unsigned char *)text.ptr, text.len);
    sodium_bin2hex(out, sizeof out, digest, sizeof digest);
    lua_pushlstring(L, out, 2 * sizeof digest);
    return 1;
}

/* crypto.token() -> 256 random bits, base64url */
static int l_token(lua_State *L)
{
    unsigned char bytes[TOKEN_BYTES];
    mb_random(bytes, sizeof bytes);
    push_base64url(L, bytes, sizeof bytes);
    return 1;
}

/* crypto.equal(a, b): compares texts in a time that tells nothing of where they differ */
static int l_equal(lua_State *L)
{
    struct mb_str a, b;
    a.ptr = luaL_checklstring(L, 1, &a.len);
    b.ptr = luaL_checklstring(L, 2, &b.len);
    lua_pushboolean(L, a.len == b.len && sodium_memcmp(a.ptr, b.ptr, a.len) == 0);
    return 1;
}

static int l_encode64(lua_State *L)
{
    struct mb_str text;
    text.ptr = luaL_checklstring(L, 1, &text.len);
    push_base64url(L, (const unsigned char *)text.ptr, text.len);
    return 1;
}

/* crypto.decode64(text) -> bytes, or nil when it is no base64url */
static int l_decode64(lua_State *L)
{
    struct mb_str text;
    size_t n = 0;
    text.ptr = luaL_checklstring(L, 1, &text.len);
    luaL_Buffer b;
    char *out = luaL_buffinitsize(L, &b, text.len + 1);
    if (sodium_base642bin((unsigned char *)out, text.len + 1, text.ptr, text.len, NULL, &n, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return 0;
    luaL_pushresultsize(&b, n);
    return 1;
}

/* ---- password hashing (Argon2id) on the thread pool, with limits of its own ---- */

/* How many run at once is this process's share of the machine; those that wait are counted for the whole machine, and
 * for each client of it, so that nobody can keep all others from signing in. */

struct hashing {
    uv_work_t work;
    struct hash_wait *waiter; /* NULL once the task left */
    struct hashing *next;
    bool verify, ok;
    /* While it waits: where it is counted, NULL = only here; and for whom, everybody alone or a client too. */
    struct mb_tally *tally;
    struct mb_addr client;
    bool has_client;
    unsigned place;
    size_t password_len;
    char password[MAX_PASSWORD];
    char hash[MB_ARGON2_TEXT];
};

struct hash_wait {
    struct mb_wait wait;
    struct hashing *job;
    bool verify, ok;
    char hash[MB_ARGON2_TEXT];
};

/* The queue is the process's, as the thread pool is. */
static struct {
    struct hashing *first, **last;
    int running, waiting;
    int most; /* auth.hash_parallel, as the last caller had it */
} queue;

static const struct mb_addr everybody; /* no client has it */

/* Whether there is room for one more that waits; then it is counted. */
static bool count_waiting(struct hashing *j, const struct mb_vm_limits *limits)
{
    uint32_t most = (uint32_t)limits->hash_queue, of_client = (most + 3) / 4;
    if (j->tally == NULL) return queue.waiting < limits->hash_queue;
    if (!mb_tally_enter(j->tally, j->place, &everybody, most)) return false;
    if (!j->has_client || mb_tally_enter(j->tally, j->place, &j->client, of_client)) return true;
    mb_tally_leave(j->tally, j->place, &everybody);
    return false;
}

static void leave_queue(struct hashing *j)
{
    queue.waiting--;
    if (j->tally == NULL) return;
    mb_tally_leave(j->tally, j->place, &everybody);
    if (j->has_client) mb_tally_leave(j->tally, j->place, &j->client);
}

/* The loop's thread goes first where they share a core: it has little to do at once, a hashing much. Linux counts
 * the nice value of each thread by itself; a process that is nicer already stays so. */
static void give_way(void)
{
    static _Thread_local bool has_given_way;
    enum { NICE = 10 };
    if (has_given_way) return;
    has_given_way = true;
    (void)setpriority(PRIO_PROCESS, 0, NICE);
}

static void do_hash(uv_work_t *work)
{
    struct hashing *j = work->data;
    give_way();
    if (j->verify)
        j->ok = mb_argon2_verify(j->hash, j->password, j->password_len);
    else
        j->ok = mb_argon2_hash(j->hash, j->password, j->password_len);
}

static void free_hashing(struct hashing *j)
{
    sodium_memzero(j->password, sizeof j->password);
    free(j);
}

static void hash_done(uv_work_t *work, int status);

static void start_hashing(uv_loop_t *loop, struct hashing *j)
{
    j->work.data = j;
    queue.running++;
    uv_queue_work(loop, &j->work, do_hash, hash_done);
}

static void hash_done(uv_work_t *work, int status)
{
    struct hashing *j = work->data;
    uv_loop_t *loop = work->loop;
    queue.running--;
    if (j->waiter) {
        j->waiter->job = NULL;
        j->waiter->ok = status == 0 && j->ok;
        memcpy(j->waiter->hash, j->hash, sizeof j->hash);
        mb_task_wake(&j->waiter->wait);
    }
    free_hashing(j);
    if (queue.first && queue.running < queue.most) {
        struct hashing *next = queue.first;
        queue.first = next->next;
        if (!queue.first) queue.last = &queue.first;
        leave_queue(next);
        start_hashing(loop, next);
    }
}

/* A job that waits for its turn goes; one in work ends for nobody. */
static void hash_cancel(struct mb_wait *w)
{
    struct hash_wait *h = (struct hash_wait *)w;
    struct hashing *j = h->job;
    h->job = NULL;
    if (!j) return;
    j->waiter = NULL;
    for (struct hashing **p = &queue.first; *p; p = &(*p)->next) {
        if (*p != j) continue;
        *p = j->next;
        if (queue.last == &j->next) queue.last = p;
        leave_queue(j);
        free_hashing(j);
        return;
    }
}

static int hash_result(lua_State *L, int status, lua_KContext at)
{
    (void)status;
    struct hash_wait *h = lua_touserdata(L, (int)at);
    if (h->verify)
        lua_pushboolean(L, h->ok);
    else if (h->ok)
        lua_pushstring(L, h->hash);
    else
        return luaL_error(L, "a password could not be hashed: not enough memory");
    return 1;
}

/* client: stack index of the address of whoever asks, or of nil. */
static struct hashing *new_hashing(lua_State *L, struct mb_str password, struct mb_str hash,
                                   int client)
{
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    struct mb_str address = {NULL, 0};
    if (!lua_isnoneornil(L, client)) address.ptr = luaL_checklstring(L, client, &address.len);
    struct hashing *j = calloc(1, sizeof *j);
    if (!j) luaL_error(L, "not enough memory");
    memcpy(j->password, password.ptr, password.len);
    j->password_len = password.len;
    memcpy(j->hash, hash.ptr, hash.len);
    j->tally = plan->hashers;
    j->place = plan->place;
    j->has_client = address.ptr != NULL && mb_addr_parse(address, &j->client);
    return j;
}

static int hash_start(lua_State *L, bool verify, struct mb_str password, struct mb_str hash,
                      int client)
{
    mb_task_check(L, "crypto password hashing");
    const struct mb_vm_limits *limits = &mb_vm_plan(mb_vm_of(L))->limits;
    struct hash_wait *h = lua_newuserdatauv(L, sizeof *h, 0);
    memset(h, 0, sizeof *h);
    h->wait.cancel = hash_cancel;
    h->verify = verify;
    struct hashing *j = new_hashing(L, password, hash, client);
    queue.most = limits->hash_parallel;
    bool waits = queue.running >= queue.most;
    if (waits && !count_waiting(j, limits)) {
        free_hashing(j);
        mb_push_problem(L, 429, "login_busy", "too many passwords to judge (auth.hash_queue)", 1);
        return lua_error(L);
    }
    j->verify = verify;
    j->waiter = h;
    h->job = j;
    if (!waits) {
        start_hashing(mb_vm_plan(mb_vm_of(L))->loop, j);
    } else {
        if (!queue.first) queue.last = &queue.first;
        *queue.last = j;
        queue.last = &j->next;
        queue.waiting++;
    }
    return mb_task_wait(L, &h->wait, lua_gettop(L), hash_result);
}

/* crypto.hash_password(password, client) -> encoded hash; password 1..4096 bytes, client: the address of whoever
 * asks, or nil. Raises login_busy. */
static int l_hash_password(lua_State *L)
{
    struct mb_str password;
    lua_settop(L, 2);
    password.ptr = luaL_checklstring(L, 1, &password.len);
    luaL_argcheck(L, password.len > 0 && password.len <= MAX_PASSWORD, 1, "1 to 4096 bytes");
    return hash_start(L, false, password, MB_STR(""), 2);
}

/* crypto.verify_password(hash, password, client) -> boolean; takes as long for a wrong one. Raises login_busy. */
static int l_verify_password(lua_State *L)
{
    struct mb_str password, hash;
    lua_settop(L, 3);
    hash.ptr = luaL_checklstring(L, 1, &hash.len);
    password.ptr = luaL_checklstring(L, 2, &password.len);
    if (hash.len >= MB_ARGON2_TEXT || password.len > MAX_PASSWORD) {
        lua_pushboolean(L, 0);
        return 1;
    }
    return hash_start(L, true, password, hash, 3);
}

int mb_open_crypto(lua_State *L)
{
    static const luaL_Reg functions[] = {{"hmac", l_hmac},
                                         {"sign", l_sign},
                                         {"sha256", l_sha256},
                                         {"token", l_token},
                                         {"equal", l_equal},
                                         {"encode64", l_encode64},
                                         {"decode64", l_decode64},
                                         {"hash_password", l_hash_password},
                                         {"verify_password", l_verify_password},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

static int l_cuid(lua_State *L)
{
    char id[MB_CUID_LEN + 1];
    mb_cuid(id);
    lua_pushlstring(L, id, MB_CUID_LEN);
    return 1;
}

static int l_reference(lua_State *L)
{
    char id[MB_REFERENCE_LEN + 1];
    mb_reference(id);
    lua_pushlstring(L, id, MB_REFERENCE_LEN);
    return 1;
}

int mb_open_id(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"cuid", l_cuid}, {"reference", l_reference}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
