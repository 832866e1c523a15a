/* Writes weights as they are before any training, for the tests of the filters:
 * make_test_weights PRESET SEED FILE. */
#include "model/model.h"

#include <stdio.h>

static mpinn_status make(mpinn_context *context, const mpinn_preset *preset, uint64_t seed,
                         const char *path) {
  const mpinn_text texts[] = {{"protocol", "untrained"}};
  const mpinn_ops *ops = NULL;
  mpinn_network *network = NULL;
  float *parameters = NULL;
  MPINN_TRY(mpinn_backend_ops(context, MPINN_BACKEND_CPU, &ops));
  MPINN_TRY(mpinn_network_create(context, preset, ops, false, &network));
  MPINN_TRY(MPINN_NEW(context, &parameters, network->layout.n_values));
  mpinn_layout_initialize(&network->layout, preset, seed, parameters);
  MPINN_TRY(ops->upload(network->backend, network->layout.n_values, MPINN_FLOAT32, parameters,
                        network->parameters));
  const mpinn_status status = mpinn_model_write(context, network, 0, NULL, 1, texts, path);
  free(parameters);
  mpinn_network_destroy(&network);
  return status;
}

int main(int argc, char **argv) {
  mpinn_context *context = NULL;
  const mpinn_preset *preset = argc == 4 ? mpinn_preset_find(argv[1]) : NULL;
  if (!preset || mpinn_context_create(NULL, &context) != MPINN_OK) return 2;
  const mpinn_status status = make(context, preset, strtoull(argv[2], NULL, 10), argv[3]);
  if (status != MPINN_OK) fprintf(stderr, "%s\n", mpinn_context_error(context));
  mpinn_context_destroy(&context);
  return status != MPINN_OK;
}
