/* Personalization of a subject in place: maps are looked up by name, cleaned and handed to mpinn_personalize,
 * and what the twin says comes back as arrays and texts of the heart. The command line and the VTK filter
 * both are this one call. */
#ifndef METAPINN_PERSONALIZE_H
#define METAPINN_PERSONALIZE_H

#include "metapinn/map_names.h"
#include "metapinn/twin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mpinn_personalize_options {
  size_t n_context; /* k ≥ 1 */
  const char *const
      *context; /* [n_context] names of node arrays of the surface (of the heart where there is none) */
  const char
      *query; /* name of the query map; of it the earliest 20 % of measured nodes are used; may be NULL */
  const mpinn_site *origin; /* without a query map: the query's site of origin, mm and ms; may be NULL. Both
                               NULL: the first context map is the query */
  size_t max_measured;      /* more measured nodes than this are thinned; 0: the preset's */
  bool eikonal;             /* also ask mpinn_twin_eikonal; default false */
  bool uncertainty;         /* also ask mpinn_personalize_spread, at k times the cost; default false */
  double refine;            /* seconds for mpinn_twin_refine before anything is asked; default 0: none */
} mpinn_personalize_options;

void mpinn_personalize_options_default(mpinn_personalize_options *options);

/* surface carries the maps, and may be points alone (mpinn_mesh_create_points); NULL: the heart does.
 * Measured are its nodes that have a value in at least one context map and, where it has a node array
 * `measured`, are marked there. Values that are NaN or ≤ −9999 are not measured; how many there were is said
 * through the log and kept in the texts.
 *
 * On success the heart has new node arrays (float32): AT (ms), CV (m/s), PDEResidual (|∇T| F − 1) and Support
 * (mm); the heart's own arrays AT and CV, where it had any, are kept as AT_input and CV_input. And new texts:
 *   metapinn_version  metapinn_backend  metapinn_weights_sha256  metapinn_preset  metapinn_protocol
 *   metapinn_context (names, comma-separated)  metapinn_query ("map NAME", "origin X,Y,Z,T0")
 * metapinn_rhythm (of each map what mpinn_recognize_rhythm says: "AT_00: focal; sinus: multifocal, 3
 * breakthroughs")  metapinn_cleaning  metapinn_measured_nodes  metapinn_early_nodes
 * metapinn_seconds (of mpinn_personalize)
 * metapinn_total_seconds (of this) metapinn_time_offset_ms  metapinn_shape_distance  metapinn_stranger ("no",
 * or "yes: …" with a sentence) metapinn_frame_centre_mm  metapinn_frame_rotation (9 numbers by rows)
 * metapinn_frame_scale_per_mm  metapinn_frame_from
 *
 * With eikonal also the node array ATEikonal (ms, the query's clock; one that the heart had of its own is
 * kept as ATEikonal_input) and the texts metapinn_origin_mm (the site of origin that the query's early part
 * has on the twin's velocity, or the one given; where the query map has several sources, "x y z; x y z …",
 * which all its measured nodes tell)  metapinn_origin_misfit_ms (root mean square over that part)
 * metapinn_consistency_ms (root mean square difference of AT and ATEikonal over the wall: whether twin and
 * physics agree). Without it those of an earlier answer go.
 *
 * With uncertainty also the node arrays ATStd (ms) and CVStd (m/s), standard deviations of the errors of AT and
 * CV, and the text metapinn_uncertainty, how they came about. Without it those of an earlier answer go.
 *
 * A heart whose box has a diagonal outside 20 to 300 mm is questioned through a warning, and in the text
 * metapinn_units_questioned; where the heart has a text `units`, it is quoted there.
 *
 * With refine also the text metapinn_refine (steps made, misfit and loss before and after, as
 * mpinn_refine_report says them); of a query map of several sources CV alone is refined. The uncertainty is
 * then still that of the twins as they are generated.
 *
 * A map of re-entry or of noise (mpinn_recognize_rhythm, on all its measured nodes) is refused; several
 * sources are told through the log.
 *
 * On failure the heart is as it was. info and twin (to be
 * destroyed by the caller) may be NULL. MPINN_ERROR_MAP, naming the map: none is chosen, no such array, cell
 * data, wrong length or number of components, no activation that has sites of origin. */
mpinn_status mpinn_personalize_subject(mpinn_context *context, const mpinn_model *model, mpinn_subject *heart,
                                       const mpinn_subject *surface, const mpinn_personalize_options *options,
                                       mpinn_twin_info *info, mpinn_twin **twin);

#ifdef __cplusplus
}
#endif
#endif
