/* A model as the library holds it: the network, what its file says of it, and the shapes of the hearts it was trained on. */
#ifndef MPINN_MODEL_MODEL_H
#define MPINN_MODEL_MODEL_H

#include "metapinn/model.h"
#include "model/calibration.h"
#include "model/network.h"
#include "model/shape.h"

typedef struct mpinn_text {
  char *key, *value;
} mpinn_text;

struct mpinn_model {
  mpinn_network *network;
  size_t n_texts;
  mpinn_text *texts;
  size_t n_shapes;
  mpinn_shape *shapes; /* of the training hearts */
  mpinn_calibration calibration;
};

/* Writes network's parameters as halves, with shapes and the texts of n_texts pairs. */
mpinn_status mpinn_model_write(mpinn_context *context, const mpinn_network *network, size_t n_shapes,
                               const mpinn_shape *shapes, size_t n_texts, const mpinn_text *texts, const char *path);

/* The table of operations of a backend; MPINN_ERROR_BACKEND where this build or machine lacks it. */
mpinn_status mpinn_backend_ops(mpinn_context *context, mpinn_backend_kind kind, const mpinn_ops **ops);

#endif
