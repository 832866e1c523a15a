/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetaPinnPersonalize.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkMetaPinnPersonalize
 * @brief   Personalizes a heart from a few sparse activation maps, without retraining.
 *
 * A meta-learned physics-informed network (Meta-PINN) is conditioned on k context maps of a heart,
 * each the activation times (AT) of another beat measured at some of its nodes, and on the early
 * part of a query map or the site of origin of a wanted one. It yields the heart's conduction
 * velocity and the query's activation times everywhere.
 *
 * Port 0 takes the heart: a vtkUnstructuredGrid of tetrahedra (mm) or, where there is no volume, a
 * surface of triangles. Port 1, optional, takes the measured surface that carries the maps (any
 * point set, of which only the points count, or composite data); without it the heart carries them.
 * NaN and values at or below
 * -9999 mean "not measured".
 *
 * The output is the heart as it came, with the point arrays
 * - AT: activation time, ms
 * - CV: conduction velocity, m/s
 * - PDEResidual: |grad AT| CV - 1 from the network's exact gradient
 * - Support: distance to the nearest measured node, mm
 * - ATEikonal, with Eikonal: what the eikonal equation makes of CV, ms
 * - ATStd and CVStd, with Uncertainty: standard deviations of the errors of AT and CV, ms and m/s
 *
 * and with provenance as strings in the field data (metapinn_...). Arrays of the input that are
 * called AT or CV, ATEikonal, ATStd or CVStd are kept as AT_input and so on, unless they are of an
 * earlier answer of Metapinn's; what is left of one is taken away. For a heart unlike those that
 * the weights were trained on the field data hold a string Notice that says so.
 *
 * With several ranks the heart and the maps have to lie on one of them, as a serial reader leaves
 * them.
 *
 * @sa
 * vtkMetapinnWhatIf vtkPhantomHeartSource vtkEikonalActivation
 */

#ifndef vtkMetaPinnPersonalize_h
#define vtkMetaPinnPersonalize_h

#include "MetapinnFiltersModule.h" // For export macro
#include "vtkActivationMapsAlgorithm.h"

#include <memory> // For std::unique_ptr
#include <string> // For std::string

class vtkMetapinnModel;

class METAPINNFILTERS_EXPORT vtkMetaPinnPersonalize : public vtkActivationMapsAlgorithm
{
public:
  static vtkMetaPinnPersonalize* New();
  vtkTypeMacro(vtkMetaPinnPersonalize, vtkActivationMapsAlgorithm);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  ///@{
  /**
   * Without a query map: predict the activation that starts at Origin. Where it is off too, the
   * first context map is the query. Default: off.
   */
  vtkSetMacro(UseOrigin, vtkTypeBool);
  vtkGetMacro(UseOrigin, vtkTypeBool);
  vtkBooleanMacro(UseOrigin, vtkTypeBool);
  ///@}

  ///@{
  /**
   * The site of origin for UseOrigin, in mm. Default: (0, 0, 0).
   */
  vtkSetVector3Macro(Origin, double);
  vtkGetVector3Macro(Origin, double);
  ///@}

  ///@{
  /**
   * Also solve the eikonal equation on CV, from the site of origin that the query's early part has
   * on it or from Origin: the array ATEikonal, and in the field data metapinn_origin_mm,
   * metapinn_origin_misfit_ms and metapinn_consistency_ms (the root mean square difference of AT
   * and ATEikonal). Default: off.
   */
  vtkSetMacro(Eikonal, vtkTypeBool);
  vtkGetMacro(Eikonal, vtkTypeBool);
  vtkBooleanMacro(Eikonal, vtkTypeBool);
  ///@}

  ///@{
  /**
   * Also say how sure AT and CV are: the arrays ATStd and CVStd, from models without one context
   * map each, at as many times the cost. Default: off.
   */
  vtkSetMacro(Uncertainty, vtkTypeBool);
  vtkGetMacro(Uncertainty, vtkTypeBool);
  vtkBooleanMacro(Uncertainty, vtkTypeBool);
  ///@}

  ///@{
  /**
   * First take gradient steps on the heart's own maps, for RefineSeconds (above 0): for weights of
   * preset any-heart. Default: off, 2 s.
   */
  vtkSetMacro(Refine, vtkTypeBool);
  vtkGetMacro(Refine, vtkTypeBool);
  vtkBooleanMacro(Refine, vtkTypeBool);
  vtkSetMacro(RefineSeconds, double);
  vtkGetMacro(RefineSeconds, double);
  ///@}

  ///@{
  /**
   * About the last execution: wall-clock seconds of the personalization alone and of the whole
   * execution (conversion and reading the weights included), how many nodes were measured, how
   * unlike the training hearts this one is (0: the same; 1: as they are among each other) and
   * whether that is beyond what the weights were trained on, the root mean square of the PDE
   * residual over the nodes (NaN of weights without a velocity), with Eikonal the root mean square
   * difference of AT and ATEikonal (ms; else 0), and a sentence about it all.
   */
  vtkGetMacro(Seconds, double);
  vtkGetMacro(TotalSeconds, double);
  vtkGetMacro(NumberOfMeasuredNodes, vtkIdType);
  vtkGetMacro(ShapeDistance, double);
  vtkGetMacro(Stranger, bool);
  vtkGetMacro(ResidualMeanSquare, double);
  vtkGetMacro(Consistency, double);
  const char* GetSummary() const { return this->Summary.c_str(); }
  ///@}

protected:
  vtkMetaPinnPersonalize();
  ~vtkMetaPinnPersonalize() override;

  int RequestData(vtkInformation* request, vtkInformationVector** inputVector,
    vtkInformationVector* outputVector) override;

  vtkTypeBool UseOrigin = false;
  double Origin[3] = { 0.0, 0.0, 0.0 };
  vtkTypeBool Eikonal = false;
  vtkTypeBool Uncertainty = false;
  vtkTypeBool Refine = false;
  double RefineSeconds = 2.0;

  double Seconds = 0.0;
  double TotalSeconds = 0.0;
  vtkIdType NumberOfMeasuredNodes = 0;
  double ShapeDistance = 0.0;
  bool Stranger = false;
  double ResidualMeanSquare = 0.0;
  double Consistency = 0.0;
  std::string Summary;

private:
  vtkMetaPinnPersonalize(const vtkMetaPinnPersonalize&) = delete;
  void operator=(const vtkMetaPinnPersonalize&) = delete;

  class Work;
  std::unique_ptr<vtkMetapinnModel> Model; // that the last execution read, for the next one

  void ForgetResults();
  void Attach(const Work& work, vtkPointSet* output);
  void Report(const Work& work, double totalSeconds);
};

#endif
