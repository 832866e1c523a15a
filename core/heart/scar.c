#include "heart/scar.h"

#include <math.h>
#include <string.h>

static const double scar_speed = 0.1; /* m/s, the paper's */

static void scar_default(mpinn_scar *scar) {
  memset(scar, 0, sizeof *scar);
  for (int i = 0; i < 3; i++) scar->axes[i][i] = 1;
  scar->transmural[1] = 1;
  scar->speed = scar_speed;
}

void mpinn_scar_paper(int placement, mpinn_scar *scar) {
  /* Contiguous territories: anterior, septal, inferior, lateral, apical. */
  static const int groups[5][6] = {
      {1, 7, 13}, {2, 3, 8, 9}, {4, 10, 15}, {5, 6, 11, 12}, {13, 14, 15, 16, 17}};
  const int *group = groups[((placement % 5) + 5) % 5];
  scar_default(scar);
  while (group[scar->segment_count]) {
    scar->segments[scar->segment_count] = group[scar->segment_count];
    scar->segment_count++;
  }
}

/* ---- a random ellipsoid ---- */

/* Rows orthonormal, uniformly distributed: from a random unit quaternion. */
static void random_axes(mpinn_random *random, double axes[3][3]) {
  double q[4], length = 0;
  for (int i = 0; i < 4; i++) q[i] = mpinn_random_normal(random);
  for (int i = 0; i < 4; i++) length += q[i] * q[i];
  for (int i = 0; i < 4; i++) q[i] /= sqrt(length);
  const double w = q[0], x = q[1], y = q[2], z = q[3];
  const double made[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                             {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                             {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
  memcpy(axes, made, sizeof made);
}

/* Half the diagonal of the nodes' box, mm: what a scar's size is in proportion to. */
static double half_diagonal(const mpinn_mesh *mesh) {
  const double *points = mpinn_mesh_points(mesh);
  double low[3], high[3], sum = 0;
  for (int k = 0; k < 3; k++) low[k] = high[k] = points[k];
  for (size_t i = 0; i < 3 * mpinn_mesh_node_count(mesh); i++) {
    low[i % 3] = fmin(low[i % 3], points[i]);
    high[i % 3] = fmax(high[i % 3], points[i]);
  }
  for (int k = 0; k < 3; k++) sum += (high[k] - low[k]) * (high[k] - low[k]);
  return 0.5 * sqrt(sum);
}

void mpinn_scar_draw(mpinn_random *random, const mpinn_mesh *mesh, const double radius[2], mpinn_scar *scar) {
  const int32_t *cells = mpinn_mesh_cells(mesh);
  const bool *usable = mpinn_mesh_cell_usable(mesh);
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const double size = half_diagonal(mesh); /* about 80 mm of a human heart */
  scar_default(scar);
  size_t cell = mpinn_random_below(random, mpinn_mesh_cell_count(mesh));
  while (!usable[cell]) cell = (cell + 1) % mpinn_mesh_cell_count(mesh); /* a mesh has at least one */
  const int32_t node = cells[corners * cell + mpinn_random_below(random, corners)];
  memcpy(scar->centre, mpinn_mesh_points(mesh) + 3 * node, sizeof scar->centre);
  for (int i = 0; i < 3; i++) scar->radii[i] = size * mpinn_random_uniform(random, radius[0], radius[1]);
  random_axes(random, scar->axes);
}

mpinn_status mpinn_scar_random(mpinn_context *context, const mpinn_subject *subject, uint64_t seed,
                               mpinn_scar *scar) {
  const double radius[2] = {0.12, 0.35};
  mpinn_random random;
  (void)context;
  mpinn_random_seed_stream(&random, seed, 0x53434152);
  mpinn_scar_draw(&random, mpinn_subject_mesh(subject), radius, scar);
  const double part = mpinn_random_uniform(&random, 0, 1), depth = mpinn_random_uniform(&random, 0.4, 0.8);
  if (part < 0.4 && mpinn_subject_find(subject, "transmural", MPINN_NODES)) scar->transmural[1] = depth;
  return MPINN_OK;
}

/* ---- painting scars ---- */

typedef struct spot {
  double position[3], transmural;
  int segment;
} spot;

/* Distance outside an ellipsoid, mm, 0 within; anything greater than most where it is more than that. The
 * nearest point of the surface is at r² x / (t + r²) with t > 0 the root of a convex, falling function, so
 * Newton's method from 0 nears it from below. */
static double outside_ellipsoid(const mpinn_scar *scar, const double position[3], double most) {
  double x[3], sum = 0, thinnest = INFINITY, t = 0, distance = 0;
  for (int i = 0; i < 3; i++) {
    x[i] = 0;
    for (int k = 0; k < 3; k++) x[i] += scar->axes[i][k] * (position[k] - scar->centre[k]);
    sum += x[i] * x[i] / (scar->radii[i] * scar->radii[i]);
    thinnest = fmin(thinnest, scar->radii[i]);
  }
  if (sum <= 1) return 0;
  if ((sqrt(sum) - 1) * thinnest > most) return INFINITY;
  for (int step = 0; step < 50; step++) {
    double value = -1, slope = 0;
    for (int i = 0; i < 3; i++) {
      const double square = scar->radii[i] * scar->radii[i], part = scar->radii[i] * x[i] / (t + square);
      value += part * part;
      slope += 2 * part * part / (t + square);
    }
    t += value / slope;
    if (value < 1e-9) break;
  }
  for (int i = 0; i < 3; i++) {
    const double part = t * x[i] / (t + scar->radii[i] * scar->radii[i]);
    distance += part * part;
  }
  return sqrt(distance);
}

static bool is_partial(const mpinn_scar *scar) {
  return scar->transmural[0] > 0 || scar->transmural[1] < 1;
}

/* How much of a scar is at a place: 1 in it, 0 beyond its border, between them 3 s² − 2 s³. */
static double share_of(const mpinn_scar *scar, const spot *at) {
  if (is_partial(scar) && !(at->transmural >= scar->transmural[0] && at->transmural <= scar->transmural[1]))
    return 0;
  for (size_t i = 0; i < scar->segment_count; i++)
    if (scar->segments[i] == at->segment) return 1;
  if (scar->segment_count > 0) return 0;
  const double distance = outside_ellipsoid(scar, at->position, scar->border);
  if (distance == 0) return 1;
  if (!(distance < scar->border)) return 0;
  const double in = 1 - distance / scar->border;
  return in * in * (3 - 2 * in);
}

static float speed_at(const spot *at, double healthy, size_t scar_count, const mpinn_scar *scars) {
  double speed = healthy;
  for (size_t i = 0; i < scar_count; i++) {
    const double share = share_of(&scars[i], at);
    if (share == 1) speed = fmin(speed, scars[i].speed);
    if (share > 0 && share < 1) speed = fmin(speed, healthy + share * (scars[i].speed - healthy));
  }
  return (float)speed;
}

static mpinn_status check_scar(mpinn_context *context, const mpinn_subject *subject, size_t index,
                               const mpinn_scar *scar) {
  if (!(scar->speed > 0 && isfinite(scar->speed)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Scar %zu has the speed %g m/s; expected one above 0",
                      index, scar->speed);
  if (scar->segment_count > MPINN_SEGMENT_COUNT)
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Scar %zu names %zu segments; expected at most %d",
                      index, scar->segment_count, MPINN_SEGMENT_COUNT);
  for (size_t i = 0; i < scar->segment_count; i++)
    if (scar->segments[i] < 1 || scar->segments[i] > MPINN_SEGMENT_RV)
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                        "Scar %zu names segment %d; expected 1 to 17, or %d for the RV", index,
                        scar->segments[i], MPINN_SEGMENT_RV);
  for (int i = 0; i < 3 && scar->segment_count == 0; i++)
    if (!(scar->radii[i] > 0))
      return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "Scar %zu has the radius %g mm; expected one above 0",
                        index, scar->radii[i]);
  if (!(scar->border >= 0 && isfinite(scar->border)) || (scar->border > 0 && scar->segment_count > 0))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Scar %zu has a border of %g mm; expected 0 or more, and 0 of one given by segments",
                      index, scar->border);
  if (scar->segment_count > 0 && !mpinn_subject_find(subject, "segment", MPINN_NODES))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Scar %zu is given by segments, but the heart has no node array 'segment'", index);
  if (is_partial(scar) && !mpinn_subject_find(subject, "transmural", MPINN_NODES))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT,
                      "Scar %zu is not transmural, but the heart has no node array 'transmural'", index);
  return MPINN_OK;
}

typedef struct labels {
  const mpinn_array *segment, *transmural; /* may be NULL */
} labels;

static spot spot_of_node(const mpinn_mesh *mesh, const labels *given, size_t node) {
  spot at = {.segment = given->segment ? (int)mpinn_array_get(given->segment, node, 0) : 0};
  at.transmural = given->transmural ? mpinn_array_get(given->transmural, node, 0) : 0;
  memcpy(at.position, mpinn_mesh_points(mesh) + 3 * node, sizeof at.position);
  return at;
}

/* The centroid; its segment is the one that most of the cell's nodes have, the lowest of several. */
static spot spot_of_cell(const mpinn_mesh *mesh, const labels *given, size_t cell) {
  const size_t corners = (size_t)mpinn_mesh_cell_type(mesh);
  const int32_t *nodes = mpinn_mesh_cells(mesh) + corners * cell;
  int segments[4], most = 0;
  spot centre = {.segment = 0};
  for (size_t a = 0; a < corners; a++) {
    const spot at = spot_of_node(mesh, given, (size_t)nodes[a]);
    for (int k = 0; k < 3; k++) centre.position[k] += at.position[k] / (double)corners;
    centre.transmural += at.transmural / (double)corners;
    segments[a] = at.segment;
  }
  for (size_t a = 0; a < corners; a++) {
    int votes = 0;
    for (size_t b = 0; b < corners; b++) votes += segments[a] == segments[b];
    if (votes > most || (votes == most && segments[a] < centre.segment)) centre.segment = segments[a];
    if (votes > most) most = votes;
  }
  return centre;
}

mpinn_status mpinn_subject_set_scars(mpinn_context *context, mpinn_subject *subject, double healthy,
                                     size_t scar_count, const mpinn_scar *scars) {
  const mpinn_mesh *mesh = mpinn_subject_mesh(subject);
  const size_t n_nodes = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  const labels given = {mpinn_subject_find(subject, "segment", MPINN_NODES),
                        mpinn_subject_find(subject, "transmural", MPINN_NODES)};
  mpinn_status status = MPINN_OK;
  float *nodes = NULL, *cells = NULL;
  if (!(healthy > 0 && isfinite(healthy)))
    return mpinn_fail(context, MPINN_ERROR_ARGUMENT, "The healthy speed is %g m/s; expected one above 0",
                      healthy);
  for (size_t i = 0; i < scar_count; i++) MPINN_TRY(check_scar(context, subject, i, &scars[i]));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &nodes, n_nodes));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &cells, n_cells));
  for (size_t i = 0; i < n_nodes; i++) {
    const spot at = spot_of_node(mesh, &given, i);
    nodes[i] = speed_at(&at, healthy, scar_count, scars);
  }
  for (size_t i = 0; i < n_cells; i++) {
    const spot at = spot_of_cell(mesh, &given, i);
    cells[i] = speed_at(&at, healthy, scar_count, scars);
  }
  MPINN_TRY_GOTO(
      end, status,
      mpinn_subject_add_array(context, subject, "CV", MPINN_NODES, MPINN_FLOAT32, n_nodes, 1, nodes, NULL));
  status =
      mpinn_subject_add_array(context, subject, "CV", MPINN_CELLS, MPINN_FLOAT32, n_cells, 1, cells, NULL);
end:
  free(nodes);
  free(cells);
  return status;
}
