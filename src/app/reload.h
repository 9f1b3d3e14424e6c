#pragma once
/*
 * Replacing the scripts while they serve: read the tree into a free slot of the shelf, check it
 * in a throw-away process, let every worker build it beside the old one, and switch all of them
 * by one store. Anything that goes wrong leaves the old generation serving.
 */
#include "app/crew.h"
#include "app/site.h"

struct mb_reload;

/* Called once. text: what became of it, lines that end in \n; borrowed. */
typedef void (*mb_reload_told)(void *ctx, bool is_done, const char *text);

enum mb_reload_kind { MB_RELOAD_TREE, MB_RELOAD_BACK };

/* Borrows all. The first generation is put on the shelf and lined up here. */
MB_MUST_CHECK enum mb_rc mb_reload_new(struct mb_reload **out, struct mb_site *site,
                                       struct mb_shm *shm, struct mb_crew *crew,
                                       struct mb_err *err);
/* TREE: loads what lies in the folder now. Asked while another one is at work it is done after it,
 * once for all who asked. BACK: returns to the generation before the serving one. told NULL =
 * only the log hears of it. */
void mb_reload_ask(struct mb_reload *r, enum mb_reload_kind kind, mb_reload_told told, void *ctx);
/* Whoever asked with that ctx does not want to hear any more. */
void mb_reload_forget(struct mb_reload *r, const void *ctx);
/* Goes on as far as it can; to be called after every wait of the supervisor. */
void mb_reload_step(struct mb_reload *r);
/* Before anything serves, once the database is there: whether the scripts of the start load, and what PostgreSQL says of
 * the statements of plugins. MB_E_SCRIPT: everything that is wrong was said. */
MB_MUST_CHECK enum mb_rc mb_reload_judge_first(struct mb_reload *r, struct mb_err *err);
void mb_reload_free(struct mb_reload *r);
