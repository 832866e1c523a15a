#include "cli.h"
#include "metapinn/map_names.h"

#include <string.h>

static bool add_name(mpinn_cli_names *list, const char *name) {
  const char **more = realloc(list->names, (list->n + 1) * sizeof *more);
  if (!more) return false;
  list->names = more;
  more[list->n++] = name;
  return true;
}

bool mpinn_cli_want_maps(mpinn_cli_map_choice *choice, const char *text) {
  return add_name(&choice->wanted, text);
}

void mpinn_cli_map_choice_clear(mpinn_cli_map_choice *choice) {
  for (size_t i = 0; choice->copies && i < choice->wanted.n; i++) free(choice->copies[i]);
  free(choice->copies);
  free(choice->wanted.names);
  free(choice->maps.names);
  *choice = (mpinn_cli_map_choice){0};
}

static mpinn_status no_memory(mpinn_cli *cli) {
  return mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory for the names of maps");
}

static bool is_called(const mpinn_array *array, const char *name) {
  return name && strcmp(array->name, name) == 0;
}

static mpinn_status take_all(mpinn_cli *cli, const mpinn_subject *carrier, const char *query,
                             const char *truth, mpinn_cli_names *maps) {
  for (size_t i = 0; i < mpinn_subject_array_count(carrier); i++) {
    const mpinn_array *array = mpinn_subject_array_at(carrier, i);
    if (!mpinn_array_is_map(array) || is_called(array, query) || is_called(array, truth)) continue;
    if (!add_name(maps, array->name)) return no_memory(cli);
  }
  if (maps->n > 0) return MPINN_OK;
  return mpinn_fail(
      cli->context, MPINN_ERROR_MAP,
      "--context all finds no activation map; expected a node array with a name like AT_00 or LAT");
}

/* Names with commas between them; copy is cut up. */
static mpinn_status take_list(mpinn_cli *cli, char *copy, mpinn_cli_names *maps) {
  char *rest = NULL;
  for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
    if (!add_name(maps, name)) return no_memory(cli);
  return MPINN_OK;
}

mpinn_status mpinn_cli_choose_maps(mpinn_cli *cli, const mpinn_subject *carrier, const char *query,
                                   const char *truth, mpinn_cli_map_choice *choice) {
  MPINN_TRY(MPINN_NEW(cli->context, &choice->copies, choice->wanted.n));
  for (size_t i = 0; i < choice->wanted.n; i++) {
    const char *text = choice->wanted.names[i];
    const bool is_name = mpinn_subject_find(carrier, text, MPINN_NODES) != NULL;
    if (!is_name && strcmp(text, "all") == 0) {
      MPINN_TRY(take_all(cli, carrier, query, truth, &choice->maps));
    } else if (is_name || !strchr(text, ',')) {
      if (!add_name(&choice->maps, text)) return no_memory(cli);
    } else {
      choice->copies[i] = mpinn_copy_string(text);
      if (!choice->copies[i]) return no_memory(cli);
      MPINN_TRY(take_list(cli, choice->copies[i], &choice->maps));
    }
  }
  return MPINN_OK;
}
