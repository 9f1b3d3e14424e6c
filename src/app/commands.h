#pragma once
/* The command line: `medbookd [options] [command]`. */

/* Runs the command that argv names and returns the exit code: 0, 1 (refused or failed),
 * 64 (the command line itself), 78 (the scripts). */
int mb_commands_run(int argc, char **argv);
