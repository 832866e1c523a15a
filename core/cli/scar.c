#include "scar.h"

#include <math.h>
#include <string.h>

static mpinn_status bad_scar(mpinn_cli *cli, const char *text, const char *expected) {
  return mpinn_fail(cli->context, MPINN_ERROR_ARGUMENT, "The scar '%s' is not understood; expected %s", text,
                    expected);
}

static mpinn_status parse_paper(mpinn_cli *cli, const char *text, const char *value, mpinn_scar *scar) {
  size_t placement = 0;
  if (!mpinn_cli_parse_size(value, &placement) || placement > 4)
    return bad_scar(cli, text, "paper:0 to paper:4");
  mpinn_scar_paper((int)placement, scar);
  return MPINN_OK;
}

static mpinn_status parse_segments(mpinn_cli *cli, const char *text, const char *value, mpinn_scar *scar) {
  double numbers[MPINN_SEGMENT_COUNT];
  const size_t n = mpinn_cli_parse_list(value, MPINN_SEGMENT_COUNT, numbers);
  for (size_t i = 0; i < n; i++) {
    if (numbers[i] != floor(numbers[i]) || numbers[i] < 1 || numbers[i] > MPINN_SEGMENT_RV)
      return bad_scar(cli, text, "segments from 1 to 17 (AHA) or 18 (right ventricle)");
    scar->segments[i] = (int)numbers[i];
  }
  scar->segment_count = n;
  return n ? MPINN_OK : bad_scar(cli, text, "segments:1,7,13");
}

static mpinn_status parse_ellipsoid(mpinn_cli *cli, const char *text, const char *value, mpinn_scar *scar) {
  double numbers[6];
  if (mpinn_cli_parse_list(value, 6, numbers) != 6 || !(numbers[3] > 0 && numbers[4] > 0 && numbers[5] > 0))
    return bad_scar(cli, text, "ellipsoid:X,Y,Z,RX,RY,RZ in mm, the radii greater than 0");
  memcpy(scar->centre, numbers, sizeof scar->centre);
  memcpy(scar->radii, numbers + 3, sizeof scar->radii);
  for (int d = 0; d < 3; d++) scar->axes[d][d] = 1;
  return MPINN_OK;
}

static mpinn_status parse_random(mpinn_cli *cli, const char *text, const char *value, uint64_t seed,
                                 const mpinn_subject *subject, mpinn_scar *scar) {
  if (value && !mpinn_cli_parse_seed(value, &seed)) return bad_scar(cli, text, "random or random:SEED");
  return mpinn_scar_random(cli->context, subject, seed, scar);
}

static mpinn_status parse_modifier(mpinn_cli *cli, const char *text, const char *modifier, mpinn_scar *scar) {
  static const char depth[] = "transmural=", speed[] = "speed=", border[] = "border=";
  if (strncmp(modifier, speed, sizeof speed - 1) == 0) {
    if (mpinn_cli_parse_double(modifier + sizeof speed - 1, &scar->speed) && scar->speed > 0) return MPINN_OK;
    return bad_scar(cli, text, "speed= a number of m/s greater than 0");
  }
  if (strncmp(modifier, border, sizeof border - 1) == 0) {
    if (mpinn_cli_parse_double(modifier + sizeof border - 1, &scar->border) && scar->border >= 0 &&
        scar->segment_count == 0)
      return MPINN_OK;
    return bad_scar(cli, text, "border= 0 mm or more, behind random or ellipsoid");
  }
  if (strncmp(modifier, depth, sizeof depth - 1) == 0) {
    double *range = scar->transmural;
    if (mpinn_cli_parse_list(modifier + sizeof depth - 1, 2, range) == 2 && range[0] < range[1])
      return MPINN_OK;
    return bad_scar(cli, text, "transmural=FROM,TO with 0 at the endocardium and 1 at the epicardium");
  }
  return bad_scar(cli, text, "/speed=…, /transmural=… or /border=… behind it");
}

/* The kind and its value, "KIND" or "KIND:VALUE"; value is NULL where there is none. */
static mpinn_status parse_kind(mpinn_cli *cli, const char *text, const char *kind, const char *value,
                               uint64_t seed, const mpinn_subject *subject, mpinn_scar *scar) {
  const char *expected = "paper:0..4, segments:1,7,13, random, random:SEED or ellipsoid:X,Y,Z,RX,RY,RZ";
  memset(scar, 0, sizeof *scar);
  scar->speed = 0.1;
  scar->transmural[1] = 1;
  if (strcmp(kind, "random") == 0) return parse_random(cli, text, value, seed, subject, scar);
  if (!value) return bad_scar(cli, text, expected);
  if (strcmp(kind, "paper") == 0) return parse_paper(cli, text, value, scar);
  if (strcmp(kind, "segments") == 0) return parse_segments(cli, text, value, scar);
  if (strcmp(kind, "ellipsoid") == 0) return parse_ellipsoid(cli, text, value, scar);
  return bad_scar(cli, text, expected);
}

mpinn_status mpinn_cli_parse_scar(mpinn_cli *cli, const char *text, uint64_t seed,
                                  const mpinn_subject *subject, mpinn_scar *scar) {
  char *copy = mpinn_copy_string(text), *rest = NULL;
  if (!copy) return mpinn_fail(cli->context, MPINN_ERROR_MEMORY, "No memory for the scar '%s'", text);
  char *kind = strtok_r(copy, "/", &rest);
  char *value = kind ? strchr(kind, ':') : NULL;
  if (value) *value++ = '\0';
  mpinn_status status = parse_kind(cli, text, kind ? kind : "", value, seed, subject, scar);
  for (char *modifier; status == MPINN_OK && (modifier = strtok_r(NULL, "/", &rest));)
    status = parse_modifier(cli, text, modifier, scar);
  free(copy);
  return status;
}
