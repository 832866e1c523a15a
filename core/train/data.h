/* Subjects as training and validation see them: in the weights' frame and units, their maps ready for the encoders. */
#ifndef MPINN_TRAIN_DATA_H
#define MPINN_TRAIN_DATA_H

#include "metapinn/frame.h"
#include "model/network.h"
#include "model/shape.h"

enum { MPINN_HALF_TRAIN, MPINN_HALF_TEST, MPINN_HALVES };

/* Some of a subject's maps: those of one half. */
typedef struct mpinn_map_set {
  size_t n_maps;
  float *at;                    /* [n_maps][n_wall] the networks' unit of time, 0 at the onset */
  void *inputs[MPINN_ENCODERS]; /* on the backend: all maps whole, and all maps' early parts */
} mpinn_map_set;

typedef struct mpinn_training_subject {
  mpinn_frame frame;
  mpinn_shape shape;
  size_t n_wall;
  float *wall; /* [n_wall][3] in the frame */
  float *cv;   /* [n_wall] m/s, for validation only; NULL where it is not known */
  mpinn_encoder_graph graph;
  mpinn_map_set halves[MPINN_HALVES];
} mpinn_training_subject;

typedef struct mpinn_training_data {
  size_t n_subjects;
  mpinn_training_subject *subjects;
  size_t max_measured, max_maps, max_wall;
  char sha256[65]; /* of every subject's points, cells, measured nodes and maps */
} mpinn_training_data;

/* MPINN_ERROR_FORMAT naming the subject and what it lacks: 'measured', 'train_maps', maps finite on the wall. */
mpinn_status mpinn_training_data_create(mpinn_context *context, const mpinn_network *network, size_t n_subjects,
                                        mpinn_subject *const *subjects, mpinn_training_data *data);
void mpinn_training_data_clear(const mpinn_network *network, mpinn_training_data *data);

/* Map numbers from a text as "0-9" or "0-3,7"; *maps is allocated. */
mpinn_status mpinn_parse_maps(mpinn_context *context, const char *text, size_t n_available, size_t *n_maps,
                              size_t **maps);

#endif
