#pragma once
/*
 * The embedded database as it lies on disk: programs, data folder, socket folder, settings and
 * log. The process that runs on it is app/postgres.h.
 */
#include <sys/types.h>

#include "app/child.h"
#include "app/config.h"
#include "app/datadir.h"

struct mb_cluster {
    const struct mb_config *config;
    const struct mb_user *user;
    struct mb_signals *signals;
    unsigned connections;   /* max_connections */
    bool is_visited;        /* no cluster is made */
    bool is_throwaway;      /* nothing is synced to the disk */
    char bin[MB_PATH_MAX];  /* folder of postgres and initdb; "" until found */
    char data[MB_PATH_MAX]; /* <data_dir>/postgres */
    char socket_dir[MB_PATH_MAX];
    char log[MB_PATH_MAX];
};

/* What postmaster.pid says. */
struct mb_postmaster {
    pid_t pid;
    char socket_dir[MB_PATH_MAX];
    bool is_ready;
};

/* Names the paths; touches nothing. */
MB_MUST_CHECK enum mb_rc mb_cluster_open(struct mb_cluster *c, const struct mb_datadir *dir,
                                         struct mb_err *err);
/* Finds the programs that fit, makes the cluster if there is none, writes the settings. */
MB_MUST_CHECK enum mb_rc mb_cluster_prepare(struct mb_cluster *c, struct mb_err *err);
/* false when there is no such file or it is only half written. */
bool mb_cluster_postmaster(const struct mb_cluster *c, struct mb_postmaster *out);
/* Whether that process is alive and works in this data folder (not just has the same number). */
bool mb_cluster_is_postmaster(const struct mb_cluster *c, pid_t pid);
/* Where the log ends now, and the reason of a failure written to it since. */
off_t mb_cluster_log_end(const struct mb_cluster *c);
void mb_cluster_reason(const struct mb_cluster *c, off_t since, char *out, size_t size);
/* To be called now and then: moves a log over database.log_size aside; true when it did. */
bool mb_cluster_trim_log(const struct mb_cluster *c);
