/* Which arrays are activation maps, and which of their values are measurements: one rule for all that read
 * files. */
#ifndef METAPINN_MAP_NAMES_H
#define METAPINN_MAP_NAMES_H

#include "metapinn/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Whether an array of this name is taken for an activation map: AT, AT_…, AT and digits, LAT and the like
 * (LAT_system), activation, ActivationTime(s), local_activation_time, activation_map … in any case, with "_",
 * "-", "." or a space between words. Not what is derived from a map (ATStd, ATEikonal, AT_input, a mask, an
 * error …) and not CV. */
bool mpinn_map_name_is_activation(const char *name);

/* Whether an array can be a map: node data of one component with such a name. */
bool mpinn_array_is_map(const mpinn_array *array);

/* Whether a map's value, ms, is a measurement: finite, and not the mapping systems' sentinel (≤ −9999). */
bool mpinn_map_is_measured(double value);

/* What became of the values of a map. */
typedef struct mpinn_map_cleaning {
  size_t measured; /* values kept, negative ones too: only differences within a map count */
  size_t missing;  /* NaN or infinite */
  size_t sentinel; /* ≤ −9999: mapping systems write −10000 for "not measured" */
  size_t negative; /* of the measured ones */
} mpinn_map_cleaning;

/* values[n], ms, to clean[n] with NaN where nothing was measured; may be in place. */
mpinn_map_cleaning mpinn_map_clean(size_t n, const double *values, double *clean);

/* The same for a map of whatever type; clean[array->rows]. */
mpinn_map_cleaning mpinn_array_clean(const mpinn_array *array, double *clean);

#ifdef __cplusplus
}
#endif
#endif
