/* Episodic meta-training (equation 8) with checkpoints, and evaluation by a protocol. */
#ifndef METAPINN_TRAIN_H
#define METAPINN_TRAIN_H

#include "metapinn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Zero or NULL: the preset's. */
typedef struct mpinn_training {
  const char *preset;        /* "paper" */
  const char *out;           /* weights; the curve goes to out with ".csv", the checkpoint to out with ".checkpoint" */
  const char *init;          /* weights to start from */
  const char *command;       /* written into the metadata of the weights */
  uint64_t seed;
  size_t epochs;             /* an epoch visits every training map once as the query */
  double learning_rate;
  double pde_weight;         /* alpha of equation 8 when it is full; default 1 */
  double checkpoint_minutes; /* default 3 */
  bool restart;              /* ignore a checkpoint that lies there */
} mpinn_training;

void mpinn_training_default(mpinn_training *training);

/* Trains on the maps that each subject's text "train_maps" names ("0-9"), validates on some of those that "test_maps"
 * names; preset any-heart on hearts simulated as it goes where there is no subject. Where a checkpoint of the same
 * data, preset and options lies beside out, goes on from it, bit for bit as if it had not been interrupted (same number
 * of threads). A cancelled training has written a checkpoint. */
mpinn_status mpinn_train(mpinn_context *context, size_t n_subjects, mpinn_subject *const *subjects,
                         const mpinn_training *training);

/* One line of a protocol's result. */
typedef struct mpinn_result_row {
  const char *method; /* "meta-pinn", "healthy", "mean-cv", "nearest-subject" */
  const char *metric; /* "at_scc" … as in the README */
  const char *region; /* "all" */
  size_t k;           /* context maps */
  double mean, sd;
  size_t n;           /* maps counted; those without the metric (no variation, no scar) are left out */
} mpinn_result_row;

typedef struct mpinn_evaluation {
  const char *protocol; /* "paper", "new-heart" …: of it come k and the noise of the measured values */
  size_t k;             /* context maps; 0: the protocol's */
  uint64_t seed;        /* of the choice of contexts, and of the noise */
  bool uncertainty;     /* also score mpinn_personalize_spread, at k times the cost */
  /* What the rows that only remember know of, with its "train_maps"; NULL: the subjects themselves. */
  size_t n_training;
  mpinn_subject *const *training;
} mpinn_evaluation;

/* rows[*n_rows] is allocated; free with free(). */
mpinn_status mpinn_evaluate(mpinn_context *context, const mpinn_model *model, size_t n_subjects,
                            mpinn_subject *const *subjects, const mpinn_evaluation *evaluation, size_t *n_rows,
                            mpinn_result_row **rows);

/* Calibration: how far weights of a preset for any heart are off on simulated hearts, which they have not seen, for
 * mpinn_personalize_spread, and what these personalizations are like, so that strangers are told. */
typedef struct mpinn_calibrating {
  const char *model, *out; /* weights to read, and to write with the calibration; may be the same file */
  uint64_t seed;           /* of the simulated hearts: not one that hearts were trained on or are tested on */
  size_t hearts;           /* 8 or more; default 100 */
} mpinn_calibrating;

void mpinn_calibrating_default(mpinn_calibrating *options);
mpinn_status mpinn_calibrate(mpinn_context *context, const mpinn_calibrating *options);

#ifdef __cplusplus
}
#endif
#endif
