/* What weights know of their own errors, and of what they were trained on. */
#ifndef MPINN_MODEL_CALIBRATION_H
#define MPINN_MODEL_CALIBRATION_H

#include "base/tensorfile.h"
#include "model/likeness.h"

enum { MPINN_SPREAD_PARTS = 6, MPINN_SPREAD_TERMS = MPINN_SPREAD_PARTS + 1, MPINN_SPREAD_CLASSES = 3 };
enum { MPINN_SPREAD_KNOTS = 12 };
enum { MPINN_LIKENESS_OF_WALL, MPINN_LIKENESS_OF_MAPS, MPINN_LIKENESS_BLOCKS };
enum { MPINN_SPREAD_AT, MPINN_SPREAD_CV, MPINN_SPREAD_FIELDS };

typedef struct mpinn_calibration {
  bool has_spread, has_sample; /* false: defaults; strangers are not told */
  /* sd² = Σ (weight · term)², by class of the number of context maps: the parts as in uncertainty_parts.h,
   * then what answers of this size are usually off by: part 1 times a function of part 5 over part 1, linear
   * between knots (where, how much). */
  double spread[MPINN_SPREAD_CLASSES][MPINN_SPREAD_FIELDS][MPINN_SPREAD_TERMS];
  double usual[MPINN_SPREAD_FIELDS][MPINN_SPREAD_KNOTS][2];
  /* Of the training's likenesses x, the wall's numbers and the maps' apart: whitening (x − mean) has length
   * d, and of hearts that it was not learnt from 99 in 100 have d ≤ limit. */
  double mean[MPINN_LIKENESS_NUMBERS], whitening[MPINN_LIKENESS_NUMBERS][MPINN_LIKENESS_NUMBERS],
      limit[MPINN_LIKENESS_BLOCKS];
} mpinn_calibration;

void mpinn_calibration_default(mpinn_calibration *calibration);
/* 1, 2 or 3, and more context maps. */
size_t mpinn_calibration_class(size_t n_context);
/* The standard deviation of a field's error that parts[MPINN_SPREAD_PARTS] make. */
double mpinn_calibration_sd(const mpinn_calibration *calibration, size_t class, int field,
                            const float *parts);

/* Mahalanobis' distance from the training's mean over that which 99 of 100 keep within, the larger of the
 * wall's and the maps'; 0 where it is not known. A number that is NaN counts as usual. */
double mpinn_calibration_distance(const mpinn_calibration *calibration,
                                  const double numbers[MPINN_LIKENESS_NUMBERS]);

/* A block's mean, whitening and limit from hearts that are described per_heart times each, one after the
 * other: numbers[count][numbers of the block], finite. The limit is of hearts left out. has_sample once both
 * are learnt. */
mpinn_status mpinn_calibration_learn_sample(mpinn_context *context, int block, size_t count, size_t per_heart,
                                            const double *numbers, mpinn_calibration *calibration);

/* Parts of the uncertainty of a field and |error|. */
typedef struct mpinn_calibration_sample {
  size_t count;
  const float *parts; /* [count][MPINN_SPREAD_PARTS] */
  const float *error; /* [count] */
} mpinn_calibration_sample;

/* The usual errors of a field, from samples of all classes. */
mpinn_status mpinn_calibration_learn_usual(mpinn_context *context, const mpinn_calibration_sample *samples,
                                           int field, mpinn_calibration *calibration);
/* Then a class's weights: those for which 1.645 sd is the best guess at the error's 90 % quantile (Koenker
 * and Bassett's loss, Econometrica 46, 1978), scaled so that it holds nine in ten. */
mpinn_status mpinn_calibration_learn_weights(mpinn_context *context, const mpinn_calibration_sample *sample,
                                             size_t class, int field, mpinn_calibration *calibration);

/* Tensors of a model's file; read leaves the defaults where there are none. */
mpinn_status mpinn_calibration_read(mpinn_context *context, const mpinn_tensorfile *file,
                                    mpinn_calibration *calibration);
mpinn_status mpinn_calibration_write(mpinn_context *context, const mpinn_calibration *calibration,
                                     mpinn_tensorwriter *writer);
/* Whether a tensor is one of these. */
bool mpinn_calibration_owns(const char *tensor);

#endif
