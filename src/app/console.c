#define _GNU_SOURCE
#include "app/console.h"

#include <editline/readline.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/parts.h"
#include "app/say.h"
#include "app/scripts.h"
#include "app/site.h"
#include "base/id.h"
#include "base/log.h"
#include "bind/console.h"

enum {
    CONNECTIONS = 8,
    CLOSE_MS = 2000,
    MAX_SHOWN = 16 << 20,
    MAX_TEXT = 1 << 20,
    KEPT_LINES = 1000
};
enum { MAX_DIAGNOSTICS = 1 << 20 };

struct session {
    const struct mb_options *options;
    const struct mb_config *config;
    struct mb_site site;
    struct mb_bundle bundle;
    struct mb_shelf *shelf;
    struct mb_scripts parts;
    struct mb_states states;
    struct mb_plugin_board *board;
    uv_loop_t loop;
    uv_poll_t signals;
    struct mb_db *db;
    struct mb_db_stats db_stats;
    struct mb_client *client;
    struct mb_client_stats client_stats;
    struct mb_tables *tables;
    struct mb_console *console;
    bool is_open, is_at_terminal;
    volatile bool is_cancelled;
    char history[MB_PATH_MAX]; /* file; "" = none */
};

/* ---- opening ---- */

/* Ctrl-C ends what runs; the console itself ends by Ctrl-D, or like any program by SIGTERM. */
static void on_signal(uv_poll_t *poll, int status, int events)
{
    struct session *s = poll->data;
    (void)status, (void)events;
    mb_signals_wait(&s->site.signals, 0);
    s->is_cancelled = s->site.signals.stops > 0;
    s->site.signals.stops = 0;
}

static void take_signals(struct session *s)
{
    sigset_t ours;
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGTERM);
    (void)sigaddset(&ours, SIGHUP);
    (void)pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    s->signals.data = s;
    (void)uv_poll_init(&s->loop, &s->signals, s->site.signals.fd);
    (void)uv_poll_start(&s->signals, UV_READABLE, on_signal);
}

static enum mb_rc open_parts(struct session *s, struct mb_err *err)
{
    struct mb_db_config db = mb_parts_db(s->config, s->site.app_url);
    struct mb_db_config tables = mb_parts_tables(s->config, s->site.app_url);
    const struct mb_client_limits client = mb_parts_client(s->config);
    db.application_name = "medbookd console";
    db.is_read_only = tables.is_read_only = !s->options->is_writing;
    db.pool_min = db.pool_reads = 1;
    db.pool_max = 2;
    enum mb_rc rc = mb_db_new(&s->db, &s->loop, &db, &s->db_stats, err);
    if (rc == MB_OK) rc = mb_client_new(&s->client, &s->loop, &client, &s->client_stats, err);
    const struct mb_tables_plan apart = {
        .loop = &s->loop, .db = tables, .server = s->db, .secret = s->site.secret};
    return rc == MB_OK ? mb_tables_new(&s->tables, &apart, err) : rc;
}

static enum mb_rc open_scripts(struct session *s, struct mb_err *err)
{
    struct mb_buf diagnostics;
    enum mb_rc rc = mb_site_scripts(&s->site, &s->bundle, err);
    if (rc == MB_OK) rc = mb_shelf_new(&s->shelf, (size_t)s->config->reload_max_bytes, err);
    if (rc == MB_OK) rc = mb_shelf_put(s->shelf, 0, &s->bundle, err);
    if (rc == MB_OK) rc = mb_scripts_open(&s->parts, s->config, err);
    if (rc != MB_OK) return rc;
    const struct mb_scripts_place place = {.loop = &s->loop,
                                           .db = s->db,
                                           .client = s->client,
                                           .tables = s->tables,
                                           .secret = s->site.secret,
                                           .board = s->board};
    mb_buf_init(&diagnostics, MAX_DIAGNOSTICS);
    rc = mb_scripts_build(&s->parts, &s->shelf->slot[0], &place, &s->states, &diagnostics, err);
    if (rc != MB_OK && diagnostics.len > 0) mb_say_lines(mb_buf_str(&diagnostics));
    mb_buf_reset(&diagnostics);
    if (rc == MB_OK) rc = mb_plugins_attach(s->states.plugins, &s->loop);
    return rc == MB_OK ? mb_console_new(&s->console, s->states.vm, err) : rc;
}

/* Any machine will do for a look at a database with a URL, also one without the installation's key;
 * none is made for that. */
static enum mb_rc take_secret(struct session *s, struct mb_err *err)
{
    char file[MB_PATH_MAX];
    enum mb_rc rc = mb_datadir_file(&s->site.dir, "secret.key", file, err);
    if (rc != MB_OK) return rc;
    if (s->site.postgres != NULL || access(file, F_OK) == 0) return mb_site_secret(&s->site, err);
    mb_random(s->site.secret, sizeof s->site.secret);
    if (s->is_at_terminal)
        mb_say("%s: not found; manage tokens and tables of plugins need it", file);
    return MB_OK;
}

static enum mb_rc open_session(struct session *s, struct mb_err *err)
{
    s->board = calloc(1, sizeof *s->board);
    if (s->board == NULL || uv_loop_init(&s->loop) != 0)
        return mb_fail(err, MB_E_NOMEM, "no memory for the console");
    s->is_open = true;
    enum mb_rc rc = mb_site_visit(&s->site, s->config, err);
    if (rc == MB_OK) take_signals(s);
    if (rc == MB_OK) rc = mb_site_connect(&s->site, CONNECTIONS, err);
    if (rc == MB_OK) rc = mb_site_expect_schema(&s->site, err);
    if (rc == MB_OK) rc = take_secret(s, err);
    if (rc == MB_OK) rc = open_parts(s, err);
    return rc == MB_OK ? open_scripts(s, err) : rc;
}

static void on_closed(void *ctx) { (void)ctx; }

static void close_session(struct session *s)
{
    if (!s->is_open) return;
    mb_console_free(s->console);
    if (s->states.plugins != NULL) mb_plugins_detach(s->states.plugins);
    if (s->client != NULL) mb_client_close(s->client);
    if (s->tables != NULL) mb_tables_close(s->tables, CLOSE_MS, on_closed, NULL);
    if (s->db != NULL) mb_db_close(s->db, CLOSE_MS, on_closed, NULL);
    if (s->signals.data != NULL) uv_close((uv_handle_t *)&s->signals, NULL);
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    mb_scripts_discard(&s->states);
    mb_scripts_close(&s->parts);
    mb_bundle_free(&s->bundle);
    mb_client_free(s->client);
    mb_tables_free(s->tables);
    mb_db_free(s->db);
    (void)uv_loop_close(&s->loop);
    free(s->board);
    mb_site_close(&s->site, false);
}

/* ---- history ---- */

/* --history FILE, or medbookd_history in the folder for such things. */
static void open_history(struct session *s)
{
    const char *asked = s->options->history, *state = getenv("XDG_STATE_HOME"),
               *home = getenv("HOME");
    if (asked != NULL)
        (void)snprintf(s->history, sizeof s->history, "%s",
                       strcmp(asked, "none") == 0 ? "" : asked);
    else if (state != NULL && state[0] == '/')
        (void)snprintf(s->history, sizeof s->history, "%s/medbookd_history", state);
    else if (home != NULL && home[0] == '/')
        (void)snprintf(s->history, sizeof s->history, "%s/.medbookd_history", home);
    (void)rl_initialize();
    using_history();
    stifle_history(KEPT_LINES);
    if (s->history[0] != '\0') (void)read_history(s->history);
}

/* What was typed may hold names of patients: the file is its owner's alone. */
static void save_history(const struct session *s)
{
    if (!s->is_at_terminal || s->history[0] == '\0') return;
    mode_t before = umask(077);
    if (write_history(s->history) != 0)
        mb_say("%s: the history could not be written: %s", s->history, strerror(errno));
    (void)umask(before);
    (void)chmod(s->history, 0600);
}

/* ---- reading ---- */

/* One more line without its newline; NULL at the end. Freed by the caller. */
static char *read_line(struct session *s, bool goes_on)
{
    if (s->is_at_terminal) return readline(goes_on ? ">> " : "> ");
    char *line = NULL;
    size_t room = 0;
    ssize_t n = getline(&line, &room, stdin);
    if (n < 0) {
        free(line);
        return NULL;
    }
    if (n > 0 && line[n - 1] == '\n') line[n - 1] = '\0';
    return line;
}

static bool is_blank(struct mb_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] != ' ' && text.ptr[i] != '\t' && text.ptr[i] != '\n') return false;
    return true;
}

/* What stands in a database was written by anybody: a terminal is not to obey it. C0 but for tab
 * and line feed, DEL, and C1 as UTF-8 has it. */
static void disarm(struct mb_buf *shown)
{
    unsigned char *text = (unsigned char *)shown->data;
    for (size_t i = 0; i < shown->len; i++) {
        bool is_c1 = text[i] == 0xc2 && i + 1 < shown->len && text[i + 1] < 0xa0;
        if (is_c1) text[i + 1] = '?';
        if (is_c1 || text[i] == 0x7f || (text[i] < ' ' && text[i] != '\t' && text[i] != '\n'))
            text[i] = '?';
    }
}

/* Runs what was gathered, and shows what came of it. */
static enum mb_console_result run(struct session *s, const struct mb_buf *text)
{
    struct mb_buf shown;
    mb_buf_init(&shown, MAX_SHOWN);
    mb_signals_wait(&s->site.signals, 0); /* what was typed at the prompt is not meant for it */
    s->site.signals.stops = 0;
    s->is_cancelled = false;
    enum mb_console_result result =
        mb_console_run(s->console, mb_buf_str(text), &s->is_cancelled, &shown);
    if (s->is_at_terminal) disarm(&shown);
    FILE *to = result == MB_CONSOLE_FAILED ? stderr : stdout;
    if (shown.len > 0 && result != MB_CONSOLE_INCOMPLETE)
        (void)fwrite(shown.data, 1, shown.len, to);
    (void)fflush(to);
    mb_buf_reset(&shown);
    return result;
}

static bool is_farewell(const char *line)
{
    return strcmp(line, "exit") == 0 || strcmp(line, "quit") == 0;
}

/* Whether all went well, as a pipe wants to know. */
static bool converse(struct session *s)
{
    struct mb_buf text;
    enum mb_console_result last = MB_CONSOLE_DONE;
    char *line;
    mb_buf_init(&text, MAX_TEXT);
    while ((line = read_line(s, last == MB_CONSOLE_INCOMPLETE)) != NULL) {
        if (text.len == 0 && is_farewell(line)) {
            free(line);
            break;
        }
        bool fits = (text.len == 0 || mb_buf_add(&text, "\n", 1) == MB_OK) &&
                    mb_buf_addz(&text, line) == MB_OK;
        if (s->is_at_terminal && line[0] != '\0') (void)add_history(line);
        free(line);
        if (!fits) mb_say("console: a text has at most %d bytes", MAX_TEXT);
        if (fits && !is_blank(mb_buf_str(&text))) last = run(s, &text);
        if (!fits || last != MB_CONSOLE_INCOMPLETE) mb_buf_clear(&text);
        if (last == MB_CONSOLE_FAILED && !s->is_at_terminal) break;
    }
    if (last == MB_CONSOLE_INCOMPLETE) mb_say("console: the last text does not end");
    mb_buf_reset(&text);
    if (s->is_at_terminal) (void)putchar('\n');
    return last == MB_CONSOLE_DONE;
}

int mb_console_command(const struct mb_options *o, const struct mb_config *config)
{
    struct session s = {.options = o, .config = config};
    struct mb_err err = {0};
    s.is_at_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    mb_log_init(STDERR_FILENO, MB_LOG_WARN, "console");
    enum mb_rc rc = open_session(&s, &err);
    bool is_well = false;
    if (rc == MB_OK && s.is_at_terminal) {
        open_history(&s);
        mb_say("%s; Ctrl-C ends what runs, exit or Ctrl-D the console",
               o->is_writing ? "what is written is committed" : "reading only (--write to change)");
    }
    if (rc == MB_OK) {
        is_well = converse(&s);
        save_history(&s);
    } else if (rc != MB_E_SCRIPT || err.text[0] == '\0') {
        mb_say_error(&err);
    }
    close_session(&s);
    return is_well || (rc == MB_OK && s.is_at_terminal) ? EXIT_SUCCESS : EXIT_FAILURE;
}
