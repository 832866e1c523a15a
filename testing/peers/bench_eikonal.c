/* Times the eikonal solver on a mesh written by another program.
 *
 *   bench_eikonal MESH X Y Z RUNS OUT
 *
 * MESH holds, in the machine's byte order: three int64 (nodes of a cell, nodes, cells), float64
 * points[nodes][3] (mm), int32 cells[cells][3 or 4], float32 speeds[cells] (m/s). Writes the activation
 * times, float32[nodes] in ms, to OUT, and prints one line a run: seconds for the mesh, the solver and the
 * solve. One thread. */
#include "base/internal.h"
#include "metapinn/eikonal.h"

#include <stdio.h>

typedef struct raw_mesh {
  int64_t type, nodes, cells;
  double *points;
  int32_t *indices;
  float *speeds;
} raw_mesh;

static bool read_items(FILE *file, size_t count, size_t size, void *items) {
  return items && fread(items, size, count, file) == count;
}

static bool read_mesh(const char *path, raw_mesh *mesh) {
  int64_t header[3];
  FILE *file = fopen(path, "rb");
  bool good = file && read_items(file, 3, sizeof *header, header);
  if (good) {
    mesh->type = header[0];
    mesh->nodes = header[1];
    mesh->cells = header[2];
    const size_t nodes = (size_t)header[1], cells = (size_t)header[2], type = (size_t)header[0];
    mesh->points = calloc(3 * nodes, sizeof *mesh->points);
    mesh->indices = calloc(type * cells, sizeof *mesh->indices);
    mesh->speeds = calloc(cells, sizeof *mesh->speeds);
    good = read_items(file, 3 * nodes, sizeof *mesh->points, mesh->points) &&
           read_items(file, type * cells, sizeof *mesh->indices, mesh->indices) &&
           read_items(file, cells, sizeof *mesh->speeds, mesh->speeds);
  }
  if (file) fclose(file);
  return good;
}

static mpinn_status time_once(mpinn_context *context, const raw_mesh *raw, const mpinn_site *site,
                              float *at) {
  mpinn_mesh *mesh = NULL;
  mpinn_eikonal *solver = NULL;
  mpinn_velocity velocity;
  mpinn_velocity_default(&velocity);
  velocity.association = MPINN_CELLS;
  velocity.speed = raw->speeds;
  const double start = mpinn_seconds();
  mpinn_status status = mpinn_mesh_create(context, (mpinn_cell_type)raw->type, (size_t)raw->nodes,
                                          raw->points, (size_t)raw->cells, raw->indices, &mesh);
  const double meshed = mpinn_seconds();
  if (status == MPINN_OK) status = mpinn_eikonal_create(context, mesh, &velocity, &solver);
  const double created = mpinn_seconds();
  if (status == MPINN_OK) status = mpinn_eikonal_solve(context, solver, 1, site, at);
  const double solved = mpinn_seconds();
  printf("%.6f %.6f %.6f\n", meshed - start, created - meshed, solved - created);
  mpinn_eikonal_destroy(&solver);
  mpinn_mesh_destroy(&mesh);
  return status;
}

int main(int argc, char **argv) {
  raw_mesh raw = {0};
  if (argc != 7 || !read_mesh(argv[1], &raw)) {
    fprintf(stderr, "usage: bench_eikonal MESH X Y Z RUNS OUT\n");
    return 2;
  }
  const mpinn_site site = {.position = {atof(argv[2]), atof(argv[3]), atof(argv[4])}};
  mpinn_context_options options;
  mpinn_context_options_default(&options);
  options.threads = 1;
  mpinn_context *context;
  if (mpinn_context_create(&options, &context) != MPINN_OK) return 1;
  float *at = calloc((size_t)raw.nodes, sizeof *at);
  mpinn_status status = at ? MPINN_OK : MPINN_ERROR_MEMORY;
  for (int i = 0; status == MPINN_OK && i < atoi(argv[5]); i++) status = time_once(context, &raw, &site, at);
  if (status != MPINN_OK) fprintf(stderr, "%s\n", mpinn_context_error(context));
  FILE *out = status == MPINN_OK ? fopen(argv[6], "wb") : NULL;
  const bool written = out && fwrite(at, sizeof *at, (size_t)raw.nodes, out) == (size_t)raw.nodes;
  if (out) fclose(out);
  free(at);
  free(raw.points);
  free(raw.indices);
  free(raw.speeds);
  mpinn_context_destroy(&context);
  return written ? 0 : 1;
}
