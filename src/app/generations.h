#pragma once
/*
 * The generations of scripts that one worker holds. It follows the line-up in shared memory:
 * builds the candidate on a thread beside the serving one, lets every new request in where the
 * line-up says, and lets a generation that is no longer in it finish its requests and go. At
 * most three live at once.
 */
#include "app/scripts.h"
#include "app/shm.h"

struct mb_generations;

/* Borrowed for its life. */
struct mb_generations_plan {
    uv_loop_t *loop;
    struct mb_shm *shm;
    unsigned worker; /* index in shm */
    const struct mb_config *config;
    struct mb_db *db;
    struct mb_client *client;
    struct mb_tables *tables;
    const char *mail_folder; /* NULL: not the jobs process */
    struct mb_smtp *smtp;    /* the same, or without smtp.host */
    const unsigned char *secret;
};

/* Builds the serving generation before it returns. */
MB_MUST_CHECK enum mb_rc mb_generations_new(struct mb_generations **out,
                                            const struct mb_generations_plan *plan,
                                            struct mb_err *err);
/* on_head: the request belongs to the generation that serves at this moment. */
void mb_generations_take(struct mb_generations *g, struct mb_http_request *req);
/* Does what the line-up asks for; to be called when the supervisor says that it changed. */
void mb_generations_look(struct mb_generations *g);
/* Jobs process: the scripts that serve take what is due, and works that are late are ended. */
void mb_generations_turn(struct mb_generations *g);
/* Jobs process: no new work begins; then those that still run are given back; and whether none is
 * left. */
void mb_generations_halt(struct mb_generations *g);
void mb_generations_give_back(struct mb_generations *g);
bool mb_generations_is_idle(const struct mb_generations *g);
/* Bytes of all states. */
size_t mb_generations_bytes(const struct mb_generations *g);
/* No request is left: ends tasks and closes handles on the loop. */
void mb_generations_stop(struct mb_generations *g);
/* After the loop has run dry. */
void mb_generations_free(struct mb_generations *g);
