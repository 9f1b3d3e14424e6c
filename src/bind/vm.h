#pragma once
/*
 * One Lua state with its scripts: allocation ceiling, libraries, `require` over the bundle of
 * sources, and the routes that boot.lua returns. It knows no sockets; requests reach it
 * through handler.h, waiting through task.h.
 */
#include <lua.h>

#include "base/buf.h"
#include "base/json.h"
#include "bind/responses.h"
#include "db/db.h"
#include "net/route.h"

struct mb_client;
struct mb_rates;
struct mb_smtp;
struct mb_tally;
struct mb_vm;

struct mb_script {
    const char *name; /* relative to lua/, "routes/slots.lua" */
    struct mb_str text;
};

/* A module in C that scripts may require beside those of modules.h; open pushes its value. */
struct mb_vm_module {
    const char *name;
    lua_CFunction open;
};

struct mb_vm_setting {
    const char *key, *value; /* configuration keys that scripts may read, as text */
};

/* A key of the configuration that a script declares; texts as it writes them, NULL where it has none. */
struct mb_vm_declaration {
    const char *key, *type, *dflt, *least, *most, *help;
    const char *words; /* "a|b" */
    const char *at;    /* "routes/bookings.lua:12" */
};

/* Ceilings of what a client may send; configuration keys of the same names. */
struct mb_vm_limits {
    uint64_t max_json_body;     /* http.max_json_body: of a route without max_body */
    size_t max_reply;           /* http.max_reply: of one JSON text made by scripts */
    size_t max_input;           /* http.max_input_bytes: of a streamed body, not yet read */
    uint32_t max_query_fields;  /* http.max_query_fields */
    struct mb_json_limits json; /* json.max_depth, json.max_tokens, json.max_keys */
    int hash_parallel;          /* of auth.hash_parallel what falls to this process */
    int hash_queue;             /* auth.hash_queue: of the whole machine */
    uint32_t log_lines;         /* plugins.log_lines: of a plugin in a second; 0 = any number */
    uint32_t cpu_ms;            /* worker.script_cpu: between two waits; 0 = no limit */
};

/* Borrowed for the life of the state: scripts, settings, modules, secret, db, client, rates, hashers,
 * mail_folder, smtp, owner. */
struct mb_vm_plan {
    uv_loop_t *loop;
    struct mb_db *db;         /* NULL while only checking scripts */
    struct mb_client *client; /* the same */
    struct mb_rates *rates;   /* rates.h; the same */
    struct mb_tally *hashers; /* passwords that wait on this machine; NULL = counted by the process alone */
    unsigned place;           /* which of its servers this process is */
    const char *mail_folder;  /* for mails as files; NULL where no jobs run */
    struct mb_smtp *smtp;     /* NULL where no jobs run, or without smtp.host */
    const struct mb_script *scripts;
    size_t nscripts;
    const struct mb_vm_setting *settings;
    size_t nsettings;
    /* Appends the value in force of a key that a script declares; NULL = none may. MB_E_SCRIPT: err says what is
     * wrong with the declaration. */
    enum mb_rc (*declare)(void *ctx, const struct mb_vm_declaration *it, struct mb_buf *value,
                          struct mb_err *err);
    void *declare_ctx;           /* only used while the state is built */
    const unsigned char *secret; /* 32 bytes */
    size_t memory_max;           /* bytes of the whole state */
    size_t text_max;             /* bytes of one string; 0 = as many as there is room for */
    uint32_t load_timeout;       /* reload.load_timeout, ms of processor time; 0 = for ever */
    struct mb_vm_limits limits;
    const struct mb_vm_module *modules; /* of layers above */
    size_t nmodules;
    const char *plugin; /* its name stands in every line that it logs; NULL = the server's own */
    void *owner;        /* what they, and build, find by mb_vm_plan */
    /* Fills the state, inside a protected call; NULL = the server's own scripts, by boot.lua. */
    void (*build)(lua_State *L);
    bool is_shown; /* built by the thread that runs the scripts: running.h tells of it */
};

/* One route as boot.lua compiled it. */
struct mb_vm_route {
    char *pattern; /* owned by the state */
    enum mb_method method;
    enum mb_body_mode body;
    uint64_t max_body;
    int run_ref;    /* registry reference of run(req) */
    struct mb_responses responses;
    char label[96]; /* "GET /v1/slots", possibly cut: what a watcher is shown */
};

/* Runs boot.lua, or build; on any thread, the loop is not touched. On failure *err holds the begin of the
 * first diagnostic as file:line: text, and *diagnostics, when not NULL, all of them, a line each. */
MB_MUST_CHECK enum mb_rc mb_vm_new(struct mb_vm **out, const struct mb_vm_plan *plan,
                                   struct mb_buf *diagnostics, struct mb_err *err);
/* Appends the text that `function` of a loaded module returns; argument NULL = it is given none. */
MB_MUST_CHECK enum mb_rc mb_vm_tell(struct mb_vm *vm, const char *module, const char *function,
                                    const char *argument, struct mb_buf *out, struct mb_err *err);
/* On any thread, when nothing of it is in use. */
void mb_vm_free(struct mb_vm *vm);

lua_State *mb_vm_state(struct mb_vm *vm);
struct mb_vm *mb_vm_of(lua_State *L);
const struct mb_vm_plan *mb_vm_plan(const struct mb_vm *vm);
const struct mb_routes *mb_vm_routes(const struct mb_vm *vm);
const struct mb_vm_route *mb_vm_route_at(const struct mb_vm *vm, size_t i);
size_t mb_vm_route_count(const struct mb_vm *vm);
int mb_vm_request_type(const struct mb_vm *vm); /* for mb_request_push */
size_t mb_vm_bytes(const struct mb_vm *vm);
/* The key whose limit refused it memory last. */
const char *mb_vm_memory_key(const struct mb_vm *vm);
bool mb_vm_is_built(const struct mb_vm *vm); /* false while boot.lua runs */
/* A buffer for what does not outlive one call of C. It is the caller's until it is given back; who asks
 * meanwhile, as a finalizer may, gets another. */
struct mb_buf mb_vm_take_scratch(struct mb_vm *vm);
void mb_vm_give_scratch(struct mb_vm *vm, struct mb_buf *scratch);
/* Whether scripts may write one more line of log now, and in *dropped how many they could not since the
 * last one that they could. */
bool mb_vm_may_log(struct mb_vm *vm, uint64_t *dropped);
