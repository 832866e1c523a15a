#include "eikonal/each.h"

#include "eikonal/internal.h"

#include <stdio.h>
#include <string.h>

/* On a context of its own, so that several can be solved at once. */
static mpinn_status solve_one(const mpinn_eikonal *solver, const mpinn_site *site, size_t i,
                              mpinn_take_map take, void *user, char *error, size_t bytes) {
  mpinn_context_options options;
  mpinn_context *context = NULL;
  float *at = NULL;
  mpinn_context_options_default(&options);
  options.threads = 1;
  mpinn_status status = mpinn_context_create(&options, &context);
  if (status != MPINN_OK) {
    snprintf(error, bytes, "No memory for a context");
    return status;
  }
  status = MPINN_NEW(context, &at, solver->mesh->node_count);
  if (status == MPINN_OK) status = mpinn_eikonal_solve(context, solver, 1, site, at);
  if (status == MPINN_OK)
    take(user, i, at);
  else
    snprintf(error, bytes, "%s", mpinn_context_error(context));
  free(at);
  mpinn_context_destroy(&context);
  return status;
}

mpinn_status mpinn_eikonal_solve_each(mpinn_context *context, const mpinn_eikonal *solver, size_t n,
                                      const mpinn_site *sites, const char *what, mpinn_take_map take,
                                      void *user) {
  const size_t batch = (size_t)mpinn_context_threads(context);
  for (size_t first = 0; first < n; first += batch) {
    const size_t end = first + batch < n ? first + batch : n;
    mpinn_status failed = MPINN_OK;
    char error[512] = "";
    MPINN_TRY(mpinn_progress(context, (double)first / (double)n, what));
#pragma omp parallel for schedule(static) num_threads(mpinn_context_threads(context))
    for (size_t i = first; i < end; i++) {
      char own[512] = "";
      const mpinn_status status = solve_one(solver, &sites[i], i, take, user, own, sizeof own);
      if (status != MPINN_OK) {
#pragma omp critical(mpinn_solve_each)
        {
          failed = status;
          memcpy(error, own, sizeof error);
        }
      }
    }
    if (failed != MPINN_OK) return mpinn_fail(context, failed, "%s", error);
  }
  return MPINN_OK;
}
