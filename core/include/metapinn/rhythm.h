/* What kind of activation a measured map shows: one origin, several, a circuit, or nothing at all. */
#ifndef METAPINN_RHYTHM_H
#define METAPINN_RHYTHM_H

#include "metapinn/mesh.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { MPINN_RHYTHM_MOST_SOURCES = 16, MPINN_RHYTHM_FEWEST_POINTS = 16 };

typedef enum mpinn_rhythm_kind {
  MPINN_RHYTHM_UNKNOWN,    /* too few points, or no differences, to tell */
  MPINN_RHYTHM_FOCAL,      /* one origin */
  MPINN_RHYTHM_MULTIFOCAL, /* several breakthroughs that no single origin explains, as in sinus rhythm */
  MPINN_RHYTHM_REENTRY,    /* early meets late along a line: a circuit whose times are folded at its cycle */
  MPINN_RHYTHM_NOISE       /* neighbouring times have nothing to do with one another */
} mpinn_rhythm_kind;

/* The kind's name in lower case: "focal", "multifocal", "re-entry", "noise", "unknown". */
const char *mpinn_rhythm_name(mpinn_rhythm_kind kind);

typedef struct mpinn_rhythm_input {
  size_t n;
  const double *points;   /* [n][3], mm */
  const double *times;    /* [n], ms, of a clock with any zero; NaN and ≤ −9999: not measured */
  const mpinn_mesh *mesh; /* of the heart, whose size the points are measured by; NULL: by their own */
} mpinn_rhythm_input;

typedef struct mpinn_rhythm_source {
  size_t point;      /* index of the earliest of its points */
  double time;       /* ms, there */
  size_t n_points;   /* points that are activated from it */
  double prominence; /* ms from its time to the earliest pass to the basin of an earlier source; of the
                        earliest source: to the latest time */
} mpinn_rhythm_source;

typedef struct mpinn_rhythm {
  mpinn_rhythm_kind kind;
  size_t n_measured;
  double span;             /* ms between early and late: from the 2nd to the 98th of 100 times */
  double early_meets_late; /* the greatest share of span that lies between neighbours all along a line, and
                              that slow conduction does not explain: near 1 in a circuit */
  double roughness;        /* share of the times' variance that neighbours leave unexplained: 0 smooth, 1 none
                              of it explained */
  size_t n_sources;        /* the most prominent of them where there are more than are listed */
  mpinn_rhythm_source sources[MPINN_RHYTHM_MOST_SOURCES]; /* the earliest first */
  char reason[200];                                       /* a sentence for the user */
} mpinn_rhythm;

/* Looks at the graph of nearest measured neighbours. Sources are the minima of time that persist: the pass to
 * an earlier basin must be late (0-dimensional persistent homology of the sublevel sets; Edelsbrunner,
 * Letscher, Zomorodian, Discrete Comput. Geom. 28, 2002), and the front that earlier points show must be too
 * late for it by more than the thickness of the wall explains: an origin within the wall may break through on
 * both its sides. A constant added to the times, a rotation, another order of points and one scale for space
 * and times alike do not matter. basin[n] receives the number of each point's source, −1 where it was not
 * measured; may be NULL. */
mpinn_status mpinn_recognize_rhythm(mpinn_context *context, const mpinn_rhythm_input *input,
                                    mpinn_rhythm *rhythm, int32_t *basin);

#ifdef __cplusplus
}
#endif
#endif
