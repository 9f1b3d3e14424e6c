#pragma once
/*
 * Generations of scripts in memory that the supervisor shares with its children: a few slots,
 * each the sources of one generation as a state takes them. The supervisor fills a slot that
 * nobody holds; children only read. It is made before the first fork, so its pointers are good in
 * every process.
 */
#include "app/bundle.h"
#include "bind/vm.h"

/* Serving, the one before it, one still finishing requests: three that may live; and one more, so
 * that the next can be read and checked while the oldest ends. */
enum { MB_SHELF_SLOTS = 4, MB_SHELF_NONE = 255 };

/* Folders of a bundle that are not the server's scripts. */
#define MB_SHELF_PLUGINS "plugins/"
#define MB_SHELF_SECRETS "secrets/"

struct mb_shelf_slot {
    char id[17];                     /* begin of the bundle's hash: the generation's name */
    const struct mb_script *scripts; /* the server's, sorted by name */
    size_t nscripts;
    const struct mb_script *plugins; /* those of "plugins/…", sorted by name */
    size_t nplugins;
    const struct mb_script *secrets; /* those of "secrets/…", sorted by name */
    size_t nsecrets;
    char *room; /* where all of that lies */
};

struct mb_shelf {
    size_t slot_bytes;
    struct mb_shelf_slot slot[MB_SHELF_SLOTS];
};

/* max_bytes: reload.max_bytes, of one generation. Memory is taken only where sources
 * are. Lives as long as the process. */
MB_MUST_CHECK enum mb_rc mb_shelf_new(struct mb_shelf **out, size_t max_bytes, struct mb_err *err);
/* Copies the bundle into a slot that no process uses; MB_E_LIMIT names reload.max_bytes. */
MB_MUST_CHECK enum mb_rc mb_shelf_put(struct mb_shelf *shelf, unsigned slot,
                                      const struct mb_bundle *bundle, struct mb_err *err);
