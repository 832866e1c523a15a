/* The comparison that the paper makes, run anew: weights, fits and what knows nothing, on the same maps of the same
 * hearts, against a truth that none of them was made with. */
#ifndef METAPINN_STUDY_H
#define METAPINN_STUDY_H

#include "metapinn/compare.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The two tables of a study. Both have four hearts with five scars each, those that the data set of protocol `paper`
 * with data_seed has, and ten test maps each. */
typedef enum mpinn_study_table {
  MPINN_STUDY_SEGMENTS,   /* "segments": the paper's scars, whole AHA segments; no noise */
  MPINN_STUDY_ELLIPSOIDS, /* "ellipsoids": scars that no segments can represent; 3 ms of noise */
  MPINN_STUDY_TABLES
} mpinn_study_table;

/* Weights to compare. Names are borrowed and end up in the rows. */
typedef struct mpinn_study_model {
  const char *name;
  const char *eikonal_name; /* of another method, the eikonal equation on their velocity; NULL: none */
  const mpinn_model *model;
} mpinn_study_model;

typedef struct mpinn_study {
  const char *folder; /* an existing one: the hearts and, in records.csv, every score are kept there, and what lies there
                         is not made again */
  uint64_t seed;      /* of noise and of the choice of context maps; 1 */
  uint64_t data_seed; /* 1 */
  size_t maps;        /* test maps of each subject that are queries, 1 to 10; 10 */
  bool quick;         /* one heart with three scars in each table */
  bool fits;          /* also the methods that are optimized on each map, which take hours; true */
  size_t steps;       /* of multi-PINN's optimizer, at least 1; 5000 */
  size_t n_models;
  const mpinn_study_model *models; /* the first is what all others are compared with, pair by pair */
} mpinn_study;

void mpinn_study_default(mpinn_study *study);

/* Mean and standard deviation over the maps of a table of one metric of one method. */
typedef struct mpinn_study_row {
  const char *table, *method;
  const char *fitted_to; /* "context maps and 20 %", "whole map": of the query alone, "20 %", or "nothing" */
  const char *origin;    /* "given", "found", or "not used": the query's site of origin */
  const char *metric;    /* "at_scc at_rrmse at_mae cv_scc cv_rrmse cv_mae scar_dice residual_msq residual_abs seconds solves steps" */
  const char *region;    /* "all", "endocardium" (of both ventricles), "rest" of the wall */
  size_t k;              /* context maps; 0 where the query alone is fitted to */
  double mean, sd;
  size_t n;              /* maps counted; those that have no such value are left out */
  double p;              /* that the first model with five context maps is no better or worse: Wilcoxon's signed-rank test,
                            two-sided, over the maps that both have; NaN of itself, and where fewer than 6 differ */
} mpinn_study_row;

/* The whole study, or what is missing of one that was stopped: a cancelled one goes on where it was. Scores in the folder
 * count where table, subject, map, method and what it was made with (weights by their SHA-256, seeds, and the fits'
 * options) are the same. rows[*n_rows] is allocated; free with free(). */
mpinn_status mpinn_study_run(mpinn_context *context, const mpinn_study *study, size_t *n_rows, mpinn_study_row **rows);

#ifdef __cplusplus
}
#endif
#endif
