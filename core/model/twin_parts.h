/* What a twin is made of, and what a kind of generated networks does for it. */
#ifndef MPINN_MODEL_TWIN_PARTS_H
#define MPINN_MODEL_TWIN_PARTS_H

#include "metapinn/twin.h"
#include "model/likeness.h"
#include "model/local_pass.h"
#include "model/model.h"

typedef struct mpinn_twin_method mpinn_twin_method;

/* The generated networks of a preset with local features, and the heart that they read. */
typedef struct mpinn_local_twin {
  mpinn_local_heart *heart;       /* shared with other twins of the same mesh */
  void *weights[2], *features[2]; /* on the backend, of the velocity and of the activation */
  mpinn_origin origin;            /* the query's; of misfit 0 where it was given */
  size_t n_nodes;
  float *speed,
      *eikonal; /* [n_nodes] of the mesh: the velocity (m/s) and the eikonal solution from the origin on it
                   (ms from the onset), as the twin was made with them; NULL of a refined twin */
  size_t n_context;
  float
      *times; /* [n_context + 1][info.n_measured], ms, NaN: not measured: the maps, the query's early part */
  bool query_measured; /* the query is a map of its own: neither simulated nor a context map */
} mpinn_local_twin;

struct mpinn_twin {
  const mpinn_model *model;
  const mpinn_twin_method *method;
  mpinn_twin_info info;
  void *weights[MPINN_HYPERS]; /* of the paper's preset: the generated networks, on the model's backend */
  mpinn_local_twin local;      /* of presets with local features */
  double *measured;            /* [info.n_measured][3], mm */
  double *early;               /* [info.n_early][3], mm: of these, where the query's early part is known */
  double *early_times;         /* [info.n_early], ms */
  double likeness[MPINN_LIKENESS_NUMBERS]; /* of presets with local features */
  double left_of_times[2]; /* of the contexts' times and of the query's, what the velocity found leaves: root
                              mean square in lengths of the heart; 0 where it is not known */
};

/* What the encoders see: the nodes where any map is known, thinned. */
typedef struct mpinn_twin_maps {
  size_t n_nodes, n_context;
  size_t *node;    /* [n_nodes] index on the surface */
  double *points;  /* [n_nodes][3], mm */
  float *contexts; /* [n_context][n_nodes], ms as measured; NaN: not measured */
  float *query;    /* [n_nodes] the query's early part, ms as measured; filled by mpinn_twin_take_query */
} mpinn_twin_maps;

struct mpinn_twin_method {
  /* Makes the networks: the velocity from the contexts, then mpinn_twin_take_query, then the activation.
   * Fills the frame and what tells strangers. */
  mpinn_status (*generate)(mpinn_context *context, const mpinn_personalization *input, mpinn_twin_maps *maps,
                           mpinn_twin *twin);
  /* At points[n][3] (mm), n ≤ MPINN_TWIN_CHUNK, those outputs that are not NULL: T in ms from its own zero,
   * its gradient in ms/mm, F in m/s. */
  mpinn_status (*evaluate)(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                           float *at, float *gradient, float *cv);
  /* Magnitude of F's gradient at any number of points, m/s over the length of the heart; NULL: not known. */
  mpinn_status (*speed_slope)(mpinn_context *context, const mpinn_twin *twin, size_t n, const double *points,
                              float *slope);
  void (*clear)(mpinn_twin *twin);
};
enum { MPINN_TWIN_CHUNK = 16384 };

extern const mpinn_twin_method mpinn_twin_paper, mpinn_twin_local;

/* Of a twin that changes: its speed and eikonal hold no longer. */
void mpinn_local_forget_solution(mpinn_local_twin *twin);

/* MPINN_ERROR_MODEL where the weights give none. */
mpinn_status mpinn_twin_need_velocity(mpinn_context *context, const mpinn_twin *twin);

/* The query's early part on the measured nodes: of its map, of one that is simulated from its origin on the
 * twin's velocity, or of the first context. */
mpinn_status mpinn_twin_take_query(mpinn_context *context, const mpinn_personalization *input,
                                   mpinn_twin *twin, mpinn_twin_maps *maps);

#endif
