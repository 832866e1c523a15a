/* Subjects as training and validation see them: in the weights' frame and units, their maps ready for the
 * encoders. */
#ifndef MPINN_TRAIN_DATA_H
#define MPINN_TRAIN_DATA_H

#include "metapinn/frame.h"
#include "model/network.h"
#include "model/shape.h"

enum { MPINN_HALF_TRAIN, MPINN_HALF_TEST, MPINN_HALVES };

/* A sampling of measured nodes, and the maps there. */
typedef struct mpinn_view {
  mpinn_encoder_graph graph;
  void *inputs[MPINN_HALVES][MPINN_ENCODERS]; /* on the backend: all maps whole, and all maps' early parts */
} mpinn_view;

typedef struct mpinn_training_subject {
  mpinn_frame frame;
  mpinn_shape shape;
  size_t n_wall;
  float *wall; /* [n_wall][3] in the frame */
  float *cv;   /* [n_wall] m/s, for validation and for presets with labels; NULL where it is not known */
  size_t n_maps[MPINN_HALVES];
  float *at[MPINN_HALVES]; /* [n_maps][n_wall] the networks' unit of time, 0 at the onset */
  /* The first is the subject's own `measured`. The others are drawn anew from the endocardium: a network that
   * sees one sampling alone learns its graph by heart, and is lost on another mapping of the same heart. */
  size_t n_views;
  mpinn_view *views;
} mpinn_training_subject;

typedef struct mpinn_training_data {
  size_t n_subjects;
  mpinn_training_subject *subjects;
  size_t max_measured, max_maps, max_wall;
  char sha256[65]; /* of every subject's points, cells, measured nodes and maps */
} mpinn_training_data;

/* MPINN_ERROR_FORMAT naming the subject and what it lacks: 'measured', 'train_maps', maps finite on the wall.
 */
mpinn_status mpinn_training_data_create(mpinn_context *context, const mpinn_network *network, uint64_t seed,
                                        size_t n_subjects, mpinn_subject *const *subjects,
                                        mpinn_training_data *data);
void mpinn_training_data_clear(const mpinn_network *network, mpinn_training_data *data);

/* Adds a subject's points, cells, measured nodes and maps. */
void mpinn_hash_subject(mpinn_sha256 *hash, const mpinn_subject *subject, size_t n_measured,
                        const size_t *measured);

/* Map numbers from a text as "0-9" or "0-3,7"; *maps is allocated. */
mpinn_status mpinn_parse_maps(mpinn_context *context, const char *text, size_t n_available, size_t *n_maps,
                              size_t **maps);

#endif
