#include "eikonal/each.h"

#include "base/parallel.h"
#include "eikonal/internal.h"

enum { NODES_BETWEEN_LOOKS = 20000 }; /* of one thread, between two looks at cancellation */

typedef struct each {
  const mpinn_eikonal *solver;
  const mpinn_site *sites;
  const mpinn_front_end *end;
  mpinn_take_map take;
  void *user;
} each;

static mpinn_status solve_one(mpinn_context *context, void *user, size_t i) {
  const each *e = user;
  float *at = NULL;
  mpinn_status status = MPINN_NEW(context, &at, e->solver->mesh->node_count);
  if (status == MPINN_OK) status = mpinn_front_solve(context, e->solver, 1, &e->sites[i], e->end, at);
  if (status == MPINN_OK) e->take(e->user, i, at);
  free(at);
  return status;
}

mpinn_status mpinn_eikonal_solve_each(mpinn_context *context, const mpinn_eikonal *solver, size_t n,
                                      const mpinn_site *sites, const mpinn_front_end *end, const char *what,
                                      mpinn_take_map take, void *user) {
  each e = {solver, sites, end, take, user};
  const size_t threads = (size_t)mpinn_context_threads(context);
  const size_t batch = threads * (1 + NODES_BETWEEN_LOOKS / (solver->mesh->node_count + 1));
  for (size_t first = 0; first < n; first += batch) {
    MPINN_TRY(mpinn_progress(context, (double)first / (double)n, what));
    MPINN_TRY(mpinn_for_each(context, first, first + batch < n ? first + batch : n, solve_one, &e));
  }
  return MPINN_OK;
}
