#include "heart/boundary.h"

#include "base/internal.h"

#include <string.h>

/* Faces by their nodes in ascending order, in chains from the lowest node. */
typedef struct face {
  int32_t nodes[3]; /* as seen from outside */
  int32_t key[2];   /* the middle and the highest node */
  int32_t next;     /* in the chain, or −1 */
  int32_t cells;
} face;

static void add_face(face *faces, int32_t *chains, size_t *count, const int32_t nodes[3]) {
  const int32_t a = nodes[0], b = nodes[1], c = nodes[2];
  const int32_t low = a < b ? (a < c ? a : c) : (b < c ? b : c),
                high = a > b ? (a > c ? a : c) : (b > c ? b : c);
  const int32_t middle = a + (b - low) + (c - high);
  for (int32_t f = chains[low]; f >= 0; f = faces[f].next)
    if (faces[f].key[0] == middle && faces[f].key[1] == high) {
      faces[f].cells++;
      return;
    }
  faces[*count] = (face){{a, b, c}, {middle, high}, chains[low], 1};
  chains[low] = (int32_t)(*count)++;
}

mpinn_status mpinn_mesh_boundary(mpinn_context *context, const mpinn_mesh *mesh, size_t *count,
                                 int32_t (**faces)[3]) {
  static const int sides[4][3] = {{1, 2, 3}, {0, 3, 2}, {0, 1, 3}, {0, 2, 1}};
  const size_t n_nodes = mpinn_mesh_node_count(mesh), n_cells = mpinn_mesh_cell_count(mesh);
  const int32_t *cells = mpinn_mesh_cells(mesh);
  const bool *usable = mpinn_mesh_cell_usable(mesh);
  mpinn_status status = MPINN_OK;
  face *all = NULL;
  int32_t *chains = NULL;
  size_t n = 0;
  *count = 0;
  *faces = NULL;
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &all, 4 * n_cells));
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, &chains, n_nodes));
  memset(chains, 0xff, n_nodes * sizeof *chains);
  for (size_t c = 0; c < n_cells; c++)
    for (int s = 0; s < 4 && usable[c]; s++) {
      int32_t nodes[3];
      for (int i = 0; i < 3; i++) nodes[i] = cells[4 * c + (size_t)sides[s][i]];
      add_face(all, chains, &n, nodes);
    }
  for (size_t f = 0; f < n; f++) *count += all[f].cells == 1;
  MPINN_TRY_GOTO(end, status, MPINN_NEW(context, faces, *count));
  *count = 0;
  for (size_t f = 0; f < n; f++)
    if (all[f].cells == 1) memcpy((*faces)[(*count)++], all[f].nodes, sizeof all[f].nodes);
end:
  free(all);
  free(chains);
  return status;
}

/* ---- is it a closed surface? ---- */

/* The half-edges a → b that leave each node, in the order of faces. */
typedef struct fans {
  int32_t *start;     /* [n_nodes + 1] */
  int32_t (*ends)[2]; /* b, and the third node of the face */
} fans;

static mpinn_status build_fans(mpinn_context *context, size_t n_nodes, size_t count,
                               const int32_t (*faces)[3], fans *f) {
  MPINN_TRY(MPINN_NEW(context, &f->start, n_nodes + 2));
  MPINN_TRY(MPINN_NEW(context, &f->ends, 3 * count));
  for (size_t i = 0; i < 3 * count; i++) f->start[faces[i / 3][i % 3] + 2]++;
  for (size_t i = 2; i < n_nodes + 2; i++) f->start[i] += f->start[i - 1];
  for (size_t i = 0; i < 3 * count; i++) {
    const int32_t place = f->start[faces[i / 3][i % 3] + 1]++;
    f->ends[place][0] = faces[i / 3][(i % 3 + 1) % 3];
    f->ends[place][1] = faces[i / 3][(i % 3 + 2) % 3];
  }
  return MPINN_OK;
}

/* Whether the faces around a node make one closed fan: from each to the next by its third node, back to the
 * first after all of them. */
static bool is_one_fan(const fans *f, size_t node) {
  const int32_t from = f->start[node], to = f->start[node + 1];
  if (from == to) return true;
  int32_t at = f->ends[from][0];
  for (int32_t turn = 0; turn < to - from; turn++) {
    int32_t found = -1, matches = 0;
    for (int32_t e = from; e < to; e++)
      if (f->ends[e][0] == at) {
        found = e;
        matches++;
      }
    if (matches != 1) return false;
    at = f->ends[found][1];
    if (at == f->ends[from][0]) return turn == to - from - 1;
  }
  return false;
}

mpinn_status mpinn_boundary_check(mpinn_context *context, size_t n_nodes, size_t count,
                                  const int32_t (*faces)[3], bool *manifold, long *euler) {
  fans f = {NULL, NULL};
  mpinn_status status = build_fans(context, n_nodes, count, faces, &f);
  if (status == MPINN_OK) {
    long nodes = 0;
    *manifold = true;
    for (size_t i = 0; i < n_nodes; i++) {
      nodes += f.start[i] < f.start[i + 1];
      *manifold = *manifold && is_one_fan(&f, i);
    }
    *euler = nodes - (long)count / 2; /* a closed surface has three edges for two faces */
  }
  free(f.start);
  free(f.ends);
  return status;
}
