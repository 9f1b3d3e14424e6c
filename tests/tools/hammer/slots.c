/* Reading the file of slots. */
#include "slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/text.h"

static void add_id(struct slots *s, const char *id)
{
    if (strlen(id) >= SLOT_ID_MAX)
        die("slot id too long: %s", id);
    if ((s->id_count & (s->id_count - 1)) == 0) {
        size_t cap = s->id_count ? 2 * s->id_count : 1;
        s->ids = must(realloc(s->ids, cap * sizeof *s->ids));
    }
    snprintf(s->ids[s->id_count++], SLOT_ID_MAX, "%s", id);
}

static void add_round(struct slots *s, char *line)
{
    struct slot_round r = {.first = s->id_count};
    char *rest = NULL;
    for (char *id = strtok_r(line, " \t\r\n", &rest); id; id = strtok_r(NULL, " \t\r\n", &rest))
        add_id(s, id);
    r.count = s->id_count - r.first;
    if (r.count == 0)
        return;
    if ((s->round_count & (s->round_count - 1)) == 0) {
        size_t cap = s->round_count ? 2 * s->round_count : 1;
        s->rounds = must(realloc(s->rounds, cap * sizeof *s->rounds));
    }
    s->rounds[s->round_count++] = r;
}

void slots_read(struct slots *s, const char *path)
{
    char *line = NULL;
    size_t cap = 0;
    *s = (struct slots){0};
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!f)
        die("could not open %s", path);
    while (getline(&line, &cap, f) > 0)
        add_round(s, line);
    free(line);
    if (f != stdin)
        fclose(f);
    if (s->round_count == 0)
        die("no slots in %s", path);
}

void slots_free(struct slots *s)
{
    free(s->ids);
    free(s->rounds);
    *s = (struct slots){0};
}
