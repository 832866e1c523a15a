#include "metapinn/map_names.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static const double sentinel = -9999; /* at or below: how mapping systems write "not measured" */

/* The name in small letters without what separates words, and with a number at its end cut off: "AT_ms_07"
 * gives "atms". */
static void normalize(const char *name, size_t bytes, char *normal) {
  size_t n = 0;
  for (; *name && n + 1 < bytes; name++)
    if (!strchr("_-. ()[]", *name)) normal[n++] = (char)tolower((unsigned char)*name);
  while (n > 0 && isdigit((unsigned char)normal[n - 1])) n--;
  normal[n] = '\0';
}

static bool starts_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool contains_any(const char *text, size_t count, const char *const *words) {
  for (size_t i = 0; i < count; i++)
    if (strstr(text, words[i])) return true;
  return false;
}

/* "AT", "AT_…", "AT07" but not "Atlas": after the two letters the word must end, and two letters this common
 * must be written alike. */
static bool is_at_word(const char *name) {
  const bool same_case = (name[0] == 'A' && name[1] == 'T') || (name[0] == 'a' && name[1] == 't');
  return same_case && !isalpha((unsigned char)name[2]);
}

static bool is_lat_word(const char *name) {
  return tolower((unsigned char)name[0]) == 'l' && tolower((unsigned char)name[1]) == 'a' &&
         tolower((unsigned char)name[2]) == 't' && !isalpha((unsigned char)name[3]);
}

bool mpinn_map_name_is_activation(const char *name) {
  /* What is derived from a map or said about one. */
  static const char *const derived[] = {"std",         "error",     "eikonal", "gradient", "confidence",
                                        "uncertainty", "mask",      "valid",   "residual", "variance",
                                        "input",       "predicted", "class",   "label",    "whatif"};
  static const char *const stems[] = {"activationtime",   "localactivation", "activationmap",
                                      "timeofactivation", "acttime",         "mappinglat"};
  char normal[128];
  normalize(name, sizeof normal, normal);
  if (contains_any(normal, sizeof derived / sizeof *derived, derived)) return false;
  if (is_at_word(name) || is_lat_word(name)) return true;
  if (strcmp(normal, "activation") == 0 || strcmp(normal, "activations") == 0) return true;
  for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
    if (starts_with(normal, stems[i])) return true;
  return false;
}

bool mpinn_array_is_map(const mpinn_array *array) {
  return array->association == MPINN_NODES && array->components == 1 &&
         mpinn_map_name_is_activation(array->name);
}

static double clean_value(double value, mpinn_map_cleaning *counts) {
  if (!isfinite(value)) {
    counts->missing++;
    return NAN;
  }
  if (value <= sentinel) {
    counts->sentinel++;
    return NAN;
  }
  counts->measured++;
  counts->negative += value < 0;
  return value;
}

bool mpinn_map_is_measured(double value) {
  return isfinite(value) && value > sentinel;
}

mpinn_map_cleaning mpinn_map_clean(size_t n, const double *values, double *clean) {
  mpinn_map_cleaning counts = {0};
  for (size_t i = 0; i < n; i++) clean[i] = clean_value(values[i], &counts);
  return counts;
}

mpinn_map_cleaning mpinn_array_clean(const mpinn_array *array, double *clean) {
  mpinn_map_cleaning counts = {0};
  for (size_t i = 0; i < array->rows; i++) clean[i] = clean_value(mpinn_array_get(array, i, 0), &counts);
  return counts;
}
