/* The hearts, tissues and maps that a protocol measures weights on. */
#ifndef MPINN_TRAIN_TEST_SET_H
#define MPINN_TRAIN_TEST_SET_H

#include "train/protocols.h"

/* The hearts that weights were trained on. */
typedef struct mpinn_trained_on {
  uint64_t seed; /* of the data set of protocol paper, or of the stream */
  bool stream;   /* hearts simulated as the training went, train/stream.h */
} mpinn_trained_on;

typedef struct mpinn_test_options {
  uint64_t seed; /* of hearts, tissues, measured nodes and origins; protocols of new hearts share them all */
  mpinn_trained_on trained_on;
  size_t k;       /* context maps that the test set must have maps for */
  bool quick;     /* a small one, see mpinn_protocol_size */
  size_t n_given; /* hearts of protocol real-heart, walls of tetrahedra; not changed */
  mpinn_subject *const *given;
} mpinn_test_options;

/* Subjects with CV, measured, maps and origins (of the truth: noise is added when they are read), and the
 * texts train_maps, test_maps, mesh_sha256, cv_sha256. Free with mpinn_subjects_destroy. */
mpinn_status mpinn_test_set_create(mpinn_context *context, const mpinn_protocol *protocol,
                                   const mpinn_test_options *options, size_t *count,
                                   mpinn_subject ***subjects);

/* What the training knew, for the methods that only remember: the data set of protocol paper, or of a stream
 * its first four hearts with all their tissues and maps; quick: one heart with three tissues. */
mpinn_status mpinn_training_set_create(mpinn_context *context, const mpinn_trained_on *trained_on, bool quick,
                                       size_t *count, mpinn_subject ***subjects);

/* How often a mesh of that many nodes is refined for its truth: until it has 100,000, at most twice. */
int mpinn_truth_refinements(size_t nodes);

#endif
