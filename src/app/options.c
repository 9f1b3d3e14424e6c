/* Words of the command line into struct mb_options. */
#include "app/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct command {
    const char *word;
    enum mb_command command;
    const char *help;
};

static const struct command commands[] = {
    {"run", MB_COMMAND_RUN,
     "Usage: medbookd run [options]\n\n"
     "Serves the API until SIGTERM or Ctrl-C. Without database.url it runs a PostgreSQL of its\n"
     "own under data_dir and migrates it; with one it refuses to start while migrations are\n"
     "missing there.\n"},
    {"check", MB_COMMAND_CHECK,
     "Usage: medbookd check [options]\n\n"
     "Checks configuration, scripts and files of migrations as a start would, those of plugins "
     "too,\n"
     "and prints every fault with its file and line. Starts nothing.\n"},
    {"routes", MB_COMMAND_ROUTES,
     "Usage: medbookd routes [options]\n\n"
     "Lists every route of the server and its plugins: method and path, permission, where it is\n"
     "written, what it is for. Starts nothing.\n"},
    {"openapi", MB_COMMAND_OPENAPI,
     "Usage: medbookd openapi [options]\n\n"
     "Prints the OpenAPI document of the server and its plugins, as /openapi.json answers it.\n"
     "Starts nothing.\n"},
    {"explain", MB_COMMAND_EXPLAIN,
     "Usage: medbookd explain METHOD PATH [options]\n\n"
     "Tells what becomes of such a request, in order: token, parameters, body, permission, hooks "
     "and\n"
     "handler, each with its file and line. PATH is one as in a request, /v1/bookings/x, or a\n"
     "route's, '/v1/bookings/{id}'. Starts nothing.\n"},
    {"reload", MB_COMMAND_RELOAD,
     "Usage: medbookd reload [options]\n\n"
     "Makes the server that uses this data_dir load the scripts as they are now, as SIGHUP does.\n"
     "No request fails; when a script has a fault, nothing changes and every fault is printed.\n"},
    {"rollback", MB_COMMAND_ROLLBACK,
     "Usage: medbookd rollback [options]\n\n"
     "Returns the server that uses this data_dir to the scripts it served before the last reload;\n"
     "again, and it is back. The files stay as they are.\n"},
    {"config", MB_COMMAND_CONFIG,
     "Usage: medbookd config [--effective] [options]\n\n"
     "Prints a commented configuration file with every key at its default; with --effective the\n"
     "values in force here (passwords hidden).\n"},
    {"migrate", MB_COMMAND_MIGRATE,
     "Usage: medbookd migrate status|up|down [version] [options]\n\n"
     "  status          lists migrations with duration and lock waits, and what is missing\n"
     "  up [version]    applies what is missing, or all up to that version\n"
     "  down [version]  undoes the last migration, or all after that version\n\n"
     "status and up take the migrations of plugins too. --plugin NAME: those of that plugin "
     "alone,\n"
     "for down the only way.\n"},
    {"jobs", MB_COMMAND_JOBS,
     "Usage: medbookd jobs list|show|retry|cancel [id] [options]\n\n"
     "  list        the newest jobs, a line each; --status S (PENDING, RUNNING, DONE, DEAD,\n"
     "              CANCELLED), --kind K, --limit N (default 50, at most 1000)\n"
     "  show ID     all that is known of one\n"
     "  retry ID    one that is DEAD, CANCELLED or waits is due at once, with all its attempts\n"
     "  cancel ID   one that waits, or is DEAD, is not run (again)\n"},
    {"mail", MB_COMMAND_MAIL,
     "Usage: medbookd mail test ADDRESS [options]\n\n"
     "Sends a test mail to the address by the configuration, and tells what the server for mail\n"
     "said; without smtp.host it writes the file that mails become then, and tells its name.\n"},
    {"console", MB_COMMAND_CONSOLE,
     "Usage: medbookd console [--write] [--history FILE|none] [options]\n\n"
     "Runs Lua over the scripts and the database of this installation, a text at a time, and "
     "shows\n"
     "what it is. Texts have db, sql(\"SELECT …\", ...), print and require \"queries.slots\" and "
     "the like;\n"
     "what they assign stays for the next. Without --write every statement runs in a transaction "
     "that\n"
     "cannot write. exit or Ctrl-D ends it; out of a pipe it ends at the first text that fails, "
     "with\nexit code 1.\n"},
    {"test", MB_COMMAND_TEST,
     "Usage: medbookd test [file or folder ...] [options] [-- options of busted]\n\n"
     "Runs busted over spec files (by default the folder spec) with the scripts and plugins of "
     "this\n"
     "installation, on a database of its own that holds the demo clinic and is thrown away. Specs\n"
     "require \"medbookd.test\"; nothing that one test does is seen by another.\n"},
    {"plugin", MB_COMMAND_PLUGIN,
     "Usage: medbookd plugin new|test NAME [options] [-- options of busted]\n\n"
     "  new NAME   makes a plugin such as clinic.sms in plugins.folder: it loads, has a test and "
     "a\n"
     "             README\n"
     "  test NAME  runs the spec files of its folder spec, with this plugin alone, as medbookd "
     "test\n"},
    {"admin", MB_COMMAND_ADMIN,
     "Usage: medbookd admin create --email ADDRESS [--name NAME] [--password-stdin] [options]\n\n"
     "Makes an account that administers the platform (SUPER_ADMIN) and may sign in at once. Asks for\n"
     "its password at the terminal, or reads it from a line of standard input.\n"},
    {"reference", MB_COMMAND_REFERENCE,
     "Usage: medbookd reference load [options]\n\n"
     "Inserts the rows that an installation begins with, such as a plan to subscribe to, where they\n"
     "are missing by their slug. What is there is not changed. The first start of an embedded\n"
     "database does it by itself.\n"},
    {"demo", MB_COMMAND_DEMO,
     "Usage: medbookd demo load [options]\n\n"
     "Loads an invented network of clinics with 30 days of free slots from today. Running it\n"
     "again changes nothing.\n"},
};
enum { NCOMMANDS = sizeof commands / sizeof commands[0] };

static const char general_help[] =
    "Usage: medbookd [command] [options]\n\n"
    "A server for medical bookings on PostgreSQL, scriptable in Lua.\n\n"
    "Commands:\n"
    "  run                     serve (the default)\n"
    "  check                   check configuration and scripts\n"
    "  routes                  list the routes\n"
    "  openapi                 print the OpenAPI document\n"
    "  explain METHOD PATH     tell what becomes of a request\n"
    "  reload, rollback        load changed scripts into the running server, or go back\n"
    "  config [--effective]    print a commented configuration file, or the values in force\n"
    "  migrate status|up|down  the schema of the database\n"
    "  jobs list|show|retry|cancel\n"
    "                          the queue of jobs: what waits, what failed and why\n"
    "  mail test ADDRESS       send a test mail, and tell what became of it\n"
    "  console [--write]       run Lua over scripts and database, reading only unless told "
    "otherwise\n"
    "  test [FILE ...]         run tests of scripts, written in busted\n"
    "  plugin new|test NAME    make a plugin, or run its tests\n"
    "  admin create            make an administrator of the platform\n"
    "  reference load          insert the rows that an installation begins with\n"
    "  demo load               load demo data\n\n"
    "Options:\n"
    "  --config FILE           configuration file (default: medbookd.conf here, if there is one)\n"
    "  --set key=value         set one key, stronger than file and environment; repeatable\n"
    "  --help                  this text, or that of the command before it\n"
    "  --version               print the version\n\n"
    "Every key is also an environment variable: MEDBOOKD_LISTEN, MEDBOOKD_DATABASE_URL, ...\n";

struct reader {
    struct mb_options *out;
    const struct command *command; /* NULL until named */
    struct mb_err *err;
};

static enum mb_rc misuse(const struct reader *r, const char *what, const char *word)
{
    return mb_fail(r->err, MB_E_CONFIG, "%s \"%.80s\"; see medbookd %s%s--help", what, word,
                   r->command != NULL ? r->command->word : "", r->command != NULL ? " " : "");
}

static enum mb_rc answer(struct reader *r, const char *text)
{
    r->out->is_answered = true;
    return fputs(text, stdout) >= 0 && fflush(stdout) == 0
               ? MB_OK
               : mb_fail(r->err, MB_E_IO, "standard output: could not write to it");
}

/* The value of --name value or --name=value; NULL when it is not that option. */
static const char *value_of(const char *name, char **argv, int *i)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0) return NULL;
    if (argv[*i][n] == '=') return argv[*i] + n + 1;
    if (argv[*i][n] != '\0') return NULL;
    return argv[*i + 1] != NULL ? argv[++*i] : "";
}

/* *is: it was one of `jobs`. */
static enum mb_rc read_jobs_option(struct reader *r, char **argv, int *i, bool *is)
{
    const char *word = argv[*i], *value = NULL;
    char *end = NULL;
    *is = true;
    if ((value = value_of("--status", argv, i)) != NULL)
        r->out->status = value;
    else if ((value = value_of("--kind", argv, i)) != NULL)
        r->out->kind = value;
    else if ((value = value_of("--limit", argv, i)) != NULL)
        r->out->limit = (int)strtol(value, &end, 10);
    else
        *is = false;
    bool is_wrong_limit =
        end != NULL && (*end != '\0' || r->out->limit < 1 || r->out->limit > 1000);
    if (is_wrong_limit) return misuse(r, "--limit is a number from 1 to 1000, not", value);
    return *is && *value == '\0' ? misuse(r, "a value must follow", word) : MB_OK;
}

/* *is: it was one of `admin`. */
static enum mb_rc read_admin_option(struct reader *r, char **argv, int *i, bool *is)
{
    const char *word = argv[*i], *value = NULL;
    *is = true;
    if (strcmp(word, "--password-stdin") == 0)
        r->out->has_password_stdin = true;
    else if ((value = value_of("--email", argv, i)) != NULL)
        r->out->email = value;
    else if ((value = value_of("--name", argv, i)) != NULL)
        r->out->name = value;
    else
        *is = false;
    return value != NULL && *value == '\0' ? misuse(r, "a value must follow", word) : MB_OK;
}

static enum mb_rc read_option(struct reader *r, char **argv, int *i)
{
    const char *word = argv[*i], *value = NULL;
    if (r->command != NULL && r->command->command == MB_COMMAND_ADMIN) {
        bool is_read;
        enum mb_rc rc = read_admin_option(r, argv, i, &is_read);
        if (is_read) return rc;
    }
    if (r->command != NULL && r->command->command == MB_COMMAND_JOBS) {
        bool is_read;
        enum mb_rc rc = read_jobs_option(r, argv, i, &is_read);
        if (is_read) return rc;
    }
    if (r->command != NULL && r->command->command == MB_COMMAND_CONSOLE) {
        if (strcmp(word, "--write") == 0) {
            r->out->is_writing = true;
            return MB_OK;
        }
        if ((value = value_of("--history", argv, i)) != NULL) {
            r->out->history = value;
            return *value != '\0' ? MB_OK : misuse(r, "a file name or none must follow", word);
        }
    }
    if (r->command != NULL && r->command->command == MB_COMMAND_MIGRATE &&
        (value = value_of("--plugin", argv, i)) != NULL) {
        r->out->plugin = value;
        return *value != '\0' ? MB_OK : misuse(r, "the name of a plugin must follow", word);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return answer(r, r->command != NULL ? r->command->help : general_help);
    if (strcmp(word, "--version") == 0) return answer(r, "medbookd " MB_VERSION "\n");
    if (strcmp(word, "--effective") == 0 && r->command != NULL &&
        r->command->command == MB_COMMAND_CONFIG) {
        r->out->is_effective = true;
        return MB_OK;
    }
    if ((value = value_of("--config", argv, i)) != NULL) {
        r->out->file = value;
        return *value != '\0' ? MB_OK : misuse(r, "a file name must follow", word);
    }
    if ((value = value_of("--set", argv, i)) == NULL) return misuse(r, "unknown option", word);
    if (*value == '\0') return misuse(r, "key=value must follow", word);
    if (r->out->nsets == MB_MAX_SETS) return misuse(r, "too many settings at", value);
    r->out->sets[r->out->nsets++] = argv[*i] + (value - argv[*i]);
    return MB_OK;
}

static enum mb_rc read_word(struct reader *r, const char *word)
{
    if (r->command != NULL) {
        size_t most = r->command->command == MB_COMMAND_TEST ? MB_MAX_WORDS : 2;
        if (r->out->nwords == most) return misuse(r, "unexpected", word);
        r->out->words[r->out->nwords++] = word;
        return MB_OK;
    }
    for (size_t i = 0; i < NCOMMANDS && r->command == NULL; i++)
        if (strcmp(commands[i].word, word) == 0) r->command = &commands[i];
    return r->command != NULL ? MB_OK : misuse(r, "unknown command", word);
}

static enum mb_rc read_migrate(struct reader *r)
{
    static const char *const steps[] = {
        [MB_SCHEMA_UP] = "up", [MB_SCHEMA_DOWN] = "down", [MB_SCHEMA_STATUS] = "status"};
    r->out->to = -1;
    if (r->out->nwords == 0) return misuse(r, "say status, up or down after", "migrate");
    size_t step = 0;
    while (step < sizeof steps / sizeof steps[0] && strcmp(steps[step], r->out->words[0]) != 0)
        step++;
    if (step == sizeof steps / sizeof steps[0]) return misuse(r, "unknown step", r->out->words[0]);
    r->out->step = (enum mb_schema_step)step;
    if (r->out->nwords == 1) return MB_OK;
    char *end = NULL;
    long to = strtol(r->out->words[1], &end, 10);
    if (step == MB_SCHEMA_STATUS || *end != '\0' || end == r->out->words[1] || to < 0 ||
        to > INT_MAX)
        return misuse(r, "not a version", r->out->words[1]);
    r->out->to = (int)to;
    return MB_OK;
}

static enum mb_rc read_jobs(struct reader *r)
{
    static const char *const verbs[] = {"list", "show", "retry", "cancel"};
    struct mb_options *o = r->out;
    if (r->out->nwords == 0) return misuse(r, "say list, show, retry or cancel after", "jobs");
    size_t verb = 0;
    while (verb < 4 && strcmp(verbs[verb], r->out->words[0]) != 0) verb++;
    if (verb == 4) return misuse(r, "list, show, retry or cancel, not", r->out->words[0]);
    if (verb == 0 && r->out->nwords == 2) return misuse(r, "unexpected", r->out->words[1]);
    if (verb > 0 && r->out->nwords == 1)
        return misuse(r, "the id of a job must follow", r->out->words[0]);
    if (verb > 0 && (o->status != NULL || o->kind != NULL || o->limit != 0))
        return misuse(r, "options of list do not go with", r->out->words[0]);
    if (o->limit == 0) o->limit = 50;
    return MB_OK;
}

static enum mb_rc read_admin(const struct reader *r)
{
    const struct mb_options *o = r->out;
    if (o->nwords != 1 || strcmp(o->words[0], "create") != 0)
        return misuse(r, "say create after", "admin");
    return o->email != NULL ? MB_OK : misuse(r, "--email ADDRESS must follow", "create");
}

static enum mb_rc read_plugin(const struct reader *r)
{
    const struct mb_options *o = r->out;
    bool is_new = o->nwords > 0 && strcmp(o->words[0], "new") == 0;
    if (!is_new && (o->nwords == 0 || strcmp(o->words[0], "test") != 0))
        return misuse(r, "say new or test after", "plugin");
    if (o->nwords == 1) return misuse(r, "the name of a plugin must follow", o->words[0]);
    return is_new && o->nrest > 0 ? misuse(r, "unexpected", o->rest[0]) : MB_OK;
}

static enum mb_rc finish(struct reader *r)
{
    if (r->command == NULL) r->command = &commands[0];
    r->out->command = r->command->command;
    if (r->out->command == MB_COMMAND_MIGRATE) return read_migrate(r);
    if (r->out->command == MB_COMMAND_JOBS) return read_jobs(r);
    if (r->out->command == MB_COMMAND_ADMIN) return read_admin(r);
    if (r->out->command == MB_COMMAND_DEMO || r->out->command == MB_COMMAND_REFERENCE) {
        if (r->out->nwords == 1 && strcmp(r->out->words[0], "load") == 0) return MB_OK;
        return misuse(r, "say load after", r->command->word);
    }
    if (r->out->command == MB_COMMAND_MAIL)
        return r->out->nwords == 2 && strcmp(r->out->words[0], "test") == 0
                   ? MB_OK
                   : misuse(r, "say test ADDRESS after", "mail");
    if (r->out->command == MB_COMMAND_EXPLAIN)
        return r->out->nwords == 2 ? MB_OK : misuse(r, "say METHOD PATH after", "explain");
    if (r->out->command == MB_COMMAND_TEST) return MB_OK;
    if (r->out->command == MB_COMMAND_PLUGIN) return read_plugin(r);
    return r->out->nwords == 0 ? MB_OK : misuse(r, "unexpected", r->out->words[0]);
}

enum mb_rc mb_options_read(struct mb_options *out, int argc, char **argv, struct mb_err *err)
{
    memset(out, 0, sizeof *out);
    struct reader r = {.out = out, .err = err};
    for (int i = 1; i < argc; i++) {
        bool has_rest = r.command != NULL && (r.command->command == MB_COMMAND_TEST ||
                                              r.command->command == MB_COMMAND_PLUGIN);
        if (has_rest && strcmp(argv[i], "--") == 0) {
            out->rest = (const char *const *)argv + i + 1;
            out->nrest = (size_t)(argc - i - 1);
            break;
        }
        enum mb_rc rc = argv[i][0] == '-' ? read_option(&r, argv, &i) : read_word(&r, argv[i]);
        if (rc != MB_OK || out->is_answered) return rc;
    }
    return finish(&r);
}
