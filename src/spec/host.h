#pragma once
/*
 * The stage as specs see it: the C module that lua/testing/ requires as "medbookd.host".
 *
 *   host.exchange(text, port)   the bytes of a request -> those of its answer
 *   host.query(sql, ...)        -> JSON text of the rows, or nil, message, SQLSTATE, constraint
 *   host.query_everywhere(sql, ...)   the same, in the sessions of plugins too
 *   host.mark(), host.take_back()
 *   host.run_jobs()             -> how many were done, failed and will be retried, are dead
 *   host.pause(ms)              the server goes on for so long
 *   host.stop_clock(ms or nil)  the wall clock of this process; not that of the database
 *   host.stand_in(f)            f(method, url, { "name: value", … }, body or nil) answers outgoing requests
 *                               with status, "name\0value\0…", body, or nil, why there is no connection
 *   host.query_at(url, sql)     as query, on another database and for good
 *   host.start({ word, … }, log file) -> process id: this program with these words; host.is_running(pid),
 *   host.stop(pid), host.free_port()
 *   host.info                   { folder = for files of tests, database = URL of the owner of the
 *                               databases, words = options to start a server like this one }
 *   host.log_size(), host.log(from)   the log of this process since then
 *   host.within(what, f, ...)   -> what f returns; ended when it takes longer than spec/limit.h says
 */
#include <lua.h>

#include "spec/program.h"
#include "spec/spec.h"

struct mb_host {
    struct mb_stage *stage;
    const struct mb_spec_plan *plan;
    struct mb_programs programs;
    lua_State *L; /* of the spec that called last: it runs while the stage turns */
    int stand_in; /* registry references */
    int answer;   /* what the stand-in returned last */
    int log_fd;   /* a file with all of the log */
};

/* Pushes the module; host is borrowed. */
void mb_host_push(lua_State *L, struct mb_host *host);
