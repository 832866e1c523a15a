/*=========================================================================

  Program:   Metapinn
  Module:    vtkActivationMapsAlgorithm.h

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
/**
 * @class   vtkActivationMapsAlgorithm
 * @brief   Superclass of filters that take a heart and activation maps measured on it.
 *
 * Port 0 takes the heart: a vtkUnstructuredGrid of tetrahedra (mm) or, where there is no volume, a
 * surface of triangles. Port 1, optional, takes the measured surface that carries the maps (any
 * point set, of which only the points count, or composite data); without it the heart carries them.
 * NaN and values at or below -9999 mean "not measured".
 *
 * @sa
 * vtkMetaPinnPersonalize vtkCompareMethods
 */

#ifndef vtkActivationMapsAlgorithm_h
#define vtkActivationMapsAlgorithm_h

#include "MetapinnFiltersModule.h" // For export macro
#include "vtkNew.h"                // For vtkNew
#include "vtkPointSetAlgorithm.h"

class vtkDataArraySelection;
class vtkMultiProcessController;

class METAPINNFILTERS_EXPORT vtkActivationMapsAlgorithm : public vtkPointSetAlgorithm
{
public:
  vtkTypeMacro(vtkActivationMapsAlgorithm, vtkPointSetAlgorithm);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  /** Where the networks are evaluated. */
  enum BackendType
  {
    BACKEND_AUTO = 0, ///< a GPU where there is one, else the CPU
    BACKEND_CPU = 1,
    BACKEND_CUDA = 2
  };

  ///@{
  /**
   * The context maps: point arrays of the measured surface, or of the heart where there is none. As
   * many as are enabled are used; at least one must be.
   */
  vtkGetNewMacro(ContextArrays, vtkDataArraySelection);
  void AddContextArray(const char* name);
  void ClearContextArrays();
  ///@}

  /**
   * Whether an array of this name is taken for an activation map: AT, LAT, AT_01, ActivationTime
   * and their like.
   */
  static bool IsActivationMap(const char* name);

  ///@{
  /**
   * The context maps chosen among the measured surface's arrays. Where any of these is enabled and
   * port 1 is connected, they are used in place of ContextArrays. For ParaView, whose lists of
   * arrays belong to one input each.
   */
  vtkGetNewMacro(MeasuredContextArrays, vtkDataArraySelection);
  void AddMeasuredContextArray(const char* name);
  void ClearMeasuredContextArrays();
  ///@}

  ///@{
  /**
   * The query map, of the activation to predict: a point array, where the context maps are, of
   * which the earliest 20 % of the measured nodes are used. MeasuredQueryArray, where it is set and
   * port 1 is connected, is used in place of QueryArray. Default: none.
   */
  vtkSetStringMacro(QueryArray);
  vtkGetStringMacro(QueryArray);
  vtkSetStringMacro(MeasuredQueryArray);
  vtkGetStringMacro(MeasuredQueryArray);
  ///@}

  ///@{
  /**
   * The file of the weights (safetensors). Empty, the default, means those that come with Metapinn.
   */
  vtkSetFilePathMacro(Weights);
  vtkGetFilePathMacro(Weights);
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
   * The backend. A backend that is asked for and not available is an error. Default: BACKEND_AUTO.
   */
  vtkSetClampMacro(Backend, int, BACKEND_AUTO, BACKEND_CUDA);
  vtkGetMacro(Backend, int);
  void SetBackendToAuto() { this->SetBackend(BACKEND_AUTO); }
  void SetBackendToCPU() { this->SetBackend(BACKEND_CPU); }
  void SetBackendToCUDA() { this->SetBackend(BACKEND_CUDA); }
  ///@}

  ///@{
  /**
   * The controller that tells whether the heart lies on one rank. Default: the global one.
   */
  virtual void SetController(vtkMultiProcessController* controller);
  vtkGetObjectMacro(Controller, vtkMultiProcessController);
  ///@}

  /** Connects the measured surface (port 1). */
  void SetMeasuredConnection(vtkAlgorithmOutput* output) { this->SetInputConnection(1, output); }

  vtkMTimeType GetMTime() override;

protected:
  vtkActivationMapsAlgorithm();
  ~vtkActivationMapsAlgorithm() override;

  int FillInputPortInformation(int port, vtkInformation* info) override;

  vtkNew<vtkDataArraySelection> ContextArrays;
  vtkNew<vtkDataArraySelection> MeasuredContextArrays;
  char* QueryArray = nullptr;
  char* MeasuredQueryArray = nullptr;
  char* Weights = nullptr;
  int NumberOfThreads = 0;
  int Backend = BACKEND_AUTO;
  vtkMultiProcessController* Controller = nullptr;

private:
  vtkActivationMapsAlgorithm(const vtkActivationMapsAlgorithm&) = delete;
  void operator=(const vtkActivationMapsAlgorithm&) = delete;
};

#endif
