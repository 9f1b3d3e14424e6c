/* The program starts here; everything it does is chosen in app/commands.c. */
#include "app/commands.h"

int main(int argc, char **argv) { return mb_commands_run(argc, argv); }
