/*=========================================================================

  Program:   Metapinn
  Module:    vtkEikonalActivation.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkEikonalActivation
 * @brief   Activation times of a heart from its conduction velocity and sites of origin.
 *
 * Solves the eikonal equation |grad T| v = 1 (or, with fibres, grad T . D grad T = 1 with D of
 * squared velocities) on the tetrahedra of port 0 or, where there is no volume, on its triangles,
 * by a fast iterative method. Coordinates are mm, velocities m/s, times ms.
 *
 * The activation starts at the sites that AddSite() gives and at the points of port 1 (optional;
 * composite data are accepted), each with its own onset.
 *
 * The output is the input with one more point array, called as OutputArrayName says; NaN where no
 * front arrives.
 *
 * With several ranks the heart has to lie on one of them, as a serial reader leaves it.
 *
 * @sa
 * vtkPhantomHeartSource vtkMetaPinnPersonalize
 */

#ifndef vtkEikonalActivation_h
#define vtkEikonalActivation_h

#include "MetapinnFiltersModule.h" // For export macro
#include "vtkPointSetAlgorithm.h"

#include <array>  // For std::array
#include <string> // For std::string
#include <vector> // For std::vector

class vtkMultiProcessController;

class METAPINNFILTERS_EXPORT vtkEikonalActivation : public vtkPointSetAlgorithm
{
public:
  static vtkEikonalActivation* New();
  vtkTypeMacro(vtkEikonalActivation, vtkPointSetAlgorithm);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  /** Where conduction velocity comes from. */
  enum VelocityType
  {
    VELOCITY_UNIFORM = 0, ///< ConductionVelocity, everywhere
    VELOCITY_ARRAY = 1,   ///< a point or cell array of one component: input array to process 0
    VELOCITY_FIBRES =
      2 ///< AxesVelocities along fibres (input array to process 1), sheets (2) and normals
  };

  ///@{
  /**
   * Where conduction velocity comes from. Default: VELOCITY_UNIFORM. The input arrays to process
   * are by default the point arrays CV, fibre and sheet.
   */
  vtkSetClampMacro(VelocityMode, int, VELOCITY_UNIFORM, VELOCITY_FIBRES);
  vtkGetMacro(VelocityMode, int);
  ///@}

  ///@{
  /**
   * The uniform conduction velocity, m/s. Default: 0.6.
   */
  vtkSetMacro(ConductionVelocity, double);
  vtkGetMacro(ConductionVelocity, double);
  ///@}

  ///@{
  /**
   * Conduction velocity along fibres, along sheets and along their normals, m/s. Without a sheet
   * array the last two must be equal. Default: 0.6, 0.24, 0.24.
   */
  vtkSetVector3Macro(AxesVelocities, double);
  vtkGetVector3Macro(AxesVelocities, double);
  ///@}

  ///@{
  /**
   * Sites of origin: a position (mm; the nearest point of the heart is taken) and an onset (ms).
   */
  void AddSite(double x, double y, double z, double onset = 0.0);
  void ClearSites();
  int GetNumberOfSites() const { return static_cast<int>(this->Sites.size()); }
  ///@}

  ///@{
  /**
   * A point array of port 1 with the onset of each of its points, ms; empty, the default: 0 for
   * all.
   */
  vtkSetStringMacro(OnsetArray);
  vtkGetStringMacro(OnsetArray);
  ///@}

  ///@{
  /**
   * The name of the new array. Default: "AT".
   */
  vtkSetStringMacro(OutputArrayName);
  vtkGetStringMacro(OutputArrayName);
  ///@}

  ///@{
  /**
   * How many threads may compute; 0, the default, means what OMP_NUM_THREADS says, or as many as there are
   * processors. The result does not depend on it.
   */
  vtkSetClampMacro(NumberOfThreads, int, 0, 1024);
  vtkGetMacro(NumberOfThreads, int);
  ///@}

  /** About the last execution: wall-clock seconds of the solution alone. */
  vtkGetMacro(Seconds, double);

  ///@{
  /**
   * The controller that tells whether the heart lies on one rank. Default: the global one.
   */
  virtual void SetController(vtkMultiProcessController* controller);
  vtkGetObjectMacro(Controller, vtkMultiProcessController);
  ///@}

  /** Connects the points of origin (port 1). */
  void SetSitesConnection(vtkAlgorithmOutput* output) { this->SetInputConnection(1, output); }

protected:
  vtkEikonalActivation();
  ~vtkEikonalActivation() override;

  int FillInputPortInformation(int port, vtkInformation* info) override;
  int RequestData(vtkInformation* request, vtkInformationVector** inputVector,
    vtkInformationVector* outputVector) override;

  int VelocityMode = VELOCITY_UNIFORM;
  double ConductionVelocity = 0.6;
  double AxesVelocities[3] = { 0.6, 0.24, 0.24 };
  std::vector<std::array<double, 4>> Sites;
  char* OnsetArray = nullptr;
  char* OutputArrayName = nullptr;
  int NumberOfThreads = 0;
  double Seconds = 0.0;
  vtkMultiProcessController* Controller = nullptr;

private:
  vtkEikonalActivation(const vtkEikonalActivation&) = delete;
  void operator=(const vtkEikonalActivation&) = delete;

  class Work;
};

#endif
