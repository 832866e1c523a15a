#include "heart/tetrahedron.h"

#include "base/vector.h"

mpinn_tetrahedron mpinn_tetrahedron_at(const mpinn_mesh *mesh, size_t cell) {
  const int32_t *nodes = mpinn_mesh_cells(mesh) + 4 * cell;
  const double *points = mpinn_mesh_points(mesh);
  mpinn_tetrahedron made = {.volume = 0};
  double e[3][3];
  for (size_t i = 0; i < 3; i++) mpinn_subtract(points + 3 * nodes[i + 1], points + 3 * nodes[0], e[i]);
  for (size_t i = 0; i < 3; i++) mpinn_cross(e[(i + 1) % 3], e[(i + 2) % 3], made.slope[i + 1]);
  const double six_volumes = mpinn_dot(e[0], made.slope[1]);
  made.volume = fabs(six_volumes) / 6;
  for (size_t i = 1; i < 4; i++)
    for (size_t k = 0; k < 3; k++) {
      made.slope[i][k] /= six_volumes;
      made.slope[0][k] -= made.slope[i][k];
    }
  return made;
}
