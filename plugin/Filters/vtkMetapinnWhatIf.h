/*=========================================================================

  Program:   Metapinn
  Module:    vtkMetapinnWhatIf.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkMetapinnWhatIf
 * @brief   How a heart whose conduction velocity is known would activate from other sites, or with
 * other tissue.
 *
 * Port 0 takes an answered heart, the output of vtkMetaPinnPersonalize, or any other of tetrahedra
 * or triangles (mm) with an array of conduction velocity (m/s). The activation starts at Origin and
 * at the sites that AddSite() gives, on that velocity, or on what it becomes where balls (Region,
 * AddRegion()) have another: a scar, an ablation, a drug's effect. The eikonal equation is solved
 * anew, in milliseconds; no network is asked.
 *
 * The output is the heart as it came, with
 * - AT_whatif: point array of activation times, ms, NaN where no front arrives
 * - CV_whatif: the velocity that was used, m/s, of points or cells as the velocity array is
 *
 * and with what was asked as strings in the field data (metapinn_what_if_...). A site that is not
 * in the heart is moved to its nearest point, which Notes and the field data's Notice_whatif tell.
 *
 * With several ranks the heart has to lie on one of them, as a serial reader leaves it.
 *
 * @sa
 * vtkMetaPinnPersonalize vtkEikonalActivation
 */

#ifndef vtkMetapinnWhatIf_h
#define vtkMetapinnWhatIf_h

#include "MetapinnFiltersModule.h" // For export macro
#include "vtkPointSetAlgorithm.h"

#include <array>  // For std::array
#include <string> // For std::string
#include <vector> // For std::vector

class vtkMultiProcessController;

class METAPINNFILTERS_EXPORT vtkMetapinnWhatIf : public vtkPointSetAlgorithm
{
public:
  static vtkMetapinnWhatIf* New();
  vtkTypeMacro(vtkMetapinnWhatIf, vtkPointSetAlgorithm);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  ///@{
  /**
   * The heart's conduction velocity, m/s: the name of a point array or, where there is none of that
   * name, of a cell array. Default: "CV".
   */
  vtkSetStringMacro(VelocityArray);
  vtkGetStringMacro(VelocityArray);
  ///@}

  ///@{
  /**
   * The site of origin, mm, and its onset, ms. Default: (0, 0, 0), 0.
   */
  vtkSetVector3Macro(Origin, double);
  vtkGetVector3Macro(Origin, double);
  vtkSetMacro(Onset, double);
  vtkGetMacro(Onset, double);
  ///@}

  ///@{
  /**
   * Further sites of origin: a position (mm) and an onset (ms). The first front to arrive activates
   * a point.
   */
  void AddSite(double x, double y, double z, double onset = 0.0);
  void ClearSites();
  int GetNumberOfSites() const { return static_cast<int>(this->Sites.size()); }
  ///@}

  ///@{
  /**
   * A ball in which the velocity is RegionVelocity: its center and radius (mm) and that velocity
   * (m/s). Default: none; where it is on, 10 mm about (0, 0, 0) with 0.1 m/s.
   */
  vtkSetMacro(UseRegion, vtkTypeBool);
  vtkGetMacro(UseRegion, vtkTypeBool);
  vtkBooleanMacro(UseRegion, vtkTypeBool);
  vtkSetVector3Macro(RegionCenter, double);
  vtkGetVector3Macro(RegionCenter, double);
  vtkSetMacro(RegionRadius, double);
  vtkGetMacro(RegionRadius, double);
  vtkSetMacro(RegionVelocity, double);
  vtkGetMacro(RegionVelocity, double);
  ///@}

  ///@{
  /**
   * Further balls: center and radius (mm) and velocity (m/s). Later ones go over earlier ones.
   */
  void AddRegion(double x, double y, double z, double radius, double velocity);
  void ClearRegions();
  int GetNumberOfRegions() const { return static_cast<int>(this->Regions.size()); }
  ///@}

  ///@{
  /**
   * How many threads may compute; 0, the default, means what OMP_NUM_THREADS says, or as many as there are
   * processors. The result does not depend on it.
   */
  vtkSetClampMacro(NumberOfThreads, int, 0, 1024);
  vtkGetMacro(NumberOfThreads, int);
  ///@}

  ///@{
  /**
   * About the last execution: wall-clock seconds of the solution alone, when the last point is
   * activated (ms), and what was done to sites that lie outside the heart (empty: nothing).
   */
  vtkGetMacro(Seconds, double);
  vtkGetMacro(LastActivation, double);
  const char* GetNotes() const { return this->Notes.c_str(); }
  ///@}

  ///@{
  /**
   * The controller that tells whether the heart lies on one rank. Default: the global one.
   */
  virtual void SetController(vtkMultiProcessController* controller);
  vtkGetObjectMacro(Controller, vtkMultiProcessController);
  ///@}

protected:
  vtkMetapinnWhatIf();
  ~vtkMetapinnWhatIf() override;

  int FillInputPortInformation(int port, vtkInformation* info) override;
  int RequestData(vtkInformation* request, vtkInformationVector** inputVector,
    vtkInformationVector* outputVector) override;

  char* VelocityArray = nullptr;
  double Origin[3] = { 0.0, 0.0, 0.0 };
  double Onset = 0.0;
  std::vector<std::array<double, 4>> Sites;
  vtkTypeBool UseRegion = false;
  double RegionCenter[3] = { 0.0, 0.0, 0.0 };
  double RegionRadius = 10.0;
  double RegionVelocity = 0.1;
  std::vector<std::array<double, 5>> Regions;
  int NumberOfThreads = 0;
  double Seconds = 0.0;
  double LastActivation = 0.0;
  std::string Notes;
  vtkMultiProcessController* Controller = nullptr;

private:
  vtkMetapinnWhatIf(const vtkMetapinnWhatIf&) = delete;
  void operator=(const vtkMetapinnWhatIf&) = delete;

  class Work;
};

#endif
