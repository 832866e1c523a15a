/*=========================================================================

  Program:   Metapinn
  Module:    vtkPhantomHeartSource.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkPhantomHeartSource
 * @brief   A phantom heart with a scar, sites of measurement and simulated activation maps.
 *
 * Output port 0 is the heart: a vtkUnstructuredGrid of tetrahedra in mm, LV long axis along z, with
 * the point arrays surface_class, segment (AHA-17, 18 the RV free wall), transmural, measured (1
 * where maps are measured), the true CV (m/s) and the true activation maps AT_00, AT_01 ... (ms),
 * each from another random site of origin; CV is cell data too. The field data array origins has
 * one row (x, y, z, onset) a map.
 *
 * Output port 1 is what a mapping system would give of it: the endocardium as vtkPolyData with the
 * same maps, NaN wherever nothing was measured.
 *
 * The same properties give the same heart on every machine.
 *
 * @sa
 * vtkMetaPinnPersonalize vtkEikonalActivation
 */

#ifndef vtkPhantomHeartSource_h
#define vtkPhantomHeartSource_h

#include "MetapinnFiltersModule.h" // For export macro
#include "vtkUnstructuredGridAlgorithm.h"

class vtkPolyData;

class METAPINNFILTERS_EXPORT vtkPhantomHeartSource : public vtkUnstructuredGridAlgorithm
{
public:
  static vtkPhantomHeartSource* New();
  vtkTypeMacro(vtkPhantomHeartSource, vtkUnstructuredGridAlgorithm);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  /** Which ventricles there are; of the right one alone the septum is part of the wall. */
  enum VentriclesType
  {
    VENTRICLES_BOTH = 0,
    VENTRICLES_LEFT = 1,
    VENTRICLES_RIGHT = 2
  };

  /** Where the scar is. */
  enum ScarType
  {
    SCAR_NONE = 0,
    SCAR_RANDOM = 1,  ///< an ellipsoid in the wall, by ScarSeed
    SCAR_PAPER_1 = 2, ///< five groups of AHA segments
    SCAR_PAPER_2 = 3,
    SCAR_PAPER_3 = 4,
    SCAR_PAPER_4 = 5,
    SCAR_PAPER_5 = 6
  };

  ///@{
  /**
   * The seed of the shape. Default: 1.
   */
  vtkSetClampMacro(Seed, int, 0, VTK_INT_MAX);
  vtkGetMacro(Seed, int);
  ///@}

  ///@{
  /**
   * The wanted number of nodes, 400 to 1,000,000, met within 5 %. Default: 2000.
   */
  vtkSetClampMacro(NumberOfNodes, int, 400, 1000000);
  vtkGetMacro(NumberOfNodes, int);
  ///@}

  ///@{
  /**
   * Which ventricles there are. Default: VENTRICLES_BOTH.
   */
  vtkSetClampMacro(Ventricles, int, VENTRICLES_BOTH, VENTRICLES_RIGHT);
  vtkGetMacro(Ventricles, int);
  ///@}

  ///@{
  /**
   * How far shapes vary about the mean heart: 0 not at all, 1, the default, plausibly, 2 as far as
   * disease takes them (dilated, thick, thin, an uneven wall, a slanted base).
   */
  vtkSetClampMacro(Variation, double, 0.0, 2.0);
  vtkGetMacro(Variation, double);
  ///@}

  ///@{
  /**
   * A factor on all lengths: 1, the default, a human heart, 0.15 a rabbit's.
   */
  vtkSetClampMacro(Size, double, 0.001, 1000.0);
  vtkGetMacro(Size, double);
  ///@}

  ///@{
  /**
   * The scar, where conduction velocity is ScarVelocity. Default: SCAR_PAPER_1.
   */
  vtkSetClampMacro(Scar, int, SCAR_NONE, SCAR_PAPER_5);
  vtkGetMacro(Scar, int);
  ///@}

  ///@{
  /**
   * The seed of a random scar. Default: 1.
   */
  vtkSetClampMacro(ScarSeed, int, 0, VTK_INT_MAX);
  vtkGetMacro(ScarSeed, int);
  ///@}

  ///@{
  /**
   * Conduction velocity of healthy wall and of scar, m/s. Default: 0.6 and 0.1.
   */
  vtkSetClampMacro(HealthyVelocity, double, 0.01, 10.0);
  vtkGetMacro(HealthyVelocity, double);
  vtkSetClampMacro(ScarVelocity, double, 0.01, 10.0);
  vtkGetMacro(ScarVelocity, double);
  ///@}

  ///@{
  /**
   * How many activation maps to simulate, each from another random site of origin. Default: 6.
   */
  vtkSetClampMacro(NumberOfMaps, int, 0, 100);
  vtkGetMacro(NumberOfMaps, int);
  ///@}

  ///@{
  /**
   * The seed of the sites of origin and of the measured nodes. Default: 1.
   */
  vtkSetClampMacro(MapSeed, int, 0, VTK_INT_MAX);
  vtkGetMacro(MapSeed, int);
  ///@}

  ///@{
  /**
   * How many endocardial nodes are measured; all where there are fewer. Default: 300.
   */
  vtkSetClampMacro(NumberOfMeasuredNodes, int, 8, 100000);
  vtkGetMacro(NumberOfMeasuredNodes, int);
  ///@}

  ///@{
  /**
   * How many times the mesh is refined for the simulation, each eight times the work. Default: 1.
   */
  vtkSetClampMacro(Refinements, int, 0, 3);
  vtkGetMacro(Refinements, int);
  ///@}

  ///@{
  /**
   * How many threads may compute; 0, the default, means what OMP_NUM_THREADS says, or as many as there are
   * processors.
   */
  vtkSetClampMacro(NumberOfThreads, int, 0, 1024);
  vtkGetMacro(NumberOfThreads, int);
  ///@}

  /** The measured endocardium (output port 1). */
  vtkPolyData* GetMeasuredOutput();

protected:
  vtkPhantomHeartSource();
  ~vtkPhantomHeartSource() override = default;

  int FillOutputPortInformation(int port, vtkInformation* info) override;
  int RequestInformation(vtkInformation* request, vtkInformationVector** inputVector,
    vtkInformationVector* outputVector) override;
  int RequestData(vtkInformation* request, vtkInformationVector** inputVector,
    vtkInformationVector* outputVector) override;

  int Seed = 1;
  int NumberOfNodes = 2000;
  int Ventricles = VENTRICLES_BOTH;
  double Variation = 1.0;
  double Size = 1.0;
  int Scar = SCAR_PAPER_1;
  int ScarSeed = 1;
  double HealthyVelocity = 0.6;
  double ScarVelocity = 0.1;
  int NumberOfMaps = 6;
  int MapSeed = 1;
  int NumberOfMeasuredNodes = 300;
  int Refinements = 1;
  int NumberOfThreads = 0;

private:
  vtkPhantomHeartSource(const vtkPhantomHeartSource&) = delete;
  void operator=(const vtkPhantomHeartSource&) = delete;
};

#endif
