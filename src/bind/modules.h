#pragma once
/*
 * The C modules that first-party scripts may `require`, and what they share. Each open function
 * pushes one table. One file per module; the name is the file's.
 */
#include <lua.h>

#include "base/buf.h"
#include "base/err.h"
#include "bind/vm.h"

int mb_open_json(lua_State *L);       /* mb.json: encode, decode, null, array, raw */
int mb_open_db(lua_State *L);         /* mb.db: query, all, later, tx */
int mb_open_query(lua_State *L);      /* mb.query: read, write */
int mb_open_problem(lua_State *L);    /* mb.problem */
int mb_open_log(lua_State *L);        /* mb.log: debug, info, warn, error */
int mb_open_time(lua_State *L);       /* mb.time: now, parse, format, sleep */
int mb_open_crypto(lua_State *L);     /* mb.crypto */
int mb_open_signature(lua_State *L);  /* mb.signature: holds */
int mb_open_id(lua_State *L);         /* mb.id: cuid, reference */
int mb_open_bytes(lua_State *L);      /* mb.bytes: sha256, parameter */
int mb_open_text(lua_State *L);       /* mb.text: measure, is_email, is_phone, distance */
int mb_open_shape(lua_State *L);      /* mb.shape */
int mb_open_config(lua_State *L);     /* mb.config: the configuration, declare */
int mb_open_rate(lua_State *L);       /* mb.rate: take, look, give, clear, network */
int mb_open_http(lua_State *L);       /* mb.http: request, host */
int mb_open_mail(lua_State *L);       /* mb.mail: send, keep */
int mb_open_money(lua_State *L);      /* mb.money: read, has_cents, compare, add, share, tax, cycle */
int mb_open_tier(lua_State *L);       /* mb.tier: check, quote, nth */
int mb_open_background(lua_State *L); /* mb.background: background.h */

/* Raises the error of C code as a problem object (problem.h). */
int mb_raise(lua_State *L, const struct mb_err *err, int retry_after_s);
