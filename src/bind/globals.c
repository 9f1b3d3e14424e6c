#include "bind/globals.h"

#include <stdlib.h>
#include <string.h>

/*
 * lua_dump of Lua 5.4 (ldump.c, lopcodes.h): numbers of 7 bits a byte, the most significant first and
 * the last marked by its high bit; a string is its size plus one, and its bytes. Each function ends
 * with its lines, as steps from one instruction to the next.
 */

enum { MAX_DUMP = 64 << 20, MAX_DEPTH = 200, MAX_UPVALUES = 256 };
enum {
    OP_LOADK = 3,
    OP_GETUPVAL = 9,
    OP_GETTABUP = 11,
    OP_GETTABLE = 12,
    OP_SETTABUP = 15,
    OP_SETTABLE = 16,
    OP_JMP = 56,
    OP_EXTRAARG = 82
};
enum {
    TAG_NIL = 0,
    TAG_FALSE = 1,
    TAG_TRUE = 17,
    TAG_INT = 3,
    TAG_FLOAT = 19,
    TAG_SHORT = 4,
    TAG_LONG = 20
};
/* A step that does not fit a byte stands in a list of its own. */
enum { ABSOLUTE_LINE = -128 };

struct cursor {
    const unsigned char *at, *end;
    bool is_broken;
};

struct scan {
    struct cursor c;
    mb_globals_see see;
    void *ctx;
    struct mb_buf name;
};

/* One function while it is read. */
struct function {
    int first_line;
    const unsigned char *code, *lines, *locals;
    size_t ncode, nlines, nlocals;
    const unsigned char **constant; /* where each begins, its tag included */
    size_t nconstants;
    bool is_env[MAX_UPVALUES];
    size_t nupvalues;
};

static const unsigned char *take(struct cursor *c, size_t n)
{
    if (c->is_broken || (size_t)(c->end - c->at) < n) {
        c->is_broken = true;
        return NULL;
    }
    c->at += n;
    return c->at - n;
}

static unsigned byte(struct cursor *c)
{
    const unsigned char *p = take(c, 1);
    return p != NULL ? *p : 0;
}

static size_t number(struct cursor *c)
{
    size_t n = 0;
    for (int i = 0; i < 10 && !c->is_broken; i++) {
        unsigned b = byte(c);
        n = (n << 7) | (b & 0x7f);
        if (b & 0x80) return n;
    }
    c->is_broken = true;
    return 0;
}

static struct mb_str text(struct cursor *c)
{
    size_t n = number(c);
    struct mb_str s = {NULL, 0};
    if (n == 0) return s;
    s.ptr = (const char *)take(c, n - 1);
    s.len = s.ptr != NULL ? n - 1 : 0;
    return s;
}

static void skip_constant(struct cursor *c)
{
    switch (byte(c)) {
    case TAG_NIL:
    case TAG_FALSE:
    case TAG_TRUE: break;
    case TAG_INT: (void)take(c, sizeof(lua_Integer)); break;
    case TAG_FLOAT: (void)take(c, sizeof(lua_Number)); break;
    case TAG_SHORT:
    case TAG_LONG: (void)text(c); break;
    default: c->is_broken = true;
    }
}

static void read_constants(struct scan *s, struct function *f)
{
    f->nconstants = number(&s->c);
    if (f->nconstants > (size_t)(s->c.end - s->c.at)) s->c.is_broken = true;
    if (s->c.is_broken) return;
    f->constant = calloc(f->nconstants + 1, sizeof *f->constant);
    if (f->constant == NULL) s->c.is_broken = true;
    for (size_t i = 0; i < f->nconstants && !s->c.is_broken; i++) {
        f->constant[i] = s->c.at;
        skip_constant(&s->c);
    }
}

/* An upvalue is the environment when the chunk's only one is, or when it is taken from the function
 * around and is it there; one that is a local of the function around is not. */
static void read_upvalues(struct cursor *c, struct function *f, const struct function *around)
{
    f->nupvalues = number(c);
    if (f->nupvalues > MAX_UPVALUES) c->is_broken = true;
    for (size_t i = 0; i < f->nupvalues && !c->is_broken; i++) {
        bool is_local = byte(c) != 0;
        size_t index = byte(c);
        (void)byte(c); /* kind */
        f->is_env[i] = around == NULL
                           ? i == 0
                           : !is_local && index < around->nupvalues && around->is_env[index];
    }
}

/* The constant's name in s->name; false when it is no short string. */
static bool read_name(struct scan *s, const struct function *f, size_t index)
{
    if (index >= f->nconstants || *f->constant[index] != TAG_SHORT) return false;
    struct cursor c = {f->constant[index] + 1, s->c.end, false};
    struct mb_str name = text(&c);
    mb_buf_clear(&s->name);
    return !c.is_broken && mb_buf_add(&s->name, name.ptr, name.len) == MB_OK &&
           mb_buf_add(&s->name, "", 1) == MB_OK;
}

struct instruction {
    unsigned op, a, b, c, wide; /* wide: b and more, of those that have it */
};

static struct instruction instruction_at(const struct function *f, size_t pc)
{
    uint32_t i;
    memcpy(&i, f->code + pc * sizeof i, sizeof i);
    return (struct instruction){i & 0x7f, (i >> 7) & 0xff, (i >> 16) & 0xff, i >> 24, i >> 15};
}

static bool is_env(const struct function *f, unsigned upvalue)
{
    return upvalue < f->nupvalues && f->is_env[upvalue];
}

static void show(struct scan *s, const struct function *f, unsigned key, int line, bool is_set)
{
    if (!read_name(s, f, key)) return;
    const struct mb_global global = {s->name.data, line, is_set};
    s->see(s->ctx, &global);
}

/* One local of the list that ends a function; whether it is in scope at this instruction. */
static bool take_local(struct cursor *c, size_t pc)
{
    (void)text(c); /* name */
    size_t from = number(c), to = number(c);
    return from <= pc && pc < to;
}

/* Whether a variable of the script is in this register: they have the lowest ones. */
static bool is_variable(const struct scan *s, const struct function *f, unsigned reg, size_t pc)
{
    struct cursor c = {f->locals, s->c.end, false};
    size_t in_scope = 0;
    for (size_t i = 0; i < f->nlocals; i++) in_scope += take_local(&c, pc);
    return reg < in_scope;
}

/* A function with more constants than an instruction can name takes the environment and the name
 * into registers, one after the other; the first that has both says whether it is read or set.
 * Nothing may have changed either by then, as what makes a name of several parts does; a name in a
 * variable, which a loop or another function may change, counts only at once. */
static void show_far(struct scan *s, const struct function *f, size_t pc, int line)
{
    if (pc + 2 >= f->ncode) return;
    struct instruction env = instruction_at(f, pc), name = instruction_at(f, pc + 1);
    if (!is_env(f, env.b) || name.op != OP_LOADK) return;
    for (size_t at = pc + 2; at < f->ncode; at++) {
        struct instruction i = instruction_at(f, at);
        bool is_read = i.op == OP_GETTABLE && i.b == env.a && i.c == name.a;
        bool is_set = i.op == OP_SETTABLE && i.a == env.a && i.b == name.a;
        bool is_sure = at == pc + 2 || !is_variable(s, f, name.a, at);
        if ((is_read || is_set) && is_sure) show(s, f, name.wide, line, is_set);
        bool has_a = i.op != OP_JMP && i.op != OP_EXTRAARG;
        if (is_read || is_set || (has_a && (i.a == env.a || i.a == name.a))) return;
    }
}

static void show_instruction(struct scan *s, const struct function *f, size_t pc, int line)
{
    struct instruction i = instruction_at(f, pc);
    if (i.op == OP_GETTABUP && is_env(f, i.b)) show(s, f, i.c, line, false);
    if (i.op == OP_SETTABUP && is_env(f, i.a)) show(s, f, i.b, line, true);
    if (i.op == OP_GETUPVAL) show_far(s, f, pc, line);
}

static void show_function(struct scan *s, const struct function *f, const unsigned char *absolute,
                          size_t nabsolute)
{
    struct cursor c = {absolute, s->c.end, false};
    int line = f->first_line;
    size_t next = 0;
    for (size_t pc = 0; pc < f->ncode && pc < f->nlines; pc++) {
        int step = (signed char)f->lines[pc];
        if (step != ABSOLUTE_LINE) {
            line += step;
        } else if (next < nabsolute) {
            (void)number(&c); /* pc */
            line = (int)number(&c);
            next++;
        }
        show_instruction(s, f, pc, line);
    }
}

static void read_names(struct cursor *c, struct function *f)
{
    f->nlocals = number(c);
    f->locals = c->at;
    for (size_t i = 0; i < f->nlocals && !c->is_broken; i++) (void)take_local(c, 0);
    size_t nupvalues = number(c);
    for (size_t i = 0; i < nupvalues && !c->is_broken; i++) (void)text(c);
}

static void read_function(struct scan *s, const struct function *around, int depth)
{
    struct function f = {0};
    struct cursor *c = &s->c;
    if (depth > MAX_DEPTH) c->is_broken = true;
    (void)text(c); /* source */
    f.first_line = (int)number(c);
    (void)number(c);
    (void)take(c, 3); /* parameters, vararg, stack */
    f.ncode = number(c);
    if (f.ncode > (size_t)(c->end - c->at) / sizeof(uint32_t)) c->is_broken = true;
    if (!c->is_broken) f.code = take(c, f.ncode * sizeof(uint32_t));
    read_constants(s, &f);
    read_upvalues(c, &f, around);
    size_t ninner = number(c);
    for (size_t i = 0; i < ninner && !c->is_broken; i++) read_function(s, &f, depth + 1);
    f.nlines = number(c);
    f.lines = take(c, f.nlines);
    size_t nabsolute = number(c);
    const unsigned char *absolute = c->at;
    for (size_t i = 0; i < nabsolute && !c->is_broken; i++) {
        (void)number(c);
        (void)number(c);
    }
    read_names(c, &f);
    if (!c->is_broken) show_function(s, &f, absolute, nabsolute);
    free(f.constant);
}

static bool is_header_known(struct cursor *c)
{
    static const unsigned char start[] = {0x1b,
                                          'L',
                                          'u',
                                          'a',
                                          0x54,
                                          0,
                                          0x19,
                                          0x93,
                                          '\r',
                                          '\n',
                                          0x1a,
                                          '\n',
                                          sizeof(uint32_t),
                                          sizeof(lua_Integer),
                                          sizeof(lua_Number)};
    const lua_Integer integer = 0x5678;
    const lua_Number decimal = 370.5;
    const unsigned char *p = take(c, sizeof start);
    if (p == NULL || memcmp(p, start, sizeof start) != 0) return false;
    p = take(c, sizeof integer);
    if (p == NULL || memcmp(p, &integer, sizeof integer) != 0) return false;
    p = take(c, sizeof decimal);
    return p != NULL && memcmp(p, &decimal, sizeof decimal) == 0;
}

static int write_dump(lua_State *L, const void *p, size_t n, void *ctx)
{
    (void)L;
    return mb_buf_add(ctx, p, n) == MB_OK ? 0 : 1;
}

bool mb_globals_scan(lua_State *L, mb_globals_see see, void *ctx)
{
    struct mb_buf dump;
    struct scan s = {.see = see, .ctx = ctx};
    mb_buf_init(&dump, MAX_DUMP);
    mb_buf_init(&s.name, MAX_DUMP);
    bool is_known = lua_dump(L, write_dump, &dump, 0) == 0;
    if (is_known) {
        s.c = (struct cursor){(const unsigned char *)dump.data,
                              (const unsigned char *)dump.data + dump.len, false};
        is_known = is_header_known(&s.c);
    }
    if (is_known) {
        (void)byte(&s.c); /* upvalues of the chunk */
        read_function(&s, NULL, 0);
    }
    mb_buf_reset(&dump);
    mb_buf_reset(&s.name);
    return is_known && !s.c.is_broken;
}
